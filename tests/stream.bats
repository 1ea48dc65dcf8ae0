#!/usr/bin/env bats
# Stream carriage, through a relay that breaks what it can and through real boxes: every byte arrives
# once and in order while some MiB go each way at once, and the exit code is right.
#
#   STREAM_MIB (default 3) is how many MiB; STREAM_SEED (1) changes what the relay does when;
#   STREAM_SILENCE (1) is for how many seconds nothing passes.
# shellcheck disable=SC2016,SC2119  # inner shells' variables; a helper without its options

bats_require_minimum_version 1.5.0

export BATS_TEST_TIMEOUT=${STREAM_TIMEOUT:-180}
DATA_BYTES=$((${STREAM_MIB:-3} << 20))
# shellcheck source=lib/carried.bash
. "$BATS_TEST_DIRNAME/lib/carried.bash"

# Between client and service; RELAY is its URL.
start_relay() { # FAULT...
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/fault_relay.py --to "${SERVICE##*:}" \
        --seed "${STREAM_SEED:-1}" "$@"
    RELAY=http://127.0.0.1:$RELAY_PORT
}

# What goes up comes down again, at the same time.
long_client() {
    timeout -k 5 "${STREAM_TIMEOUT:-120}" "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" \
        --servername service.test "$@"
}
echoes() { # CLIENT-OPTION...
    carry 0 "$DATA" "$DIR/out" long_client -v "$@" && same "$DATA" "$DIR/out" &&
        wait_log serve 'closed by both sides' 20
}
survives() { # FAULT... -- CLIENT-OPTION...
    local faults=()
    while [[ $1 != -- ]]; do faults+=("$1") && shift; done
    shift
    start_service echo
    start_relay "${faults[@]}"
    if [[ $* != *--body-size* ]]; then set -- "$@" --body-size 32k; fi
    echoes "$@" "$RELAY"
    said 'atls-client: session 1: inner TLS: * stream carriage, *'
    stop relay
    cat "$DIR/relay.log"
    for fault in "${faults[@]}"; do
        case $fault in
        reset=* | drop=* | double=* | status=* | restart=* | limit=* | cut=* | silence=* | address=*)
            grep -q ", ${fault%%=*} " "$DIR/relay.log" || return
            ;;
        esac
    done
}

# ---- nothing is wrong -------------------------------------------------------------------------

@test "three encodings, several requests at once" {
    start_service echo
    for encoding in atls octet-stream json; do
        echoes --carriage stream --encoding "$encoding" "$SERVICE"
        said "*; encoding $encoding, stream carriage, *"
    done
}

@test "half-close: what comes behind the client's end" {
    start_service hash
    carry 0 "$DATA" "$DIR/out" client --carriage stream "$SERVICE"
    [[ $(<"$DIR/out") == "$(hash_of "$DATA")" ]]
}

@test "an application that speaks first, small talk, and an end from there" {
    start_service greet
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" --carriage stream \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE" 9>&-
    wait_log client '^welcome$'
    for word in one two three; do
        printf '%s\n' "$word" >&9
        wait_log client "^$word\$"
    done
    exec 9>&-
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
}

@test "--carriage base and stream are what they say, in reports and checks" {
    start_service echo
    for carriage in base stream; do
        run -0 --separate-stderr client --carriage $carriage --report "$DIR/report" "$SERVICE" <<<words
        [[ $output == words ]]
        jq -e ".carriage == \"$carriage\" and .ok" "$DIR/report"
        run -0 --separate-stderr client --carriage $carriage --check --json "$SERVICE"
        [[ $(jq -r .carriage <<<"$output") == "$carriage" ]]
        run -0 --separate-stderr client --carriage $carriage --check "$SERVICE"
        [[ $output == *" exchanges, $carriage carriage"$'\n'* ]]
    done
    jq -e '.path | .requests_lost == 0 and .bytes_unacknowledged == 0 and (.header_stripped | not)' \
        "$DIR/report"
}

