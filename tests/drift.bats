#!/usr/bin/env bats
# What is said about the tools is what they are: --help, manual pages, completions, exit codes, and
# the commands of README.md, which are run.
#
# In README.md a line "<!-- test: NAME -->" marks the code block below it. Of a console block, lines
# with "$ " (continued with "> ") are run; the others must be the end of what comes out, "..." standing
# for anything, on a line of its own for any lines. Other blocks are configurations that a test uses.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..
. "$root/tests/lib/common.bash"

tools=(atls-client atls-dump atls-probe atls-serve)

setup_file() {
    use_dir
    make_ca ca && make_ca other
    make_cert ca service service.example,localhost
    make_cert other front service.example
    mkdir "$DIR/www" "$DIR/bin"
    echo 'Hello from the application' >"$DIR/www/index.html"
    start_retry APP_PORT app _app "$DIR/www"
    start_tool 'HTTPS_PORT HTTP_PORT' service "$root/bin/atls-serve" -l 127.0.0.1:0 \
        -l http://127.0.0.1:0 --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" \
        --cert "$CERTS/service.pem" --key "$CERTS/service.key" -b "127.0.0.1:$APP_PORT"
}

teardown_file() { stop_all; }

setup() { cd "$root" || return; }

teardown() {
    if [[ -d $BATS_TEST_TMPDIR/pids ]]; then
        DIR=$BATS_TEST_TMPDIR stop_all
    fi
}

_app() { COMMAND=(python3 -m http.server --bind 127.0.0.1 --directory "$2" "$1"); }

# ---- what the tools say of themselves -----------------------------------------------------------

page_of() { printf '%s\n' "$root/man/$1".[18]; }

# "-x, --proxy URL" of each option, in the table's order. A value that finds no room stands on the
# same line, the text below.
help_options() {
    "bin/$1" --help | sed -nE '/^Options:$/,/^$/s/^  ((-., )|    )(--[a-z0-9-]+( [^ ]+)?)( .*)?$/\2\3/p'
}

# The same of the manual page's list of options.
page_options() {
    sed -nE '/^\.It Fl /{
        s/^\.It //; s/Fl -/--/g; s/Fl (.) , /-\1, /; s/ Ar / /; p
    }' "$(page_of "$1")"
}

all_options() {
    local tool
    for tool in "${tools[@]}"; do help_options "$tool"; done
}

# Names only: "--proxy", "-x".
names() { grep -oE '(^|[ ,])--?[A-Za-z0-9][A-Za-z0-9-]*' | tr -d ' ,' | sort; }
long_names() { names | grep '^--'; }

# The man page's exit codes, and those that --help mentions.
page_codes() { sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9]*\)$/\1/p' "$(page_of "$1")"; }
help_codes() { "bin/$1" --help | sed -n '/^Exit codes:/,$p' | grep -oE '\b[0-9]+\b'; }

equal() { # WHAT EXPECTED-FILE ACTUAL-FILE
    diff -u --label "$1: expected" --label "$1: actual" "$2" "$3"
}

@test "--help and --version go to standard output and end with 0" {
    local tool option
    for tool in "${tools[@]}"; do
        for option in -h --help; do
            run -0 --separate-stderr "bin/$tool" "$option"
            [[ $output == "Usage: $tool "* && -z $stderr ]]
        done
        for option in -V --version; do
            run -0 --separate-stderr "bin/$tool" "$option"
            [[ $output =~ ^$tool\ [0-9.]+\ \(GnuTLS\ [0-9.]+(,\ lib[a-z]+\ [0-9.]+)*\)$ && -z $stderr ]]
        done
    done
}

@test "the manual pages have the options of --help, with their values, in that order" {
    local tool
    for tool in "${tools[@]}"; do
        help_options "$tool" >"$BATS_TEST_TMPDIR/help"
        page_options "$tool" >"$BATS_TEST_TMPDIR/page"
        (($(wc -l <"$BATS_TEST_TMPDIR/help") > 3))
        equal "$tool" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
    done
}

@test "the manual pages name no option that does not exist" {
    local tool
    for tool in "${tools[@]}"; do
        # Those of the other tool may be referred to.
        all_options | names | sort -u >"$BATS_TEST_TMPDIR/known"
        grep '^\.' "$(page_of "$tool")" man/atls.7 |
            grep -oE '\bFl [A-Za-z0-9-]+' | sed 's/^Fl /-/' | sort -u >"$BATS_TEST_TMPDIR/used"
        comm -13 "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/used" >"$BATS_TEST_TMPDIR/stale"
        equal "$tool" /dev/null "$BATS_TEST_TMPDIR/stale"
    done
}

