#!/usr/bin/env bats
# atls-serve and clients that mean no good: requests whose end is not clear, slow and cut ones, sessions
# that are others', bodies that are none; and backends that fail a session.

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_ca ca && make_cert ca service service.test
    make_data "$DIR/big" 300000
    make_client_hello "$DIR/hello"
    export BIG=$DIR/big HELLO=$DIR/hello
}

# shellcheck disable=SC2034  # client() takes it: whose requests are counted here
setup() { CLIENT_CARRIAGE=base && begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# ---- what HTTP it takes -------------------------------------------------------------------------

# A line of hostile_client.py for each case; then an ordinary client is served.
answers() {
    local case names=()
    start_service echo --request-timeout 5 "${OPTIONS[@]}"
    for case; do names+=("${case%%:*}"); done
    run -0 timeout 60 "$PYTHON" "$ATLS_ROOT/tests/lib/hostile_client.py" "$SERVICE_PORT" "${names[@]}"
    diff <(printf '%s\n' "$@") <(printf '%s\n' "${lines[@]}")
    run -0 --separate-stderr client "$SERVICE" <<<words
    [[ $output == words ]]
}

# 404 is the answer to the ordinary request that follows each case.
@test "requests that are right, one by one, in chunks, and several at once" {
    answers 'plain: 200 404 closed' 'chunked: 200 404 closed' 'chunk-extension: 200 404 closed' \
        'chunk-trailers: 200 404 closed' 'pipelined: 200 200 200 404 closed'
}

@test "requests whose end is not clear are refused, and nothing behind them is taken for a request" {
    answers 'length-and-chunked: 400 closed' 'chunked-and-length: 400 closed' 'two-lengths: 400 closed' \
        'two-lengths-reversed: 400 closed' 'length-spaced: 400 closed' 'length-folded: 411 closed' \
        'length-missing: 411 closed' 'coding-unknown: 400 closed' 'coding-list: 400 closed' \
        'coding-identity: 400 closed' 'coding-twice: 400 closed' 'coding-prefixed: 400 closed' \
        'coding-tabbed: 400 closed' 'coding-in-1.0: 400 closed'
}

# libmicrohttpd refuses these itself; what is behind them is no request, or refused as well.
@test "lengths and chunks that are no numbers, or too large" {
    answers 'length-list: 400 400 closed' 'length-plus: 400 400 closed' 'length-minus: 400 400 closed' \
        'length-hex: 400 400 closed' 'length-words: 400 400 closed' 'length-empty: 400 400 closed' \
        'length-overflow: 413 413 closed' 'chunk-garbage: 400 closed' 'chunk-minus: 400 closed' \
        'chunk-overflow: 413 closed' 'chunk-too-small: 400 closed'
}

@test "header lines that are none, or too much" {
    answers 'no-colon: 400 closed' 'huge-header: 431 closed' 'many-headers: 431 closed' \
        'huge-path: 414 closed' 'huge-cookie: 422 404 closed'
}

@test "first lines that are none, other versions and methods" {
    answers 'tls: 400 closed' 'http-0.9: 400 closed' 'http-2: 505 closed' 'http-9: 505 closed' \
        'path-dots: 404 404 closed' 'connect: 404 404 closed' 'trace: 405 404 closed'
}

@test "each refusal is told at -v" {
    OPTIONS=(-v)
    answers 'two-lengths: 400 closed' 'length-missing: 411 closed'
    wait_log serve 'status 400 for 127\.0\.0\.1: POST /atls$'
    wait_log serve 'status 411 for 127\.0\.0\.1: POST /atls$'
}

# ---- slowly, and in part ------------------------------------------------------------------------

@test "heads and bodies that come byte by byte are served; those that stop are given up, all the same" {
    start_service echo --request-timeout 3
    run -0 timeout 60 "$PYTHON" "$ATLS_ROOT/tests/lib/hostile_session.py" "$SERVICE_PORT" drip
    [[ $output == 'drip: 200, head: given up, body: 408' ]]
}

@test "a body cut at any byte leaves its session as it was" {
    local kind
    start_service echo
    for kind in atls json; do
        run -0 timeout 60 "$PYTHON" "$ATLS_ROOT/tests/lib/hostile_session.py" "$SERVICE_PORT" "cut-$kind"
        [[ $output == 'cut at '+([1-9])*([0-9])' bytes: alive' ]]
    done
}

# ---- sessions -----------------------------------------------------------------------------------

session_case() { # CASE LINE
    start_service echo
    run -0 timeout 60 "$PYTHON" "$ATLS_ROOT/tests/lib/hostile_session.py" "$SERVICE_PORT" "$1"
    [[ $output == "$2" ]]
}

@test "a session that the client names in its first request is not adopted, in every encoding" {
    session_case chosen 'json: 422, atls: 422, octet-stream: 422'
}

@test "another's cookie beside a json session does not count; with another's alone, TLS tells" {
    session_case stolen 'json with the cookie of another: alive; records to another: alert 20; the other: ended'
}

@test "JSON cut behind every byte is 400, and its session lives" {
    session_case json-cut 'every cut: 400; then: alive'
}

@test "JSON that is too deep, of other types, with doubles, other bytes, and base64 that is not canonical: 400" {
    session_case json-bad 'every body: 400; then: alive'
}

@test "bodies twice: the same answer; TLS garbage in a session: an alert inside a 200, then 422" {
    session_case repeat 'repeated: the same; then: alive'
    stop serve && stop backend
    session_case garbage 'garbage: 200 with an alert; then: 422'
}

# ---- the backend --------------------------------------------------------------------------------

# A backend whose listener is full: connections to it neither stand nor fail.
FULL_PY='
import socket, sys, signal
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
links = []
for _ in range(3):
    links.append(socket.socket())
    links[-1].setblocking(False)
    links[-1].connect_ex(listener.getsockname())
with open(sys.argv[2], "w") as file:
    print(listener.getsockname()[1], file=file)
signal.pause()'

@test "a backend that hangs in connect: an alert when --connect-timeout is over" {
    start_tool FULL_PORT full "$PYTHON" -c "$FULL_PY"
    start_serve PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$FULL_PORT" --connect-timeout 0.5
    run -4 --separate-stderr client "http://127.0.0.1:$PORT" <<<words
    only_said 'atls-client: inner TLS: the peer ended the session with alert internal_error (80)'
    wait_log serve "ended after .*: backend: cannot connect to 127\.0\.0\.1:$FULL_PORT: Connection timed out$"
}

# KIND: fin or rst behind 100000 bytes; late: rst at the end of input, behind 8 MiB; flood: 64 MiB at once; deaf: it never reads.
DYING_PY='
import signal, socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[3], "w") as file:
    print(listener.getsockname()[1], file=file)