@test "a service that knows no ATLS-Stream: auto ends in base carriage, stream says so" {
    start_peer
    carry 0 "$DATA" "$DIR/out" client -v "$PEER"
    same "$DATA" "$DIR/out"
    said '*; encoding atls, base carriage, *'
    carry 5 "$DATA" "$DIR/out" client --carriage stream "$PEER"
    only_said 'atls-client: protocol: the first answer has no ATLS-Stream: *' 'hint: *'
    no_violations
}

# ---- a box that breaks things -----------------------------------------------------------------

@test "connections are reset after a random number of bytes" { survives reset=80 -- ; }
@test "the same in json" { survives reset=80 -- --encoding json; }
@test "answers are dropped" { survives drop=80 -- ; }
@test "POSTs are doubled" { survives double=300 -- ; }
@test "POSTs are doubled, in json" { survives double=300 -- --encoding json; }
@test "answers change their order" { survives slow=60 -- ; }
@test "502, 503, 504 and 429 at random" { survives status=80 -- ; }
@test "the last acknowledgement is lost twice" {
    start_service echo
    start_relay mute=2
    run -0 --separate-stderr client -v "$RELAY" <<<words
    [[ $output == words ]]
    wait_log serve 'closed by both sides' 20
    stop relay
    grep ', mute 2' "$DIR/relay.log"
}
@test "the last acknowledgement is lost for good: the end is known all the same" {
    start_service echo
    start_relay mute=9
    run -0 --separate-stderr client -v "$RELAY" <<<words
    [[ $output == words ]]
    stop relay
    grep ', mute 3' "$DIR/relay.log"
}
@test "ATLS-Stream is stripped from the start" { survives strip=0 -- ; }
@test "ATLS-Stream is stripped from answers, from the start" { survives strip-down=0 -- ; }
@test "ATLS-Stream is stripped from the middle on" {
    survives strip=20 --
    said 'atls-client: session 1: ATLS-Stream is stripped on the way: the session goes on in json'
}
@test "ATLS-Stream is stripped from requests, from the middle on" { survives strip-up=20 -- ; }
@test "ATLS-Stream is stripped from answers, from the middle on" { survives strip-down=20 -- ; }
@test "some time of silence" {
    survives "silence=200:$((200 + ${STREAM_SILENCE:-1} * 1000))" --
}
@test "each request comes from another address" { survives address=5 -- ; }
@test "all of it at once" { survives reset=60 drop=60 double=100 slow=20 status=60 strip=50 -- ; }

@test "bodies above 20 kB are refused" {
    survives limit=20000 -- --body-size 256k
    said 'atls-client: session 1: a body was refused for its size: now * bytes at most'
}

@test "the box is killed and started again every second" {
    start_service echo
    start_relay restart=1000 slow=40
    echoes --body-size 32k "$RELAY"
}

@test "the service is stopped for some seconds" {
    start_service echo
    start_relay slow=40
    start client bash -c 'exec "$@" <"$0" >"$DIR/out"' "$DATA" "$ATLS_BIN/atls-client" -v \
        --body-size 16k --cacert "$CERTS/ca.pem" --servername service.test "$RELAY"
    wait_log client 'inner TLS'
    kill -STOP "$(pid_of serve)"
    wait_for 3 false || :
    kill -CONT "$(pid_of serve)"
    wait_exit client 60
    [[ $STOP_STATUS == 0 ]]
    same "$DATA" "$DIR/out"
}

@test "a path that is gone for good: exit 3, and how many bytes are not acknowledged" {
    start_service echo
    start_relay slow=1
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" -vv --resume-timeout 0.5 \
        --report "$DIR/report" --cacert "$CERTS/ca.pem" --servername service.test "$RELAY" 9>&-
    printf 'words\n' >&9
    wait_log client '^words$'
    kill -STOP "$(pid_of relay)"
    printf 'more words\n' >&9
    wait_log client 'sending 3. TLS bytes'
    kill -KILL "$(pid_of relay)"
    wait_exit client 30
    exec 9>&-
    [[ $STOP_STATUS == 3 ]]
    grep -Eqx 'atls-client: connection: lost, and not found again within 0\.5 s \(--resume-timeout\); of the TLS bytes to the service [0-9]+ are acknowledged, and [1-9][0-9]* are not; the last failure: .*' \
        "$DIR/client.log"
    jq -e '.exit_code == 3 and .path.bytes_unacknowledged > 0 and .path.requests_lost > 0' "$DIR/report"
}

