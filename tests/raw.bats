#!/usr/bin/env bats
# --raw: streams that protect themselves, without the inner TLS. Real ssh, OpenSSL's TLS and plain
# bytes over stream and WebSocket carriage, through real boxes and one that breaks things; what is
# refused; and ends that are none.
# shellcheck disable=SC2016,SC2119  # inner shells' variables; a helper without its options

bats_require_minimum_version 1.5.0

export BATS_TEST_TIMEOUT=${STREAM_TIMEOUT:-180}
DATA_BYTES=$((3 << 20))
# shellcheck source=lib/carried.bash
. "$BATS_TEST_DIRNAME/lib/carried.bash"

# SERVICE is its URL; BACKEND is where its sessions go.
raw_serve() { # TYPE OPTION...
    start_tool SERVICE_PORT serve "$ATLS_BIN/atls-serve" --raw "$1" --listen 127.0.0.1:0 \
        --backend "$BACKEND" --grace 0 -v "${@:2}"
    SERVICE=http://127.0.0.1:$SERVICE_PORT
}
raw_service() { # KIND OPTION...
    start_backend "$1" && raw_serve test "${@:2}"
}
raw() { timeout -k 5 60 "$ATLS_BIN/atls-client" --raw test "$@"; }

# Between client and service; RELAY is its URL.
start_relay() { # FAULT...
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/fault_relay.py --to "${SERVICE##*:}" "$@"
    RELAY=http://127.0.0.1:$RELAY_PORT
}

# What goes up comes down again, at the same time.
echoes() { # CLIENT-OPTION...
    carry 0 "$DATA" "$DIR/out" raw -v "$@" && same "$DATA" "$DIR/out" &&
        wait_log serve 'closed by both sides' 20
}
survives() { # FAULT...
    raw_service echo
    start_relay "$@"
    echoes --body-size 32k "$RELAY"
    stop relay
    cat "$DIR/relay.log"
}

warned='atls-client: warning: --raw test: nothing here encrypts, or checks who the service is'

# ---- what is carried ----------------------------------------------------------------------------