link, _ = listener.accept()
kind = sys.argv[1]
if kind == "flood":
    for _ in range(1024):
        link.sendall(bytes(65536))
elif kind == "deaf":
    signal.pause()
else:
    link.sendall(bytes(8 << 20 if kind == "late" else 100000))
    while link.recv(65536) and kind == "late":
        pass
    if kind != "fin":
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
link.close()'

start_dying() { # KIND OPTION...
    start_tool DYING_PORT dying "$PYTHON" -c "$DYING_PY" "$1"
    start_serve PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$DYING_PORT" "${@:2}"
}

@test "a backend that ends amid the stream by FIN: close_notify, exit code 0" {
    start_dying fin
    carry 0 "$HELLO" "$DIR/out" client --body-size 1k "http://127.0.0.1:$PORT"
    [[ $(stat -c %s "$DIR/out") == 100000 ]]
    only_said
}

@test "a backend that ends amid the stream by RST: an alert, never exit code 0" {
    start_dying rst
    carry 4 "$HELLO" "$DIR/out" client "http://127.0.0.1:$PORT"
    only_said 'atls-client: inner TLS: the peer ended the session with alert internal_error (80)'
    wait_log serve 'ended after .*: backend: connection lost while reading: Connection reset by peer$'
}

# The alert stands in an answer that the client has yet to fetch, or to acknowledge.
@test "the same in stream carriage, amid the stream and after the client's end" {
    local kind
    for kind in rst late; do
        for CLIENT_CARRIAGE in stream base; do
            start_dying "$kind"
            carry 4 "$HELLO" "$DIR/out" client "http://127.0.0.1:$PORT"
            only_said 'atls-client: inner TLS: the peer ended the session with alert internal_error (80)'
            wait_log serve 'ended after .*: backend: connection lost while reading: Connection reset by peer$'
            stop serve && stop dying
        done
    done
}

@test "a backend that ends by FIN: all of it in stream carriage, too" {
    CLIENT_CARRIAGE=stream
    start_dying fin
    carry 0 "$HELLO" "$DIR/out" client "http://127.0.0.1:$PORT"
    [[ $(stat -c %s "$DIR/out") == 100000 ]]
    only_said
}

@test "a client that trusts no such certificate leaves no session behind in stream carriage" {
    CLIENT_CARRIAGE=stream
    start_backend echo
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND" --max-sessions 1
    for _ in 1 2 3; do
        run -4 --separate-stderr bare_client --cacert "$CERTS/ca.pem" --servername other.test \
            --carriage stream "http://127.0.0.1:$PORT" <<<words
    done
    run -0 --separate-stderr client "http://127.0.0.1:$PORT" <<<words
    [[ $output == words ]]
}

# Nobody fetches what else was said.
# shellcheck disable=SC2034  # client() and end_input() take them
@test "a client whose output ends amid a flood leaves no session behind in stream carriage" {
    CLIENT_CARRIAGE=stream
    start_dying flood
    mkfifo "$DIR/in" && exec {INPUT_FD}<>"$DIR/in"
    client "http://127.0.0.1:$PORT" <"$DIR/in" 2>"$DIR/words.log" | head -c 1000 >"$DIR/out" || true
    end_input
    wait_log serve 'ended after .*: inner TLS: the peer ended the session with alert .*$'
}

memory_of() { awk '/^VmHWM/ { print $2 }' "/proc/$(pid_of serve)/status"; } # KiB at most so far

@test "a backend that floods: all of it arrives, in little memory" {
    local before
    start_dying flood
    before=$(memory_of)
    carry 0 /dev/null "$DIR/out" client "http://127.0.0.1:$PORT"
    [[ $(stat -c %s "$DIR/out") == $((64 << 20)) ]]
    (($(memory_of) < before + 65536))
}

@test "a backend that never reads: the client waits, in little memory, and can go" {
    local before
    start_dying deaf
    before=$(memory_of)
    head -c 33554432 /dev/zero >"$DIR/zeros"
    start_client "$DIR/zeros" - -vv "http://127.0.0.1:$PORT"
    wait_for 10 eval "(( \$(grep -c 'sending' '$DIR/client.log') > 16 ))" # 4 MiB are on their way
    kill -TERM "$(pid_of client)"
    wait_exit client
    [[ $STOP_STATUS == 143 ]]
    (($(grep -c 'sending' "$DIR/client.log") < 100)) # of 32 MiB
    (($(memory_of) < before + 65536))
}