@test "the service is started anew: the session is gone, exit 5" {
    start_service echo
    port=${SERVICE##*:}
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE" 9>&-
    printf 'words\n' >&9
    wait_log client '^words$'
    kill -KILL "$(pid_of serve)"
    wait_exit serve || :
    start_serve AGAIN -l "127.0.0.1:$port" -b "$BACKEND"
    wait_exit client 30
    exec 9>&-
    [[ $STOP_STATUS == 5 ]]
    grep -q '^atls-client: protocol: status 422: ' "$DIR/client.log"
}

@test "many sessions of one client, and one that nobody reads" {
    start_service echo
    start_tool FORWARD client "$ATLS_BIN/atls-client" --carriage stream --cacert "$CERTS/ca.pem" \
        --servername service.test -L 127.0.0.1:0 "$SERVICE"
    run -0 "$PYTHON" - "$FORWARD" <<'PYTHON'
import socket, sys, threading
port = int(sys.argv[1])
def connect():
    link = socket.create_connection(("127.0.0.1", port))
    link.settimeout(60)
    return link
stuck = connect()  # it sends, and reads nothing
def pour():
    try:
        while True:
            stuck.sendall(bytes(65536))
    except OSError:
        pass
threading.Thread(target=pour, daemon=True).start()
links = [connect() for _ in range(20)]
for turn in range(5):
    for i, link in enumerate(links):
        link.sendall(b"%d %d\n" % (turn, i))
    for i, link in enumerate(links):
        assert link.makefile("rb").readline() == b"%d %d\n" % (turn, i)
print("ok")
PYTHON
    [[ $output == ok ]]
}

# What ends one session happens while another's first answer is here already, and not looked at yet.
@test "many sessions of one client, each as short as can be" {
    start_service echo
    start_tool FORWARD client "$ATLS_BIN/atls-client" --carriage stream --cacert "$CERTS/ca.pem" \
        --servername service.test --connect-timeout 20 -L 127.0.0.1:0 "$SERVICE"
    run -0 "$PYTHON" - "$FORWARD" <<'PYTHON'
import socket, sys
for i in range(400):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
        link.sendall(b"?")
        assert link.recv(1) == b"?", "session %d got nothing" % (i + 1)
print("ok")
PYTHON
    [[ $output == ok ]]
}

# ---- rules of the service ---------------------------------------------------------------------

# post STATUS DICT COOKIE BODY-FILE: one request; the answer's head is in $DIR/head
post() {
    local options=()
    if [[ -n $2 ]]; then options+=(-H "ATLS-Stream: $2"); fi
    if [[ -n $3 ]]; then options+=(-H "Cookie: $3"); fi
    run -0 curl -sS -o "$DIR/answer" -D "$DIR/head" -w '%{http_code}' "${options[@]}" \
        -H 'Content-Type: application/atls' --data-binary "@$4" "$SERVICE/.well-known/atls"
    [[ $output == "$1" ]]
}

@test "400, 409, 422, and one session for a repeated opening" {
    start_service echo
    make_client_hello "$DIR/hello"
    : >"$DIR/nothing"
    size=$(stat -c %s "$DIR/hello")
    id='id="AAAAAAAAAAAAAAAAAAAAAA"'
    post 400 'id="short", gen=1, up=0, ack=0, max=65536' '' "$DIR/hello"
    post 400 "$id, gen=1, up=0, ack=0" '' "$DIR/hello"
    post 400 "$id, gen=1, up=0, ack=0, max=1000000000000000" '' "$DIR/hello"
    post 422 "$id, gen=1, up=1, ack=0, max=65536" '' "$DIR/hello"
    post 422 "$id, gen=1, up=0, ack=1, max=65536" '' "$DIR/hello"
    post 422 "$id, gen=1, up=0, ack=0, max=65536" '' "$DIR/nothing"
    post 200 "$id, gen=1, up=0, ack=0, max=65536" '' "$DIR/hello"
    grep -qi "^ATLS-Stream: down=0, ack=$size, max=$((65536 + size)), inflight=16, keep=330" "$DIR/head"
    cookie=$(sed -n 's/^Set-Cookie: \(atls=[^;]*\).*/\1/Ip' "$DIR/head")
    cp "$DIR/answer" "$DIR/first"
    post 200 "$id, gen=1, up=0, ack=0, max=65536" '' "$DIR/hello"
    same "$DIR/first" "$DIR/answer"
    grep -qi "^Set-Cookie: $cookie;" "$DIR/head"
    # The cookie alone: stream sessions take nothing without a dictionary.
    post 409 '' "$cookie" "$DIR/hello"
    grep -qi "^ATLS-Stream: .*ack=$size," "$DIR/head"
    # Beyond credit; an acknowledgement of what was not sent.
    post 409 "$id, gen=1, up=66000, ack=0, max=65536" '' "$DIR/hello"
    post 400 "$id, gen=1, up=$size, ack=99999, max=65536" '' "$DIR/nothing"
}

@test "sessions above --max-sessions are refused, those that are there go on" {
    start_service echo --max-sessions 1
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE" 9>&-
    printf 'one\n' >&9
    wait_log client '^one$'
    run -3 --separate-stderr client "$SERVICE" <<<words
    [[ $stderr == *'HTTP: status 503'* ]]
    printf 'two\n' >&9
    wait_log client '^two$'
    exec 9>&-
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
}

# ---- real boxes -------------------------------------------------------------------------------

through() { # CLIENT-OPTION...
    echoes --carriage stream "$@"
    said 'atls-client: session 1: inner TLS: * stream carriage, *'
}

@test "nginx with its defaults" {
    start_service echo
    box_nginx_hostile "${SERVICE##*:}"
    through "http://127.0.0.1:$BOX_PORT"
}

# The service sees POSTs twice, whose first answer was lost.
@test "nginx, which repeats POSTs" {
    start_service echo
    dumb_listener loses "${SERVICE##*:}"
    box_nginx_hostile "${SERVICE##*:},$DUMB_PORT" \
        'proxy_next_upstream error timeout invalid_header non_idempotent;'
    through "http://127.0.0.1:$BOX_PORT"
    (($(grep -c 'no answer' "$DIR/dumb.log") >= 2))
}

@test "haproxy with time-outs of 5 s, idle for longer" {
    start_service echo
    box_haproxy_hostile "${SERVICE##*:}" 'timeout client 5s' 'timeout server 5s' 'timeout connect 5s'
    start_client "$DIR/in" - --carriage stream --report "$DIR/report" "http://127.0.0.1:$BOX_PORT"
    printf 'one\n' >&"$INPUT_FD"
    wait_log client '^one$'
    wait_for 7 false || :
    printf 'two\n' >&"$INPUT_FD"
    wait_log client '^two$'
    end_input
    wait_exit client 30
    [[ $STOP_STATUS == 0 ]]
    jq -e '.ok and .path.poll_cut_ms > 4000' "$DIR/report"
}

@test "squid, ssl-bump" {
    start_service echo
    box_haproxy_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    box_squid_bump 'ssl_bump bump all' 'sslproxy_cert_error allow all'
    through -x "http://127.0.0.1:$BOX_PORT" "https://127.0.0.1:$HAPROXY_PORT"
}

@test "sslsplit" {
    start_service echo
    box_haproxy_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    box_sslsplit "$HAPROXY_PORT"
    through "https://127.0.0.1:$SSLSPLIT_PORT"
}

@test "mitmproxy" {
    start_service echo
    box_mitmproxy "$SERVICE"
    through "https://127.0.0.1:$MITMPROXY_PORT"
}

@test "privoxy, which strips cookies" {
    start_service echo
    box_privoxy +crunch-incoming-cookies +crunch-outgoing-cookies
    through -x "http://127.0.0.1:$BOX_PORT" "$SERVICE"
}

@test "tinyproxy, which closes each time" {
    start_service echo
    box_tinyproxy
    through -x "http://127.0.0.1:$BOX_PORT" "$SERVICE"
}