@test "every byte, in each carriage; said plainly on both sides, in logs and reports" {
    raw_service echo
    for carriage in auto stream ws; do
        echoes --carriage "$carriage" --report "$DIR/report" "$SERVICE"
        [[ $carriage == auto ]] && carriage=stream
        said "$warned" "atls-client: session 1: raw test, NOT encrypted here; $carriage carriage, *"
        jq -e ".ok and .encoding == \"raw\" and .carriage == \"$carriage\" and
            .raw == {type: \"test\", encrypted: false} and (has(\"inner\") | not)" "$DIR/report"
    done
    grep -q ': warning: --raw test: nothing here encrypts, or checks who the client is$' "$DIR/serve.log"
    (($(grep -c ': open from 127.0.0.1, raw test, NOT encrypted here$' "$DIR/serve.log") == 3))
}

@test "what travels is what was said" {
    raw_service greet
    carry 0 /dev/stdin "$DIR/out" raw --carriage stream --capture "$DIR/bodies" "$SERVICE" <<<'hello there'
    [[ $(<"$DIR/out") == $'welcome\nhello there' ]]
    grep -lqx 'hello there' "$DIR/bodies"/*
    jq -se 'all(.content_type == "application/test+octet-stream")' "$DIR/bodies/index.jsonl"
}

@test "half-close, both ways" {
    raw_service hash
    for carriage in stream ws; do
        carry 0 "$DATA" "$DIR/out" raw --carriage "$carriage" "$SERVICE"
        [[ $(<"$DIR/out") == "$(hash_of "$DATA")" ]]
    done
    stop serve
    stop backend
    raw_service "done"
    for carriage in stream ws; do
        carry 0 "$DATA" "$DIR/out" raw --carriage "$carriage" "$SERVICE"
        [[ $(<"$DIR/out") == "done" ]]
        wait_log backend "ended, $(stat -c %s "$DATA") bytes, sha256 $(hash_of "$DATA")"
    done
}

@test "an application that speaks first, small talk, and forwards" {
    raw_service greet
    start_tool FORWARD client "$ATLS_BIN/atls-client" --raw test -q -L 127.0.0.1:0 "$SERVICE"
    run -0 "$PYTHON" - "$FORWARD" <<'PYTHON'
import socket, sys
links = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30) for _ in range(5)]
files = [link.makefile("rb") for link in links]
for file in files:
    assert file.readline() == b"welcome\n"
for turn in range(3):
    for i, link in enumerate(links):
        link.sendall(b"%d %d\n" % (turn, i))
        assert files[i].readline() == b"%d %d\n" % (turn, i)
for link, file in zip(links, files):
    link.shutdown(socket.SHUT_WR)
    assert file.read() == b""
PYTHON
    stop client
    [[ $STOP_STATUS == 0 ]]
}

@test "--check says that nothing is encrypted" {
    raw_service echo
    run -0 --separate-stderr raw --check "$SERVICE"
    [[ $output == *$'\ninner TLS    none: nothing here encrypts raw test\n'* ]]
    [[ ${lines[-1]} == 'result       ok: carried, but NOT encrypted or verified here' ]]
    run -0 --separate-stderr raw -q --carriage ws --check --json "$SERVICE"
    jq -e '.ok and .raw.encrypted == false and .carriage == "ws"' <<<"$output"
    [[ -z $stderr ]]
}

# ---- ssh, and the TLS of another stack ----------------------------------------------------------

# ssh does not wait for its ProxyCommand, but sends it SIGHUP.
ssh_app() { # CLIENT-OPTION... -- COMMAND
    local options=()
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    SHELL=/bin/sh timeout -k 5 60 ssh -F "$SSH_CONFIG" \
        -o "ProxyCommand=$ATLS_BIN/atls-client -q --raw ssh ${options[*]} 2>>$DIR/proxy.log" app "${@:2}" 3>&-
}

begin_ssh() {
    box_sshd
    BACKEND=127.0.0.1:$SSHD_PORT
    raw_serve ssh "$@"
}

runs_ssh() { # CLIENT-OPTION...
    run -7 --separate-stderr ssh_app "$@" -- 'read -r word; echo "got $word"; echo aside >&2; exit 7' <<<hello
    [[ $output == 'got hello' && $stderr == aside ]]
    run -0 --separate-stderr ssh_app "$@" -- 'sha256sum | cut -d" " -f1' <"$DATA"
    [[ $output == "$(hash_of "$DATA")" && -z $stderr ]]
    [[ ! -s $DIR/proxy.log ]]
}

@test "ssh through nginx, http" {
    begin_ssh
    box_nginx_hostile "${SERVICE##*:}"
    runs_ssh --carriage stream "http://127.0.0.1:$BOX_PORT"
}

@test "ssh through sslsplit, https" {
    begin_ssh --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key"
    box_sslsplit "${SERVICE##*:}"
    runs_ssh "https://127.0.0.1:$SSLSPLIT_PORT"
}

@test "ssh through haproxy, WebSockets and https" {
    begin_ssh
    box_haproxy_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    runs_ssh --carriage ws "https://127.0.0.1:$HAPROXY_PORT"
    grep -q ': on a WebSocket$' "$DIR/serve.log"
}

@test "ssh, and each connection is reset after a while" {
    begin_ssh
    start_relay reset=60 double=100 slow=20
    runs_ssh --carriage stream --body-size 32k "$RELAY"
    stop relay
    grep ', reset ' "$DIR/relay.log"
}

_s_server() { # PORT
    COMMAND=(openssl s_server -accept "127.0.0.1:$1" -cert "$CERTS/service.pem" -key "$CERTS/service.key"
        -quiet -rev)
}

# OpenSSL's own TLS from end to end: it judges the service, and nothing in between.
@test "TLS of another stack, its carriers cut all the time" {
    start_retry TLS_PORT s_server _s_server
    BACKEND=127.0.0.1:$TLS_PORT
    raw_serve tls
    start_relay reset=100 drop=50 double=100
    start_tool FORWARD client "$ATLS_BIN/atls-client" --raw tls -q --carriage stream --body-size 2k \
        -L 127.0.0.1:0 "$RELAY"
    run -0 "$PYTHON" - "$FORWARD" "$CERTS/ca.pem" <<'PYTHON'
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) as link:
    with context.wrap_socket(link, server_hostname="service.test") as tls, tls.makefile("rb") as lines:
        for i in range(40):
            words = b"%d " % i + b"x" * 3000
            tls.sendall(words + b"\n")
            assert lines.readline().rstrip(b"\n") == words[::-1]
PYTHON
    run timeout -k 5 60 openssl s_client -connect "127.0.0.1:$FORWARD" -CAfile "$CERTS/ca.pem" \
        -verify_return_error -verify_hostname service.test -brief <<<Q
    [[ $output == *'Verification: OK'* ]]
    stop relay
    grep -E ', double [0-9]+, drop [0-9]+, reset [0-9]+' "$DIR/relay.log"
}

# ---- a box that breaks things -------------------------------------------------------------------

@test "resets, lost answers, doubled and reordered requests, refusals" {
    survives reset=20 drop=20 double=100 slow=20 status=20
}
@test "the box is killed and started again every second" { survives restart=1000 slow=40; }

@test "a WebSocket that is cut goes on in requests and on another one" {
    raw_service echo
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/ws_relay.py --to "${SERVICE##*:}" --cut 500000
    echoes --carriage ws "http://127.0.0.1:$RELAY_PORT"
    said 'atls-client: session 1: its WebSocket was lost: *'
}

@test "ATLS-Stream is stripped: there is no base carriage to go over to" {
    raw_service echo
    start_relay strip=0
    carry 3 "$DATA" "$DIR/out" raw "$RELAY"
    only_said "$warned" 'atls-client: HTTP: ATLS-Stream is stripped on the way to the service, and --raw cannot do without' \
        'hint: the inner TLS can: both sides without --raw; or try --carriage ws'
    [[ ! -s $DIR/out ]]
    stop relay
    start_relay strip-down=0
    carry 3 "$DATA" "$DIR/out" raw "$RELAY"
    only_said "$warned" 'atls-client: HTTP: ATLS-Stream is stripped on the way back from the service, *' 'hint: *'
    run ! grep -q open "$DIR/backend.log"
}

@test "ATLS-Stream is stripped from the middle on" {
    raw_service echo
    for what in strip strip-up strip-down; do
        start_relay "$what=20"
        carry 3 "$DATA" "$DIR/out" raw --carriage stream --body-size 32k "$RELAY"
        only_said "$warned" 'atls-client: HTTP: ATLS-Stream is stripped on the way * the service, *' 'hint: *'
        stop relay
    done
}

# ---- who does not name it -----------------------------------------------------------------------

@test "both sides have to name the same type" {
    raw_service echo
    run -0 curl -sS -o /dev/null -D "$DIR/head" -w '%{http_code}' -H 'Content-Type: application/atls' \
        --data-binary x "$SERVICE/atls"
    [[ $output == 415 ]]
    grep -qi '^Accept: application/test+octet-stream' "$DIR/head"
    for options in '--raw other' '--raw other --carriage ws' '' '--carriage ws' '--carriage base'; do
        # shellcheck disable=SC2086  # words
        carry 5 /dev/stdin "$DIR/out" bare_client -q $options "$SERVICE" <<<words
        only_said 'atls-client: HTTP: status 415: what answers there does not take bodies of type application/*' \
            'hint: it takes application/test+octet-stream; --raw TYPE has to be the same on both sides, or on neither'
    done
    carry 0 /dev/stdin "$DIR/out" bare_client -q --raw TEST "$SERVICE" <<<words
    [[ $(<"$DIR/out") == words ]]
    (($(grep -c '^connection' "$DIR/backend.log") == 1))
}

@test "a service with the inner TLS takes none" {
    start_service echo
    for carriage in stream ws; do
        carry 5 "$DATA" "$DIR/out" raw -q --carriage "$carriage" "$SERVICE"
        only_said 'atls-client: HTTP: status 415: what answers there does not take bodies of type application/test+octet-stream' \
            'hint: it takes application/atls, application/atls+octet-stream, application/atls+json; --raw TYPE *'
    done
    [[ ! -s $DIR/backend.log ]]
}

@test "what makes no sense without TLS is a usage error, and so is base carriage" {
    for option in --cacert --capath --cert --key --servername --pinnedpubkey --insecure-inner --tls-max \
        --direct --direct-timeout --report-outer --encoding --idle-poll; do
        case $option in
        --insecure-inner | --report-outer) value=() ;;
        --pinnedpubkey) value=(sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=) ;;
        --tls-max) value=(1.3) ;;
        --direct) value=(auto) ;;
        --encoding) value=(json) ;;
        --cert | --key) value=("$CERTS/service.pem") ;;
        *) value=(1) ;;
        esac
        run -2 --separate-stderr raw "$option" "${value[@]}" http://127.0.0.1:1
        said "atls-client: --raw and $option exclude each other: there is no inner TLS"
    done
    run -2 --separate-stderr raw --carriage base http://127.0.0.1:1
    said 'atls-client: --raw and --carriage base exclude each other: *'
    for type in '' atls a/b 'a b' -x; do
        run -2 --separate-stderr bare_client "--raw=$type" http://127.0.0.1:1
        run -2 --separate-stderr serve "--raw=$type" -l 127.0.0.1:0 -b 127.0.0.1:1
    done
    for option in --cert --key --cacert --capath --outer-chain; do
        run -2 --separate-stderr serve --raw test "$option" "$CERTS/service.pem" -l 127.0.0.1:0 -b 127.0.0.1:1
        said 'atls-serve: --raw excludes --cert, *'
    done
    run -2 --separate-stderr serve --raw test --tls-max 1.3 -l 127.0.0.1:0 -b 127.0.0.1:1
    said 'atls-serve: --raw excludes --cert, *'
}

# post STATUS DICT BODY: one request
post() {
    local options=()
    if [[ -n $2 ]]; then options+=(-H "ATLS-Stream: $2"); fi
    run -0 curl -sS -o "$DIR/answer" -D "$DIR/head" -w '%{http_code}' "${options[@]}" \
        -H 'Content-Type: application/test+octet-stream' --data-binary "$3" "$SERVICE/.well-known/atls"
    [[ $output == "$1" ]]
}

@test "a repeated opening is one session; without the dictionary there is none" {
    raw_service greet
    id='id="AAAAAAAAAAAAAAAAAAAAAA"'
    post 409 '' hello
    grep -q 'raw streams have stream carriage alone' "$DIR/answer"
    post 422 "$id, gen=1, up=1, ack=0, max=65536" hello
    post 200 "$id, gen=1, up=0, ack=0, max=65536" hello
    grep -qi '^ATLS-Stream: down=0, ack=5, ' "$DIR/head"
    post 200 "$id, gen=1, up=0, ack=0, max=65536" hello
    post 200 "$id, gen=2, up=5, ack=0, max=65536, fin, poll=20" ''
    wait_log backend '^connection 1: ended, 5 bytes'
    (($(grep -c '^connection' "$DIR/backend.log") == 1))
}

# ---- ends that are none -------------------------------------------------------------------------

# A backend that says a word and resets the connection.
start_cutter() {
    start_tool CUTTER_PORT cutter "$PYTHON" -c '
import socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
open(sys.argv[2], "w").write("%d\n" % listener.getsockname()[1])
while True:
    link = listener.accept()[0]
    link.sendall(b"some words\n")
    link.recv(4)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()'
    BACKEND=127.0.0.1:$CUTTER_PORT
}

@test "a backend that breaks off is no end: exit 4, with what came before" {
    start_cutter
    raw_serve test
    for carriage in stream ws; do
        carry 4 /dev/stdin "$DIR/out" raw -q --carriage "$carriage" "$SERVICE" <<<ping
        only_said 'atls-client: raw stream: it was truncated: the other end broke it off'
        [[ $(<"$DIR/out") == 'some words' ]]
    done
    wait_log serve 'backend: connection lost while reading'
    # With -L the local program gets a reset, too.
    start_tool FORWARD client "$ATLS_BIN/atls-client" --raw test -q -L 127.0.0.1:0 "$SERVICE"
    run -0 "$PYTHON" - "$FORWARD" <<'PYTHON'
import socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
link.sendall(b"ping")
try:
    while link.recv(100):
        pass
    print("an end")
except ConnectionResetError:
    print("reset")
PYTHON
    [[ $output == reset ]]
}

@test "a backend that is not there" {
    start_cutter
    stop cutter
    raw_serve test
    carry 4 /dev/stdin "$DIR/out" raw -q "$SERVICE" <<<ping
    only_said 'atls-client: raw stream: it was truncated: the other end broke it off'
    wait_log serve 'backend: cannot connect to '
}

says_until_gone() {
    head -c 2000 "$DATA" >&9
    ! alive client
}

@test "a client that breaks off is a reset to the backend" {
    raw_service echo
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    for number in 1 2; do
        carriage=stream
        ((number == 1)) || carriage=ws
        start client bash -c '"$@" <"$0" | head -c 1000 >"$DIR/out"; exit "${PIPESTATUS[0]}"' "$DIR/in" \
            "$ATLS_BIN/atls-client" --raw test -q --carriage "$carriage" "$SERVICE" 9>&-
        # Nobody takes what comes back, once head has its part.
        wait_for 20 says_until_gone
        wait_exit client || :
        [[ $STOP_STATUS == 6 ]]
        wait_log backend "^connection $number: cut \\(Connection reset by peer\\)" 20
    done
    exec 9>&-
    wait_log serve 'raw stream: it was truncated: the other end broke it off'
}

@test "a client that is killed for good: its session is dropped in its time" {
    raw_service echo --idle-timeout 1
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" --raw test "$SERVICE" 9>&-
    printf 'words\n' >&9
    wait_log client '^words$'
    kill -KILL "$(pid_of client)"
    wait_exit client || :
    exec 9>&-
    wait_log backend '^connection 1: cut \(Connection reset by peer\), 6 bytes' 20
}

@test "a service that is started anew knows no session: exit 5" {
    raw_service echo
    port=${SERVICE##*:}
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" --raw test -q "$SERVICE" 9>&-
    printf 'words\n' >&9
    wait_log client '^words$'
    kill -KILL "$(pid_of serve)"
    wait_exit serve || :
    start_tool AGAIN serve "$ATLS_BIN/atls-serve" --raw test -l "127.0.0.1:$port" -b "$BACKEND" --grace 0
    wait_exit client 30
    exec 9>&-
    [[ $STOP_STATUS == 5 ]]
    grep -q '^atls-client: protocol: status 422: ' "$DIR/client.log"
}

# ---- captures -----------------------------------------------------------------------------------

# What is said to the service, packet by packet, until end_capture.
start_capture() {
    start tcpdump tcpdump -i lo -U -w "$DIR/cap.pcap" "tcp port $SERVICE_PORT"
    wait_log tcpdump 'listening on lo'
}
_captured() {
    "$ATLS_BIN/atls-dump" --sessions --json "$DIR/cap.pcap" 2>/dev/null | jq -se "$1" >/dev/null
}
end_capture() { # FILTER: of jq, true once all sessions are there
    wait_for 20 _captured "$1" || { echo "not in the capture: $1" && return 1; }
    stop tcpdump
}

@test "atls-dump: what nobody can read is no fault" {
    raw_service greet
    start_capture
    for carriage in stream ws; do
        carry 0 /dev/stdin "$DIR/out" raw --carriage "$carriage" --capture "$DIR/$carriage" "$SERVICE" <<<'hello there'
    done
    whole='all(.end == "raw" and .up.bytes == 12 and .down.bytes == 20 and .up.records == 0)'
    end_capture "length == 2 and $whole"
    for input in "$DIR/cap.pcap" "$DIR/stream"; do
        run -0 --separate-stderr "$ATLS_BIN/atls-dump" --check "$input"
        [[ -z $output && -z $stderr ]]
        run -0 --separate-stderr "$ATLS_BIN/atls-dump" "$input"
        [[ -z $output && -z $stderr ]]
        run -0 --separate-stderr "$ATLS_BIN/atls-dump" --sessions --json "$input"
        jq -se "length > 0 and $whole" <<<"$output"
    done
}

@test "atls-dump: the TLS of another program is read as any" {
    start_retry TLS_PORT s_server _s_server
    BACKEND=127.0.0.1:$TLS_PORT
    raw_serve tls
    start_tool FORWARD client "$ATLS_BIN/atls-client" --raw tls -q --carriage stream -L 127.0.0.1:0 "$SERVICE"
    start_capture
    run -0 timeout -k 5 60 openssl s_client -connect "127.0.0.1:$FORWARD" -CAfile "$CERTS/ca.pem" \
        -verify_return_error -servername service.test -brief <<<Q
    end_capture 'length == 1 and .[0].version and .[0].up.records > 2'
    run -0 --separate-stderr "$ATLS_BIN/atls-dump" --sessions "$DIR/cap.pcap"
    [[ $output == 'session '*'  name=service.test  version=TLS 1.3  suite='* ]]
    run "$ATLS_BIN/atls-dump" --check "$DIR/cap.pcap"
    [[ $output != *content_type:* && $output != *no_opening:* && $output != *flight_cut:* ]]
}
