#!/usr/bin/env bats
# --log-format json on both sides, and the progress line of atls-client on a terminal.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_pki
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# Every line of a log is an object of the schema.
all_json() { # FILE TOOL
    jq -Rse --arg tool "$2" 'split("\n")[:-1] | map(fromjson) | length > 0 and all(.schema == "atls-log/1"
        and .tool == $tool and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$"))
        and (.message | type == "string") and (.level | IN("error", "notice", "verbose", "debug")))' "$1" ||
        { cat "$1" && return 1; }
}

# has FILE FILTER: one line at least fits.
has() {
    jq -ne "[inputs | select($2)] | length > 0" "$1" >/dev/null || { echo "none: $2" && cat "$1" && return 1; }
}

@test "json: atls-serve tells a session's facts when it ends" {
    start_service echo -v --log-format json
    run -0 --separate-stderr client "$SERVICE" <<<words
    wait_log serve '"session_end"'
    curl -sS -o "$DIR/body" "$SERVICE/elsewhere"
    wait_log serve 'request_refused'
    stop serve
    all_json "$DIR/serve.log" atls-serve
    has "$DIR/serve.log" ".event == \"listening\" and .scheme == \"http\" and .port == $SERVICE_PORT"
    has "$DIR/serve.log" '.event == "session_open" and .version == "TLS1.3" and (.suite | startswith("TLS_"))
        and .name == "service.test" and .peer == "127.0.0.1" and .exchanges == 2 and (.session | length) == 6'
    has "$DIR/serve.log" '.event == "session_end" and .bytes_up == 6 and .bytes_down == 6 and .opened
        and .duration_ms >= 0 and .exchanges >= 2 and .code == "ok" and .reason == "closed by both sides"
        and .version == "TLS1.3" and .level == "notice"'
    has "$DIR/serve.log" '.event == "request_refused" and .status == 404 and .method == "GET"'
    has "$DIR/serve.log" '.event == "going_down" and .sessions == 0'
}

@test "json: what a peer chose stays inside its string" {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$DIR/odd.key" \
        -out "$DIR/odd.pem" -subj "/CN=a\",\"level\":\"x"$'\033\xff\n' 2>"$DIR/openssl"
    start_backend echo
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND" -v --log-format json \
        --outer-cert "$DIR/odd.pem" --outer-key "$DIR/odd.key"
    run -0 --separate-stderr client -v --log-format json "https://127.0.0.1:$PORT" <<<words
    printf '%s\n' "$stderr" >"$DIR/client.json"
    all_json "$DIR/client.json" atls-client
    has "$DIR/client.json" '.event == "outer_tls" and (.subject // "" | contains("level")) and .level == "verbose"'
    curl -gksS -o "$DIR/body" "https://127.0.0.1:$PORT/%22%0a%ff%1b[2J"
    wait_log serve request_refused
    all_json "$DIR/serve.log" atls-serve
    has "$DIR/serve.log" '.event == "request_refused" and .path == "/\"\n\\xff\u001b[2J"'
}

@test "json: a session that fails says why, with a code" {
    start_service echo --log-format json
    run -4 --separate-stderr bare_client --cacert "$CERTS/other-ca.pem" --servername service.test \
        --log-format json "$SERVICE" <<<words
    printf '%s\n' "$stderr" >"$DIR/client.json"
    all_json "$DIR/client.json" atls-client
    has "$DIR/client.json" '.event == "error" and .code == "tls" and (.message | startswith("inner TLS: "))
        and (.hint | type == "string")'
    wait_log serve 'session_end'
    has "$DIR/serve.log" '.event == "session_end" and .opened == false and .code == "tls"
        and (.reason | contains("unknown_ca"))'
}

@test "json: errors before it listens, and -q" {
    run -6 --separate-stderr serve -q --log-format json -l 127.0.0.1:0 --cert "$DIR/missing" -b 127.0.0.1:1
    jq -e '.event == "error" and .code == "local" and .level == "error"' <<<"$stderr"
    start_service echo -q --log-format json
    run -0 --separate-stderr client -q --log-format json "$SERVICE" <<<words
    [[ $stderr == '' && $output == words ]]
    stop serve
    [[ ! -s $DIR/serve.log ]]
}

@test "json: -L tells each connection, -vv each exchange" {
    start_service echo
    start_tool LOCAL_PORT forward "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" --servername service.test \
        -vv --log-format json -L 127.0.0.1:0 "$SERVICE"
    run -0 timeout 20 nc -N 127.0.0.1 "$LOCAL_PORT" <<<words
    [[ $output == words ]]
    wait_log forward '"connection_end"'
    stop forward
    all_json "$DIR/forward.log" atls-client
    has "$DIR/forward.log" ".event == \"listening\" and .port == $LOCAL_PORT"
    has "$DIR/forward.log" '.event == "connection_open" and .connection == 1 and .peer == "127.0.0.1"'
    has "$DIR/forward.log" '.event == "connection_end" and .bytes_up == 6 and .bytes_down == 6 and .code == "ok"'
    has "$DIR/forward.log" '.event == "inner_tls" and .session == "1" and .fault == "ok"
        and .encoding == "atls" and (.subject | type == "string")'
    has "$DIR/forward.log" '.event == "request" and .session == "1" and .level == "debug"'
    has "$DIR/forward.log" '.event == "answer" and .session == "1"'
}