@test "README.md names no option that does not exist" {
    all_options | long_names | sort -u >"$BATS_TEST_TMPDIR/known"
    grep -oE '(atls-client|atls-dump|atls-probe|atls-serve)( [^|`&]*)' README.md | long_names | sort -u >"$BATS_TEST_TMPDIR/used"
    (($(wc -l <"$BATS_TEST_TMPDIR/used") > 5))
    comm -13 "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/used" >"$BATS_TEST_TMPDIR/stale"
    equal README.md /dev/null "$BATS_TEST_TMPDIR/stale"
}

@test "exit codes: manual pages, --help and exit.h agree" {
    local tool code
    sed -nE 's/^\tATLS_EXIT_[A-Z]+ = ([0-9]+),.*/\1/p' lib/cli/exit.h >"$BATS_TEST_TMPDIR/known"
    grep -qx 128 "$BATS_TEST_TMPDIR/known"
    for code in 2 15; do echo $((128 + code)); done >>"$BATS_TEST_TMPDIR/known"
    for tool in "${tools[@]}"; do
        page_codes "$tool" >"$BATS_TEST_TMPDIR/page"
        help_codes "$tool" >"$BATS_TEST_TMPDIR/help"
        (($(wc -l <"$BATS_TEST_TMPDIR/page") > 3))
        equal "$tool" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
        run -1 grep -vxFf "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/page"
    done
}

@test "the manual pages have their sections, and mandoc finds nothing to warn of" {
    local page section
    mandoc -T lint -W warning man/*.[178]
    for page in man/atls-client.1 man/atls-dump.1 man/atls-probe.1 man/atls-serve.8; do
        for section in NAME SYNOPSIS DESCRIPTION ENVIRONMENT 'EXIT STATUS' EXAMPLES 'SEE ALSO' \
            'SECURITY CONSIDERATIONS'; do
            grep -qx ".Sh $section" "$page"
        done
    done
}

@test "the manual page has each field of --check --json, and no other" {
    use_dir "$BATS_TEST_TMPDIR/one"
    run -0 --separate-stderr bin/atls-client --check --json --cacert "$CERTS/ca.pem" "http://localhost:$HTTP_PORT/"
    jq -r 'keys[], (.inner | keys[])' <<<"$output" >"$BATS_TEST_TMPDIR/fields"
    run -4 --separate-stderr bin/atls-client --check --json --cacert "$CERTS/other.pem" "http://localhost:$HTTP_PORT/"
    jq -r 'keys[]' <<<"$output" >>"$BATS_TEST_TMPDIR/fields"
    printf '%s\n' outer report direct raw >>"$BATS_TEST_TMPDIR/fields"
    sort -u "$BATS_TEST_TMPDIR/fields" >"$BATS_TEST_TMPDIR/found"
    sed -n 's/^\.It Va //p' man/atls-client.1 | sort -u >"$BATS_TEST_TMPDIR/page"
    equal 'fields' "$BATS_TEST_TMPDIR/found" "$BATS_TEST_TMPDIR/page"
}

@test "atls-probe(1) has each kind of evidence, and each weight, in the order of evidence.h" {
    sed -n 's/.*\[ATLS_EV_[A-Z_]*\] = "\(.*\)",/\1/p' lib/trust/judge.c | sort >"$BATS_TEST_TMPDIR/kinds"
    (($(wc -l <"$BATS_TEST_TMPDIR/kinds") > 10))
    sed -n '/^\.Sh EVIDENCE/,/^\.Sh CASES/p' man/atls-probe.1 >"$BATS_TEST_TMPDIR/evidence"
    sed -n 's/^\.It Cm \([a-z, -]*\) Ta .*/\1/p' "$BATS_TEST_TMPDIR/evidence" | sed 's/ , /\n/g' | sort -u >"$BATS_TEST_TMPDIR/named"
    equal 'kinds of evidence' "$BATS_TEST_TMPDIR/kinds" "$BATS_TEST_TMPDIR/named"
    sed -n 's/^\tATLS_W_[A-Z_]* = \(-\{0,1\}[0-9]*\),.*/\1/p' lib/trust/evidence.h >"$BATS_TEST_TMPDIR/weights"
    grep -oE '^\.It (Cm [a-z, -]* )?Ta -?[0-9]+ Ta' "$BATS_TEST_TMPDIR/evidence" | grep -oE -- '-?[0-9]+ Ta$' |
        sed 's/ Ta//' | grep -vx 0 >"$BATS_TEST_TMPDIR/told"
    equal weights "$BATS_TEST_TMPDIR/weights" "$BATS_TEST_TMPDIR/told"
}

