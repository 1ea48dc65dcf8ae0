#!/usr/bin/env bats
# make install and make uninstall: exactly these files, and none is left.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..

version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
expected=(
    '755 /usr/bin/atls-client'
    '755 /usr/bin/atls-dump'
    '755 /usr/bin/atls-probe'
    '644 /usr/include/atls.h'
    '644 /usr/lib/libatls.a'
    '777 /usr/lib/libatls.so'
    '777 /usr/lib/libatls.so.0'
    "644 /usr/lib/libatls.so.$version"
    '644 /usr/lib/pkgconfig/atls.pc'
    '755 /usr/sbin/atls-serve'
    '644 /usr/share/atls/atls-dump.schema.json'
    '644 /usr/share/atls/atls-probe.schema.json'
    '644 /usr/share/bash-completion/completions/atls-client'
    '644 /usr/share/bash-completion/completions/atls-dump'
    '644 /usr/share/bash-completion/completions/atls-probe'
    '644 /usr/share/bash-completion/completions/atls-serve'
    '644 /usr/share/fish/vendor_completions.d/atls-client.fish'
    '644 /usr/share/fish/vendor_completions.d/atls-dump.fish'
    '644 /usr/share/fish/vendor_completions.d/atls-probe.fish'
    '644 /usr/share/fish/vendor_completions.d/atls-serve.fish'
    '644 /usr/share/man/man1/atls-client.1'
    '644 /usr/share/man/man1/atls-dump.1'
    '644 /usr/share/man/man1/atls-probe.1'
    '644 /usr/share/man/man3/atls.3'
    '644 /usr/share/man/man7/atls.7'
    '644 /usr/share/man/man8/atls-serve.8'
    '644 /usr/share/zsh/site-functions/_atls-client'
    '644 /usr/share/zsh/site-functions/_atls-dump'
    '644 /usr/share/zsh/site-functions/_atls-probe'
    '644 /usr/share/zsh/site-functions/_atls-serve'
)

setup() {
    stage=$BATS_TEST_TMPDIR/stage
    cd "$root" || return
}

# umask, for the directories' sake: files have the modes that install is given.
in_stage() { # TARGET VARIABLE...
    local target=$1
    shift
    (umask 027 && env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory "$target" \
        DESTDIR="$stage" "$@" 3>&-)
}

installed() { (cd "$stage" && find . ! -type d -printf '%m /%P\n' | LC_ALL=C sort -k 2); }

@test "make install puts exactly the expected files below DESTDIR and PREFIX" {
    run -0 --separate-stderr in_stage install PREFIX=/usr
    [[ -z $output && -z $stderr ]]
    diff -u <(printf '%s\n' "${expected[@]}") <(installed)
}

@test "the default PREFIX is /usr/local" {
    run -0 in_stage install
    diff -u <(printf '%s\n' "${expected[@]}" | sed 's|/usr/|/usr/local/|') <(installed)
}

@test "each directory can be chosen" {
    local dirs=(BINDIR=/a SBINDIR=/b MANDIR=/c BASHDIR=/d ZSHDIR=/e FISHDIR=/f LIBDIR=/g INCLUDEDIR=/h)
    run -0 in_stage install "${dirs[@]}" PCDIR=/i
    [[ -x $stage/a/atls-client && -x $stage/b/atls-serve && -e $stage/c/man7/atls.7 ]]
    [[ -e $stage/d/atls-serve && -e $stage/e/_atls-serve && -e $stage/f/atls-serve.fish ]]
    [[ -e $stage/g/libatls.a && -e $stage/h/atls.h && -e $stage/i/atls.pc ]]
    [[ $(installed | wc -l) == "${#expected[@]}" ]]
    run -0 in_stage uninstall "${dirs[@]}" PCDIR=/i
    [[ -z $(installed) ]]
}

@test "installing over an installation changes nothing" {
    run -0 in_stage install PREFIX=/usr
    run -0 in_stage install PREFIX=/usr
    diff -u <(printf '%s\n' "${expected[@]}") <(installed)
}

@test "the tools run from there" {
    run -0 in_stage install PREFIX=/usr
    cd "$stage"
    run -0 --separate-stderr usr/bin/atls-client --version
    [[ $output == 'atls-client '* && -z $stderr ]]
    run -0 --separate-stderr usr/sbin/atls-serve --version
    [[ $output == 'atls-serve '* && -z $stderr ]]
}

@test "the installed manual pages are readable" {
    local page name
    run -0 in_stage install PREFIX=/usr
    for page in "$stage"/usr/share/man/man*/*; do
        name=${page##*/}
        mandoc -T lint -W warning "$page"
        mandoc -T ascii "$page" | head -n 1 | grep -qi "^${name%.*}(${name##*.})"
    done
}

@test "make uninstall leaves no file behind, and takes no other" {
    run -0 in_stage install PREFIX=/usr
    touch "$stage/usr/bin/other" "$stage/usr/share/man/man1/other.1"
    run -0 --separate-stderr in_stage uninstall PREFIX=/usr
    [[ -z $stderr ]]
    [[ $(installed) == $'644 /usr/bin/other\n644 /usr/share/man/man1/other.1' ]]
}

@test "make uninstall without an installation is no error" {
    mkdir "$stage"
    run -0 in_stage uninstall PREFIX=/usr
    [[ -z $(installed) ]]
}