@test "json: atls-probe and atls-dump, too" {
    run -6 --separate-stderr "$ATLS_BIN/atls-dump" --log-format json "$DIR/missing"
    printf '%s\n' "$stderr" >"$DIR/dump.json"
    all_json "$DIR/dump.json" atls-dump
    has "$DIR/dump.json" '.event == "error" and .code == "local"'
    run -6 --separate-stderr "$ATLS_BIN/atls-probe" --log-format json --expect-ca "$DIR/missing" 127.0.0.1:1
    printf '%s\n' "$stderr" >"$DIR/probe.json"
    all_json "$DIR/probe.json" atls-probe
    has "$DIR/probe.json" '.event == "error" and .code == "local"'
}

@test "text is the default, and what is neither is refused" {
    start_service echo --log-format text
    run -0 --separate-stderr client --log-format text -v "$SERVICE" <<<words
    said 'atls-client: session 1: inner TLS: *'
    run -2 --separate-stderr client --log-format xml "$SERVICE"
    said "atls-client: option '--log-format': 'xml' is not one of text, json"
}

# ---- progress -------------------------------------------------------------------------------------

# start_shown IN OUT OPTION...: a client whose standard error is a terminal; client.log is what that
# shows. IN becomes a FIFO, open in INPUT_FD.
start_shown() {
    mkfifo "$1" && exec {INPUT_FD}<>"$1"
    TERM=${SHOWN_TERM-xterm} start client "$PYTHON" "$ATLS_ROOT/tests/lib/terminal.py" "$1" "$2" \
        "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" --servername service.test --idle-poll 0.5 "${@:3}" "$SERVICE"
}

# So many polls in a row take more than four seconds.
long_idle() {
    wait_for 60 test_polls 16
}
test_polls() { (($(grep -c 'answer of 0 TLS bytes' "$DIR/serve.log") >= $1)); }

ESC=$'\033'

@test "progress: a line on the terminal that is rewritten, and gone at the end" {
    start_service echo
    start_shown "$DIR/in" "$DIR/out"
    echo words >&"$INPUT_FD"
    wait_log client $'\r0:0[2-9]  6 B up, 6 B down, [0-9]+ B/s'"$ESC\\[K" 30
    head -c 100000 /dev/zero >&"$INPUT_FD"
    wait_log client "97\.7 KiB up, 97\.7 KiB down, .*/s$ESC\\[K" 30
    end_input
    wait_exit client 30
    [[ $STOP_STATUS == 0 ]]
    [[ $(<"$DIR/client.log") == *$'\r'"${ESC}[K" ]]
    (($(wc -l <"$DIR/client.log") == 0))
    [[ $(stat -c %s "$DIR/out") == 100006 ]]
}

@test "progress: other lines stand alone, and an error is the last" {
    start_service echo
    start_shown "$DIR/in" "$DIR/out" -v --resume-timeout 0.1
    echo words >&"$INPUT_FD"
    wait_log client '6 B up, 6 B down' 30
    kill -KILL "$(pid_of serve)"
    wait_exit client 30
    [[ $STOP_STATUS == 3 ]]
    # A line that was begun is taken away before what comes after it.
    run -0 sed "s/.*\r$ESC\[K//; s/\r*$//" "$DIR/client.log"
    [[ ${lines[0]} == 'atls-client: outer TLS: none was seen' ]]
    [[ ${lines[1]} == 'atls-client: session 1: inner TLS: '* ]]
    [[ ${lines[2]} == 'atls-client: session 1: an exchange was lost: '* ]]
    [[ ${lines[-1]} == 'atls-client: '*': '* ]]
    [[ $output != *' up, '*'/s'* ]]
}

@test "progress: not between two pipes, unless asked for; not with -q, as JSON or where it is forbidden" {
    local case
    for case in '| ' "$DIR/out -q" "$DIR/out --no-progress-meter" "$DIR/out --log-format json" 'tty '; do
        start_service echo -vv
        # shellcheck disable=SC2086  # words
        start_shown "$DIR/in" $case --carriage base
        long_idle
        end_input
        wait_exit client 30
        [[ $STOP_STATUS == 0 ]]
        [[ ! -s $DIR/client.log ]] || { echo "$case:" && cat -v "$DIR/client.log" && return 1; }
        stop_all
        rm -f "$DIR/in"
    done
    start_service echo
    start_shown "$DIR/in" '|' --progress-meter
    wait_log client ' up, 0 B down' 30
    end_input
    wait_exit client 30
}

@test "progress: not on a terminal that cannot, and a narrow one is not left" {
    start_service echo -vv
    SHOWN_TERM=dumb start_shown "$DIR/in" "$DIR/out" --carriage base
    long_idle
    end_input
    wait_exit client 30
    [[ ! -s $DIR/client.log ]]
    run -2 --separate-stderr client --progress-meter --no-progress-meter "$SERVICE"
    said 'atls-client: --progress-meter and --no-progress-meter exclude each other'
}

# ---- documents ------------------------------------------------------------------------------------

@test "the manual pages have each event, and no other" {
    local tool page
    for tool in atls-serve:8 atls-client:1; do
        page=$ATLS_ROOT/man/${tool/:/.}
        tool=${tool%:*}
        grep -ohE '(event = |about = \{|LOG_(ERROR|NOTICE|VERBOSE|DEBUG), )"[a-z_]+"' \
            "$ATLS_ROOT/cmd/$tool"/*.c "$ATLS_ROOT"/lib/cli/log*.c | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u >"$DIR/code"
        sed -n '/^Events, and/,/^\.El/s/^\.It Li //p' "$page" | tr -d ' ' | tr ',' '\n' | sort -u >"$DIR/page"
        diff "$DIR/code" "$DIR/page"
        [[ -s $DIR/code ]]
    done
}
