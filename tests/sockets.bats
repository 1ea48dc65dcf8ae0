#!/usr/bin/env bats
# Unix sockets on every side, directories of trust anchors, and several certificates at once.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_pki
    make_cert ca other other.test
    mkdir "$DIR/anchors"
    cp "$CERTS/ca.pem" "$DIR/anchors/a.pem"
    printf 'hello\n' >"$DIR/in"
    export IN=$DIR/in ANCHORS=$DIR/anchors
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

@test "Unix sockets: to listen on, to connect to, to forward from, and behind" {
    start_backend echo "unix:$DIR/app"
    start_serve SERVICE_PORT --listen "unix:$DIR/front" --backend "$BACKEND"
    [[ $SERVICE_PORT == 0 ]]
    run -0 --separate-stderr client --unix-socket "$DIR/front" http://service.test/ <"$IN"
    [[ $output == hello ]]
    start_tool FORWARD_PORT forward "$ATLS_BIN/atls-client" -L "unix:$DIR/local" \
        --cacert "$CERTS/ca.pem" --unix-socket "$DIR/front" http://service.test/
    [[ $FORWARD_PORT == 0 ]]
    run -0 --separate-stderr timeout 10 nc -NU "$DIR/local" <"$IN"
    [[ $output == hello ]]
    stop forward
    [[ ! -e $DIR/local ]]
    stop serve
    [[ $STOP_STATUS == 0 && ! -e $DIR/front ]]
}

@test "Unix sockets: one that nobody listens on gives way, others do not" {
    "$PYTHON" -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$DIR/stale"
    start_backend echo
    start_serve SERVICE_PORT --listen "unix:$DIR/stale" --backend "$BACKEND"
    carry 6 /dev/null "$DIR/out" serve --listen "unix:$DIR/stale" --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" --backend "$BACKEND"
    only_said "atls-serve: cannot listen on unix:$DIR/stale: Address already in use"
    : >"$DIR/file"
    carry 6 /dev/null "$DIR/out" bare_client --cacert "$CERTS/ca.pem" -L "unix:$DIR/file" http://x/
    only_said "atls-client: cannot listen on unix:$DIR/file: Address already in use"
    [[ -e $DIR/file ]]
    run -0 --separate-stderr client --unix-socket "$DIR/stale" http://service.test/ <"$IN"
    [[ $output == hello ]]
}

@test "a directory of trust anchors, on both sides" {
    start_backend echo
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capath "$ANCHORS"
    carry 4 "$IN" "$DIR/out" bare_client --capath "$ANCHORS" --servername service.test \
        "http://127.0.0.1:$SERVICE_PORT/"
    said 'atls-client: inner TLS: the peer ended the session with alert certificate_required (116)'
    run -0 --separate-stderr bare_client --capath "$ANCHORS" --servername service.test \
        --cert "$CERTS/other.pem" --key "$CERTS/other.key" "http://127.0.0.1:$SERVICE_PORT/" <"$IN"
    [[ $output == hello ]]
    mkdir "$DIR/empty"
    carry 6 "$IN" "$DIR/out" bare_client --capath "$DIR/empty" "http://127.0.0.1:$SERVICE_PORT/"
    said "atls-client: cannot read CA directory '$DIR/empty': *"
    carry 2 "$IN" "$DIR/out" client --capath "$ANCHORS" "http://127.0.0.1:$SERVICE_PORT/"
    said 'atls-client: --cacert and --capath exclude each other'
}

@test "several certificates: the name asked for chooses, the first one is for the rest" {
    local name
    start_backend echo
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" \
        --cert "$CERTS/other.pem" --key "$CERTS/other.key"
    for name in service.test other.test; do
        run -0 --separate-stderr bare_client --check --json --cacert "$CERTS/ca.pem" \
            --servername "$name" "http://127.0.0.1:$SERVICE_PORT/"
        [[ $(jq -r .inner.names <<<"$output") == *"$name"* ]]
    done
    carry 4 "$IN" "$DIR/out" bare_client --cacert "$CERTS/ca.pem" --servername third.test \
        "http://127.0.0.1:$SERVICE_PORT/"
    said "atls-client: inner TLS: the service's certificate is for *service.test*, not for 'third.test'"
    carry 2 /dev/null "$DIR/out" serve --listen 127.0.0.1:0 --backend "$BACKEND" \
        --cert "$CERTS/service.pem" --cert "$CERTS/other.pem" --key "$CERTS/service.key"
    said 'atls-serve: each --cert needs its --key, or none does'
}