@test "the issuers that are built in are those of issuers.tsv" {
    awk -f lib/trust/issuers.awk lib/trust/issuers.tsv |
        clang-format --assume-filename=lib/trust/x.c >"$BATS_TEST_TMPDIR/issuers.c"
    equal issuers "$BATS_TEST_TMPDIR/issuers.c" lib/trust/issuers_builtin.c
}

@test "atls-probe(1) has each field of --json, and no other" {
    run -7 --separate-stderr bin/atls-probe --json --depth full --store "$CERTS/ca.pem" --public-roots "$CERTS/ca.pem" \
        --expect-pin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "localhost:$HTTPS_PORT"
    jq -r 'keys[], (.tls | keys[]), (.chain[0] | keys[]), (.evidence[0] | keys[])' <<<"$output" >"$BATS_TEST_TMPDIR/fields"
    # Who closes at once may be faster than what it says.
    run --separate-stderr bin/atls-probe --json --depth quick "localhost:$HTTP_PORT"
    [[ $status == [35] ]]
    jq -r 'keys[]' <<<"$output" >>"$BATS_TEST_TMPDIR/fields"
    sort -u "$BATS_TEST_TMPDIR/fields" >"$BATS_TEST_TMPDIR/found"
    sed -n '/^\.Sh JSON/,/^\.Sh ENVIRONMENT/s/^\.\(It \)\{0,1\}Va //p' man/atls-probe.1 | sed 's/[ ,.]\{1,\}/\n/g' |
        grep . | sort -u >"$BATS_TEST_TMPDIR/page"
    equal 'fields' "$BATS_TEST_TMPDIR/found" "$BATS_TEST_TMPDIR/page"
}

# ---- completions --------------------------------------------------------------------------------

@test "completions are those that the option tables give" {
    local file name
    mkdir "$BATS_TEST_TMPDIR/made"
    env -u MAKEFLAGS -u MAKELEVEL make -s .build/plain/completions/generate 3>&-
    .build/plain/completions/generate "$BATS_TEST_TMPDIR/made"
    for file in "$BATS_TEST_TMPDIR/made"/*; do
        equal "completions/${file##*/}" "$file" "completions/${file##*/}"
    done
    for file in completions/*; do
        name=${file##*/}
        [[ $name == generate.c || -e $BATS_TEST_TMPDIR/made/$name ]]
    done
}

@test "completions are of their shells" {
    local tool
    for tool in "${tools[@]}"; do
        bash -n "completions/$tool.bash"
        zsh -n "completions/_$tool"
        fish -n "completions/$tool.fish"
    done
}

