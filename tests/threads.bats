#!/usr/bin/env bats
# atls-serve on several threads: sessions of one connection in many of them, and those of one thread on
# many connections; what is counted is counted once for all.
# shellcheck disable=SC2016,SC2154  # inner shells' variables; run sets them

bats_require_minimum_version 1.5.0

DATA_BYTES=$((1 << 20))
# shellcheck source=lib/carried.bash
. "$BATS_TEST_DIRNAME/lib/carried.bash"

THREADS=5

start_threads() { # KIND OPTION...
    start_service "$1" --threads "$THREADS" "${@:2}"
}

# start_forward CLIENT-OPTION...: FORWARD is a port that becomes a session with each connection.
start_forward() {
    start_tool FORWARD client "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" \
        --servername service.test -L 127.0.0.1:0 "$@"
}

# talk PORT COUNT ROUNDS: so many sessions at once, each with some words and then some KiB, again and
# again.
talk() {
    run -0 timeout 100 "$PYTHON" - "$@" <<'PYTHON'
import socket, sys, threading
port, count, rounds = map(int, sys.argv[1:])
links = []
for _ in range(count):
    link = socket.create_connection(("127.0.0.1", port))
    link.settimeout(60)
    links.append((link, link.makefile("rb")))
for turn in range(rounds):
    for number, (link, _) in enumerate(links):
        link.sendall(b"%d %d\n" % (turn, number))
    for number, (_, file) in enumerate(links):
        assert file.readline() == b"%d %d\n" % (turn, number)
wrong = []
def bulk(number, link, file):
    data = bytes([number % 251]) * 100000
    threading.Thread(target=link.sendall, args=(data,), daemon=True).start()
    if file.read(len(data)) != data:
        wrong.append(number)
    link.close()
workers = [threading.Thread(target=bulk, args=(number, *link)) for number, link in enumerate(links)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print("ok" if not wrong else f"wrong: {wrong}")
PYTHON
    [[ $output == ok ]]
}

# So many sessions came, and not to one thread alone.
all_over() { # COUNT
    jq -es --argjson count "$1" 'map(select(.event == "session_open").thread) |
        length == $count and (unique | length > 1 and .[0] >= 1 and .[-1] <= '"$THREADS"')' "$DIR/serve.log"
}
all_closed() { wait_for 20 eval "(( \$(grep -c 'closed by both sides' '$DIR/serve.log') == $1 ))"; }

mixed() { # CARRIAGE [CLIENT-OPTION...]
    start_threads echo --log-format json
    box_nginx_ws "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    start_forward --carriage "$1" "${@:2}" "https://127.0.0.1:$NGINX_PORT"
    talk "$FORWARD" 40 20
    all_over 40
    stop client
    all_closed 40
}

# nginx keeps its connections, and puts everybody's requests on each.
@test "base carriage: sessions of all threads on each connection" { mixed base; }
@test "base carriage in json: the name of the session is in the body" { mixed base --encoding json; }
@test "stream carriage" { mixed stream; }
@test "stream carriage in json" { mixed stream --encoding json; }
@test "WebSockets" { mixed ws; }

# The session's encoding is known where the session is.
@test "JSON under a binary label finds its session" {
    local id
    start_threads echo
    make_client_hello "$DIR/hello"
    printf '{"records": "%s"}' "$(base64 -w 0 "$DIR/hello")" >"$DIR/hello.json"
    for _ in {1..10}; do
        run -0 curl -sS --fail -H 'Content-Type: application/atls' --data-binary "@$DIR/hello.json" \
            "$SERVICE/.well-known/atls"
        id=$(jq -er .session <<<"$output")
        run -0 curl -sS --fail -b "atls=$id" -H 'Content-Type: application/atls' \
            --data-binary "{\"session\": \"$id\", \"records\": \"\"}" "$SERVICE/.well-known/atls"
        [[ $(jq -er .session <<<"$output") == "$id" ]]
    done
}

@test "carriers that are lost: the session goes on, whatever thread the next one is of" {
    start_threads echo
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/fault_relay.py --to "${SERVICE##*:}" --seed 1 \
        reset=40 drop=80 double=100 status=80
    for i in {1..4}; do
        carry 0 "$DATA" "$DIR/out" client --carriage stream --body-size 16k \
            "http://127.0.0.1:$RELAY_PORT"
        same "$DATA" "$DIR/out"
    done
    all_closed 4
}

@test "WebSockets that are lost: the next one is another thread's" {
    start_threads echo -v
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/ws_relay.py --to "${SERVICE##*:}" --cut 150000
    for i in {1..4}; do
        carry 0 "$DATA" "$DIR/out" client --carriage ws "http://127.0.0.1:$RELAY_PORT"
        same "$DATA" "$DIR/out"
    done
    all_closed 4
    (($(grep -c 'on a WebSocket' "$DIR/serve.log") > 8))
}

@test "a session that begins anew under an old cookie" {
    local hello=$DIR/hello id cookie
    start_threads echo
    make_client_hello "$hello"
    for id in {A..J}; do
        run -0 curl -sS -o "$DIR/answer" -D "$DIR/head" -w '%{http_code}' ${cookie:+-b "$cookie"} \
            -H "ATLS-Stream: id=\"${id}AAAAAAAAAAAAAAAAAAAAA\", gen=1, up=0, ack=0, max=65536" \
            -H 'Content-Type: application/atls' --data-binary "@$hello" "$SERVICE/.well-known/atls"
        [[ $output == 200 ]]
        cookie=$(sed -n 's/^Set-Cookie: \(atls=[^;]*\).*/\1/Ip' "$DIR/head")
    done
    # The cookie alone leads there as well; a name that nobody has does not.
    run -0 curl -sS -o "$DIR/answer" -w '%{http_code}' -b "$cookie" -H 'Content-Type: application/atls' \
        --data-binary "@$hello" "$SERVICE/.well-known/atls"
    [[ $output == 409 ]]
    run -0 curl -sS -o "$DIR/answer" -w '%{http_code}' -b atls=AAAAAAAAAAAAAAAAAAAAAA \
        -H 'Content-Type: application/atls' --data-binary "@$hello" "$SERVICE/.well-known/atls"
    [[ $output == 422 ]]
}

@test "limits are those of all threads together" {
    local status=()
    start_threads echo --max-sessions 7 --max-sessions-per-address 5
    make_client_hello "$DIR/hello"
    for i in {1..12}; do
        status+=("$(curl -sS -o "$DIR/answer" -w '%{http_code}' -H 'Content-Type: application/atls' \
            --data-binary "@$DIR/hello" "$SERVICE/.well-known/atls")")
    done
    [[ ${status[*]} == '200 200 200 200 200 429 429 429 429 429 429 429' ]]
    status=()
    for i in {1..4}; do
        status+=("$(curl -sS -o "$DIR/answer" -w '%{http_code}' -H 'Content-Type: application/atls' \
            --interface 127.0.0.2 --data-binary "@$DIR/hello" "$SERVICE/.well-known/atls")")
    done
    [[ ${status[*]} == '200 200 503 503' ]]
}

@test "SIGTERM: the sessions of all threads end by close_notify, and then the service" {
    local links
    start_threads greet --grace 0.5
    start_forward --carriage stream "$SERVICE"
    for i in {1..15}; do
        exec {link}<>"/dev/tcp/127.0.0.1/$FORWARD"
        read -r -t 20 word <&"$link"
        [[ $word == welcome ]]
        links+=("$link")
    done
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: 15 sessions'
    wait_exit serve 20
    [[ $STOP_STATUS == 0 ]]
    [[ $(grep -c 'the service is going down$' "$DIR/serve.log") == 15 ]]
    for link in "${links[@]}"; do
        run ! read -r -t 20 word <&"$link"
        exec {link}>&-
    done
}

@test "SIGTERM: the last session's end, in whatever thread, ends the service" {
    start_threads greet --grace 60
    start_forward --carriage stream "$SERVICE"
    for i in {1..6}; do
        exec {link}<>"/dev/tcp/127.0.0.1/$FORWARD"
        read -r -t 20 word <&"$link"
        links+=("$link")
    done
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: 6 sessions'
    for link in "${links[@]}"; do exec {link}>&-; done
    wait_exit serve 20
    [[ $STOP_STATUS == 0 ]]
}

@test "SIGTERM twice amid traffic: at once, and nothing is left open" {
    start_threads echo --grace 60
    start_forward --carriage ws "$SERVICE"
    start load "$PYTHON" -c 'import socket, sys, threading
def pour():
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
        threading.Thread(target=link.sendall, args=(bytes(1 << 26),), daemon=True).start()
        while link.recv(1 << 16): print(".", flush=True)
for _ in range(8): threading.Thread(target=pour).start()' "$FORWARD"
    wait_log load '^\.$'
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: . sessions'
    kill -TERM "$(pid_of serve)"
    wait_exit serve 20
    [[ $STOP_STATUS == 0 ]]
}

@test "https and a Unix socket" {
    start_backend echo
    start_serve SERVICE_PORT --threads "$THREADS" --listen https://127.0.0.1:0 \
        --listen "http://unix:$DIR/socket" --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" \
        --backend "$BACKEND"
    start_forward --carriage stream "https://127.0.0.1:$(head -n 1 <<<"$SERVICE_PORT")"
    talk "$FORWARD" 20 5
    stop client
    start_forward --carriage auto --unix-socket "$DIR/socket" http://service.test
    talk "$FORWARD" 20 5
}

@test "--capture: one index, in order, that passes --check" {
    start_threads echo --capture "$DIR/served"
    start_forward --carriage auto "$SERVICE"
    talk "$FORWARD" 12 5
    stop client
    all_closed 12
    stop serve
    jq -es 'map(.n) == [range(1; length + 1)]' "$DIR/served/index.jsonl"
    run -0 --separate-stderr "$ATLS_BIN/atls-dump" --check "$DIR/served"
    [[ -z $output && -z $stderr ]]
}

@test "reports of clients at once" {
    start_threads echo --outer-chain "$CERTS/front.pem" --log-format json
    box_nginx_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    for i in {1..8}; do
        start "client$i" bash -c 'exec "$@" <"$0" >/dev/null' "$DATA" "$ATLS_BIN/atls-client" \
            --report-outer --cacert "$CERTS/ca.pem" --servername service.test \
            "https://127.0.0.1:$NGINX_PORT"
    done
    for i in {1..8}; do wait_exit "client$i" 30 && [[ $STOP_STATUS == 0 ]]; done
    [[ $(grep -c '"event":"report"' "$DIR/serve.log") == 8 ]]
}

@test "usage: numbers of threads that are none" {
    for number in 0 257 many -1; do
        run -2 serve --threads "$number" -l 127.0.0.1:0 -b 127.0.0.1:1 --cert x
        [[ $output == *"--threads"* ]]
    done
}