# complete_bash TOOL WORD...: what bash offers for the last word.
complete_bash() {
    bash -c '. "completions/$1.bash"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        "$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
        ((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}

@test "bash offers every option and nothing else" {
    local tool
    for tool in "${tools[@]}"; do
        help_options "$tool" | names >"$BATS_TEST_TMPDIR/help"
        complete_bash "$tool" - | sort >"$BATS_TEST_TMPDIR/offered"
        equal "$tool" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/offered"
    done
}

@test "bash completes a beginning, and the values of an option" {
    run -0 complete_bash atls-client --cac
    [[ $output == --cacert ]]
    run -0 complete_bash atls-client --encoding ''
    [[ $output == $'auto\njson\noctet-stream\natls' ]]
    run -0 complete_bash atls-client --encoding = js
    [[ $output == json ]]
    run -0 complete_bash atls-serve --tls-max 1.
    [[ $output == $'1.2\n1.3' ]]
}

@test "fish offers every option and nothing else" {
    local tool
    for tool in "${tools[@]}"; do
        help_options "$tool" | names >"$BATS_TEST_TMPDIR/help"
        HOME=$BATS_TEST_TMPDIR fish -N -c "source completions/$tool.fish; complete -C '$tool -'" |
            cut -f1 | tr -d = | sort >"$BATS_TEST_TMPDIR/offered"
        equal "$tool" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/offered"
    done
}

@test "zsh has every option and nothing else" {
    local tool
    for tool in "${tools[@]}"; do
        help_options "$tool" | names >"$BATS_TEST_TMPDIR/help"
        # Without what the specifications say in brackets, and what options exclude.
        sed -nE "/^    '/!d; s/\\[.*//; s/'\\([^)]*\\)'?//; s/^ *'[*]?'?//; s/[{},]/ /g; s/[=+]//g; p" "completions/_$tool" |
            names >"$BATS_TEST_TMPDIR/offered"
        equal "$tool" "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/offered"
    done
}

# ---- README.md ----------------------------------------------------------------------------------

block() { # NAME: the code block below "<!-- test: NAME -->"
    awk -v mark="<!-- test: $1 -->" '
        $0 == mark { found = 1; next }
        found == 1 && /^```/ { found = 2; next }
        found == 2 && /^```/ { exit }
        found == 2' "$root/README.md"
}

# Its commands. What runs in the background is given the time to listen where its command says.
commands() {
    awk '/^\$ / { line = substr($0, 3) } /^> / { line = line "\n" substr($0, 3) }
        /^[$>] / && !/\\$/ {
            print line
            if (line ~ /[^&]&$/ && match(line, /(127\.0\.0\.1 .* |-L |--listen [^ ]*:|-l [^ ]*:)[0-9]+/)) {
                port = substr(line, RSTART, RLENGTH)
                sub(/.*[^0-9]/, "", port)
                print "(wait_port " port ")"
            }
        }'
}

# The lines that it shows, as a pattern for [[ == ]].
shown() {
    awk '/^[$>] / { next } /^ *\.\.\.$/ { printf "*"; next } { print }' |
        sed -E 's/[][\\?"]/\\&/g; s/\.\.\./*/g'
}

# Runs the block NAME in a directory that has ca.pem, service.pem and service.key. There,
# https://service.example/ is the service of setup_file, and the ports of the text are free ones.
run_block() { # NAME [APP_PORT]
    local dir=$BATS_TEST_TMPDIR pattern port
    port=$(free_port)
    use_dir "$dir"
    mkdir -p "$dir/bin" "$dir/work"
    cp "$CERTS/ca.pem" "$CERTS/service.pem" "$CERTS/service.key" "$dir/work"
    printf '%s\n' '#!/bin/sh' \
        "exec '$root/bin/atls-client' --connect-to service.example:443:127.0.0.1:$HTTPS_PORT \"\$@\"" \
        >"$dir/bin/atls-client"
    printf '%s\n' '#!/bin/sh' \
        "exec '$root/bin/atls-probe' --connect-to service.example:443:127.0.0.1:$HTTPS_PORT \"\$@\"" \
        >"$dir/bin/atls-probe"
    chmod 755 "$dir/bin/atls-client" "$dir/bin/atls-probe"
    ln -s "$root/bin/atls-serve" "$dir/bin/atls-serve"
    {
        printf '%s\n' 'set -euo pipefail' ". '$root/tests/lib/common.bash'" 'exec 2>>../stderr 3>&-' \
            "trap 'jobs -p | xargs -r kill -TERM; wait || :' EXIT"
        block "$1" | commands
    } | sed "s/8000/${2:-$APP_PORT}/g; s/8080/$port/g" >"$dir/script"
    # shellcheck disable=SC2016
    printf '# %s\n' "commands of README.md, $1:" "$(cat "$dir/script")"
    cd "$dir/work" || return
    PATH=$dir/bin:$PATH run -0 timeout 60 bash ../script
    printf '%s\n' '# standard error:' "$(cat ../stderr)" '# standard output:' "$output"
    pattern=$(block "$1" | shown | sed "s/8080/$port/g")
    # shellcheck disable=SC2053
    [[ $output == *$pattern ]]
}

@test "README.md: each mark has its block and its test here" {
    local name count=0
    while read -r name; do
        [[ -n $(block "$name") ]]
        grep -qE "(run_block|\\<block) $name\\>" "$BATS_TEST_FILENAME"
        count=$((count + 1))
    done < <(sed -n 's/^<!-- test: \(.*\) -->$/\1/p' README.md)
    ((count >= 8))
}

@test "README.md: try it on one machine" { run_block try "$(free_port)"; }

@test "README.md: check" { run_block check; }

@test "README.md: probe" { run_block probe; }

@test "README.md: direct" { run_block direct; }

@test "README.md: pipe" { run_block pipe; }

@test "README.md: port forward" { run_block forward; }

@test "README.md: client certificates" { run_block client-certificate; }

@test "README.md: service" {
    run_block service
    grep -q 'going down' atls-serve.log
}

# Those are run by tests/fronts.bats.
@test "README.md: the configurations of nginx and haproxy are those of atls-serve(8)" {
    use_dir "$BATS_TEST_TMPDIR"
    block nginx >"$DIR/nginx"
    block haproxy >"$DIR/haproxy"
    (($(wc -l <"$DIR/nginx") > 20 && $(wc -l <"$DIR/haproxy") > 10))
    equal nginx <(recipe_text nginx) "$DIR/nginx"
    equal haproxy <(recipe_text haproxy) "$DIR/haproxy"
}
