#!/usr/bin/env bats
# atls-serve: its answers to foreign HTTP clients, its limits, its backend, its end and its log.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

TYPES=(application/atls+json application/atls+octet-stream application/atls)

setup_file() {
    begin_file
    make_pki
    make_data "$DIR/big" 1500000
    make_client_hello "$DIR/hello"
    printf '{"records": "%s"}' "$(base64 -w 0 "$DIR/hello")" >"$DIR/hello.json"
    export BIG=$DIR/big HELLO=$DIR/hello
}

# shellcheck disable=SC2034  # the helpers' clients take it: what is counted here is base carriage
setup() { CLIENT_CARRIAGE=base && begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# post STATUS URL TYPE DATA OPTION...: an answer with that status; its parts are in head and body.
# DATA is as for curl's --data-binary.
post() {
    local want=$1 url=$2 code
    code=$(curl -sS --max-time 20 -o "$DIR/body" -D "$DIR/head" -w '%{http_code}' \
        -H "Content-Type: $3" --data-binary "$4" "${@:5}" "$url") || return
    if [[ $code != "$want" ]]; then
        echo "status $code instead of $want" && cat "$DIR/head" "$DIR/body"
        return 1
    fi
    [[ $(header Cache-Control) == 'no-store, no-transform' ]] || { cat "$DIR/head" && return 1; }
}

# hello STATUS URL TYPE OPTION...: the same with a ClientHello, in kind.
hello() {
    local file=$HELLO
    if [[ $3 == *json ]]; then file=$HELLO.json; fi
    post "$1" "$2" "$3" "@$file" "${@:4}"
}

header() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$DIR/head"; } # NAME
first_bytes() { head -c "$1" "$DIR/body" | od -An -tx1 | tr -d ' \n'; }
cookie() { header Set-Cookie | sed -n 's/^atls=\([^;]*\).*/\1/p'; }

# ---- status codes -----------------------------------------------------------------------------

@test "404 for any other path, and nothing but the path counts" {
    local path
    start_service echo
    for path in / /atlsx /atls/ /.well-known /.well-known/atls/x '/other?/atls'; do
        hello 404 "$SERVICE$path" application/atls --path-as-is
    done
    hello 200 "$SERVICE/atls?query=1" application/atls
    hello 200 "$SERVICE/.well-known/atls" application/atls
}

@test "405 with Allow for any other method, on both paths" {
    local method path
    start_service echo
    for path in atls .well-known/atls; do
        for method in GET PUT DELETE OPTIONS PATCH; do
            hello 405 "$SERVICE/$path" application/atls -X $method
            [[ $(header Allow) == POST ]]
        done
        run -0 curl -sS --max-time 20 -I "$SERVICE/$path"
        [[ ${lines[0]} == 'HTTP/1.1 405 '* ]]
    done
}

@test "415 for any other content type, and for none" {
    local type
    start_service echo
    for type in application/json application/octet-stream application/atls+xml text/plain; do
        hello 415 "$SERVICE/atls" $type
    done
    run -0 curl -sS --max-time 20 -o /dev/null -w '%{http_code}' -H 'Content-Type:' \
        --data-binary "@$HELLO" "$SERVICE/atls"
    [[ $output == 415 ]]
    hello 200 "$SERVICE/atls" 'Application/ATLS; charset=binary'
}

@test "413 for a body that is too long, with a length or in chunks" {
    start_service echo --max-body 4k
    post 413 "$SERVICE/atls" application/atls "@$BIG"
    post 413 "$SERVICE/atls" application/atls "@$BIG" -H 'Expect:'
    post 413 "$SERVICE/atls" application/atls "@$BIG" -H 'Transfer-Encoding: chunked'
    post 413 "$SERVICE/atls" application/atls "@$BIG" -H 'Transfer-Encoding: chunked' -H 'Expect:'
    head -c 4097 "$BIG" >"$DIR/over"
    post 413 "$SERVICE/atls" application/atls "@$DIR/over"
    { cat "$HELLO" && head -c 4096 /dev/zero; } | head -c 4096 >"$DIR/just"
    post 200 "$SERVICE/atls" application/atls "@$DIR/just"
    hello 200 "$SERVICE/atls" application/atls -H 'Transfer-Encoding: chunked'
}

@test "400 for JSON that is none, or not of that form" {
    local body
    start_service echo
    for body in '' 'nonsense' '[]' '{' '{}' '{"records": 1}' '{"records": "%%%%"}' '{"records": "AAA"}' \
        '{"session": "abc"}' '{"session": 1, "records": ""}' '{"session": "", "records": ""}' \
        '{"records": "", "records": ""}' '{"records": ""} more' "$(printf '{"records": "\xff"}')"; do
        post 400 "$SERVICE/atls" application/atls+json "$body"
        [[ $(header Content-Type) == text/plain* ]]
        [[ $(<"$DIR/body") == 'atls-serve: protocol: JSON body: '* ]]
    done
    post 400 "$SERVICE/.well-known/atls" application/atls '{"session": "abc"}'
}

@test "422 for a session that is not known, in all encodings" {
    local id=0123456789abcdefghijkl type
    start_service echo
    post 422 "$SERVICE/atls" application/atls+json "{\"session\": \"$id\", \"records\": \"\"}"
    post 422 "$SERVICE/atls" application/atls "{\"session\": \"$id\", \"records\": \"\"}"
    for type in application/atls+octet-stream application/atls; do
        hello 422 "$SERVICE/atls" $type -b "atls=$id"
        post 422 "$SERVICE/atls" $type '' -b "atls=$id"
        post 422 "$SERVICE/atls" $type '' -b "atls=x"
    done
    [[ $(<"$DIR/body") == 'atls-serve: this session is not known here' ]]
}

@test "422 for a first body that cannot begin a session, in all encodings" {
    local type record
    start_service echo
    printf '\x17\x03\x03\x00\x20abcdefghijklmnopqrstuvwxyz012345' >"$DIR/data"
    printf '\x16\x03\x03\x00\x20\x14bcdefghijklmnopqrstuvwxyz012345' >"$DIR/finished"
    for record in data finished; do
        for type in application/atls+octet-stream application/atls; do
            post 422 "$SERVICE/atls" $type "@$DIR/$record"
            post 422 "$SERVICE/atls" $type ''
        done
        post 422 "$SERVICE/atls" application/atls+json \
            "{\"records\": \"$(base64 -w 0 "$DIR/$record")\"}"
    done
    post 422 "$SERVICE/atls" application/atls+json '{"records": ""}'
    [[ $(header Set-Cookie) == '' ]]
}

@test "where cookie and session disagree, session wins" {
    local id
    start_service echo
    hello 200 "$SERVICE/atls" application/atls+json
    id=$(jq -r .session "$DIR/body")
    post 200 "$SERVICE/atls" application/atls+json "{\"session\": \"$id\", \"records\": \"\"}" -b atls=other
    post 422 "$SERVICE/atls" application/atls+json '{"session": "other", "records": ""}' -b "atls=$id"
}

@test "429 with Retry-After over the sessions of one address" {
    local type
    start_service echo --max-sessions-per-address 2
    hello 200 "$SERVICE/atls" application/atls
    hello 200 "$SERVICE/atls" application/atls+json
    for type in "${TYPES[@]}"; do
        hello 429 "$SERVICE/atls" "$type"
        [[ $(header Retry-After) =~ ^[1-9][0-9]*$ && $(header Set-Cookie) == '' ]]
    done
    wait_log serve 'atls-serve: refused a session: sessions: 127\.0\.0\.1 has all 2 that it may$'
}

@test "503 with Retry-After over the sessions of all" {
    local type
    start_service echo --max-sessions 1
    hello 200 "$SERVICE/atls" application/atls
    for type in "${TYPES[@]}"; do
        hello 503 "$SERVICE/atls" "$type"
        [[ $(header Retry-After) =~ ^[1-9][0-9]*$ && $(header Set-Cookie) == '' ]]
    done
    wait_log serve 'atls-serve: refused a session: sessions: all 1 are in use$'
}

@test "an ended session makes room for another" {
    start_service echo --max-sessions 1
    run -0 --separate-stderr client "$SERVICE" <<<one
    run -0 --separate-stderr client "$SERVICE" <<<two
    [[ $output == two ]]
}

@test "each refusal of a request is told at -vv" {
    start_service echo -vv --max-body 4k
    hello 404 "$SERVICE/other" application/atls
    hello 405 "$SERVICE/atls" application/atls -X PUT
    hello 415 "$SERVICE/atls" text/plain
    post 413 "$SERVICE/atls" application/atls "@$BIG"
    post 422 "$SERVICE/atls" application/atls ''
    stop serve
    run -0 grep -o 'status 4[0-9][0-9] for 127.0.0.1' "$DIR/serve.log"
    [[ $output == $'status 404 for 127.0.0.1\nstatus 405 for 127.0.0.1\nstatus 415 for 127.0.0.1\nstatus 413 for 127.0.0.1\nstatus 422 for 127.0.0.1' ]]
}

# ---- answers ----------------------------------------------------------------------------------

@test "answers come in kind, with a session and a cookie" {
    local type value
    start_service echo
    for type in "${TYPES[@]}"; do
        hello 200 "$SERVICE/atls" "$type"
        [[ $(header Content-Type) == "$type" && $(header Content-Encoding) == '' ]]
        value=$(cookie)
        [[ $value =~ ^[A-Za-z0-9_-]{22,}$ ]]
        [[ $(header Set-Cookie) == "atls=$value; Path=/; HttpOnly; SameSite=Lax" ]]
        if [[ $type == *json ]]; then
            [[ $(head -c 12 "$DIR/body") == '{"session": ' ]]
            [[ $(jq -r .session "$DIR/body") == "$value" ]]
            jq -r .records "$DIR/body" | base64 -d >"$DIR/tls" && mv "$DIR/tls" "$DIR/body"
        fi
        [[ $(first_bytes 2) == 1603 ]] # a ServerHello
    done
}

@test "JSON that is labelled application/atls is answered in kind" {
    local id
    start_service echo
    post 200 "$SERVICE/.well-known/atls" application/atls "@$HELLO.json"
    [[ $(header Content-Type) == application/atls ]]
    id=$(jq -r .session "$DIR/body")
    post 200 "$SERVICE/.well-known/atls" application/atls " {\"session\": \"$id\", \"records\": \"\"}"
    [[ $(jq -r .session "$DIR/body") == "$id" && $(jq 'has("records")' "$DIR/body") == false ]]
}

@test "the cookie is Secure over https, and only there; two listeners at once" {
    start_backend echo
    start_serve "A B" --listen http://127.0.0.1:0 --listen https://127.0.0.1:0 --backend "$BACKEND" \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key"
    [[ $A != "$B" ]]
    hello 200 "http://127.0.0.1:$A/atls" application/atls
    [[ $(header Set-Cookie) != *Secure* ]]
    hello 200 "https://127.0.0.1:$B/atls" application/atls --cacert "$CERTS/outer-ca.pem"
    [[ $(header Set-Cookie) == *'; Secure' ]]
    run -0 --separate-stderr client "http://127.0.0.1:$A" <<<plain
    [[ $output == plain ]]
    run -0 --separate-stderr client "https://127.0.0.1:$B" <<<tls
    [[ $output == tls ]]
    wait_log serve "atls-serve: listening on http://127.0.0.1:$A$"
    wait_log serve "atls-serve: listening on https://127.0.0.1:$B$"
}

@test "a port file has a line for each listener, and is not there before they listen" {
    start_backend echo
    start serve "$ATLS_BIN/atls-serve" --cert "$CERTS/service.pem" --key "$CERTS/service.key" \
        --listen 127.0.0.1:0 --listen 127.0.0.1:0 --backend "$BACKEND" --port-file "$DIR/ports" --grace 0
    wait_for 10 test -s "$DIR/ports"
    mapfile -t ports <"$DIR/ports"
    ((${#ports[@]} == 2))
    hello 200 "http://127.0.0.1:${ports[0]}/atls" application/atls
    hello 200 "http://127.0.0.1:${ports[1]}/atls" application/atls
}

@test "IPv6" {
    if ! grep -q . /proc/net/if_inet6; then # a machine without it says so
        run -6 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/service.key" \
            --listen '[::1]:0' --backend localhost:1
        only_said '*atls-serve: cannot listen on *::1*:0: @(Cannot assign requested address|Address family not supported by protocol)'
        return
    fi
    start_backend echo
    start_serve PORT --listen '[::1]:0' --backend "$BACKEND"
    hello 200 "http://[::1]:$PORT/atls" application/atls
    run -0 --separate-stderr bare_client --cacert "$CERTS/ca.pem" "http://[::1]:$PORT" <<<six
    [[ $output == six ]]
    wait_log serve ': open from ::1, '
}

@test "garbage instead of a ClientHello: an alert inside a 200, then 422" {
    local type
    start_service echo
    for type in application/atls+octet-stream application/atls; do
        post 200 "$SERVICE/atls" $type 'this is no ClientHello at all'
        [[ $(header Content-Type) == "$type" ]]
        [[ $(first_bytes 6) == 150303000202 ]]
        hello 422 "$SERVICE/atls" $type -b "atls=$(cookie)"
    done
    post 200 "$SERVICE/atls" application/atls+json '{"records": "R0FSQkFHRSE="}'
    [[ $(jq -r .records "$DIR/body") == FQMD* ]]
    wait_log serve 'never opened, ended .*: inner TLS: what the peer sent is not TLS, or was altered'
}

@test "nc: the same body twice gets the same answer, on one connection and by HTTP/1.0" {
    local id
    start_service echo
    hello 200 "$SERVICE/atls" application/atls
    id=$(cookie)
    cp "$DIR/body" "$DIR/first"
    request() { # VERSION
        printf 'POST /atls HTTP/%s\r\nHost: x\r\ncookie: a=b; atls=%s\r\nCONTENT-TYPE: application/atls\r\n' "$1" "$id"
        printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "$HELLO")"
        cat "$HELLO"
    }
    { request 1.1 && request 1.1 && request 1.0; } >"$DIR/requests"
    timeout 10 nc 127.0.0.1 "$SERVICE_PORT" <"$DIR/requests" >"$DIR/answers"
    [[ $(grep -ao 'HTTP/1\.[01] 200 ' "$DIR/answers" | wc -l) == 3 ]]
    run -0 "$PYTHON" -c 'import sys; print(open(sys.argv[1], "rb").read().count(open(sys.argv[2], "rb").read()))' \
        "$DIR/answers" "$DIR/first"
    [[ $output == 3 ]]
}

# ---- time -------------------------------------------------------------------------------------

@test "--handshake-timeout: the session is dropped" {
    local id
    start_service echo --handshake-timeout 0.3
    hello 200 "$SERVICE/atls" application/atls
    id=$(cookie)
    wait_log serve "session ${id:0:6}: never opened, ended after 0\.[0-9] s, 1 exchanges, 0 bytes up, 0 down: the handshake took too long$"
    post 422 "$SERVICE/atls" application/atls '' -b "atls=$id"
}

@test "--idle-timeout: the session is dropped, and the backend sees no orderly end" {
    start_service greet --idle-timeout 0.5
    start_client "$DIR/in" - "$SERVICE"
    wait_log client welcome
    kill -KILL "$(pid_of client)"
    wait_log serve 'session [A-Za-z0-9_-]{6}: ended after [0-9.]+ s, [0-9]+ exchanges, 0 bytes up, 8 down: the client fell silent$'
    wait_log backend 'connection 1: cut \(Connection reset by peer\), 0 bytes'
}

@test "--idle-timeout: a client that polls stays" {
    start_service greet --idle-timeout 0.5
    start_client "$DIR/in" - --idle-poll 0.1 -vv "$SERVICE"
    wait_log client welcome
    wait_for 10 eval "(( \$(grep -c 'sending 0 TLS bytes' '$DIR/client.log') > 6 ))"
    echo words >&"$INPUT_FD"
    end_input
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
    grep -qx words "$DIR/client.log"
}

@test "--idle-timeout: a client whose request waits for the backend is not silent" {
    start_service hash --idle-timeout 0.5
    head -c 33554432 /dev/zero >"$DIR/zeros"
    kill -STOP "$(pid_of backend)"
    start_client "$DIR/zeros" "$DIR/out" "$SERVICE"
    wait_log serve 'open from'
    # One that is silent indeed, and later than the first.
    start other "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE"
    wait_for 10 eval "(( \$(grep -c 'open from' '$DIR/serve.log') == 2 ))"
    kill -KILL "$(pid_of other)"
    wait_log serve 'the client fell silent'
    kill -CONT "$(pid_of backend)"
    wait_exit client 30
    [[ $STOP_STATUS == 0 && $(<"$DIR/out") == "$(hash_of "$DIR/zeros")" ]]
    [[ $(grep -c 'the client fell silent' "$DIR/serve.log") == 1 ]]
}

# nc stays until the server closes the connection.
drip() {
    printf 'POST /atls HTTP/1.1\r\nHost: x\r\nContent-Type: application/atls\r\nContent-Length: 100\r\n\r\nabc' |
        timeout 10 nc 127.0.0.1 "$SERVICE_PORT"
}

@test "--request-timeout: a body that stops coming is given up, and others are served" {
    start_service echo --request-timeout 0.5
    run -0 drip
    run -0 --separate-stderr client "$SERVICE" <<<words
    [[ $output == words ]]
}

@test "--request-timeout: the client is told by a 408" {
    start_service echo --request-timeout 0.5
    run -0 drip
    [[ ${lines[0]:-nothing} == 'HTTP/1.1 408 '* ]]
}

@test "small bodies of a large upload are not held" {
    start_service hash
    head -c 400000 "$BIG" >"$DIR/in"
    run -0 --separate-stderr client --body-size 4k --max-time 10 "$SERVICE" <"$DIR/in"
    [[ $output == "$(hash_of "$DIR/in")" ]]
}

# ---- the backend ------------------------------------------------------------------------------

@test "a backend that refuses: an alert to the client, and its name in the log" {
    start_serve PORT --listen 127.0.0.1:0 --backend unix:"$DIR/nobody"
    run -4 --separate-stderr client "http://127.0.0.1:$PORT" <<<words
    [[ $output == '' ]]
    only_said 'atls-client: inner TLS: the peer ended the session with alert internal_error (80)'
    wait_log serve "ended .*: backend: cannot connect to unix:$DIR/nobody: No such file or directory$"
    stop serve
    start_backend mute
    stop backend # nobody has its port now
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND"
    run -4 --separate-stderr client "http://127.0.0.1:$PORT" <<<words
    [[ $output == '' ]]
    wait_log serve "ended .*: backend: cannot connect to $BACKEND: Connection refused$"
}

@test "a backend that refuses: --check is told, too" {
    start_serve PORT --listen 127.0.0.1:0 --backend unix:"$DIR/nobody"
    run -4 --separate-stderr client --check "http://127.0.0.1:$PORT"
}

@test "the alert of an error has a name that people know" {
    start_serve PORT --listen 127.0.0.1:0 --backend unix:"$DIR/nobody"
    run -4 --separate-stderr client "http://127.0.0.1:$PORT" <<<words
    unsaid '*GNUTLS_*'
}

@test "a backend at a Unix socket" {
    start_backend echo unix:"$DIR/socket"
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND"
    carry 0 "$BIG" "$DIR/out" client "http://127.0.0.1:$PORT"
    same "$BIG" "$DIR/out"
}

@test "a backend that speaks first" {
    start_service greet
    start_client "$DIR/in" - "$SERVICE"
    wait_log client '^welcome$'
    grep -q 'connection' "$DIR/backend.log" && false
    end_input
    wait_exit client
    [[ $STOP_STATUS == 0 && $(<"$DIR/client.log") == welcome ]]
    wait_log backend '^connection 1: ended, 0 bytes'
}

@test "a backend that closes first" {
    start_service bye
    run -0 --separate-stderr client "$SERVICE" </dev/null
    [[ $output == bye ]]
    wait_log serve 'ended after .*, 0 bytes up, 4 down: closed by both sides$'
}

# By a reset: what the backend said may be lost with it.
@test "a backend that closes before it read all: never exit code 0" {
    start_service bye
    run --separate-stderr client "$SERVICE" <"$BIG"
    [[ $status == [34] && $output == @(bye|) ]]
    only_said 'atls-client: @(inner TLS|backend): *'
    wait_log serve 'ended after .*: (the backend closed before the client did|backend: connection lost while .*)$'
}

@test "half-close: the client ends first" {
    start_service hash
    run -0 --separate-stderr client "$SERVICE" <"$BIG"
    [[ $output == "$(hash_of "$BIG")" ]]
    wait_log backend "^connection 1: ended, 1500000 bytes, sha256 $(hash_of "$BIG")$"
    wait_log serve 'ended after .*, 1500000 bytes up, 65 down: closed by both sides$'
}

@test "half-close: the backend ends first" {
    start_service 'done'
    start_client "$DIR/in" - "$SERVICE"
    wait_log client '^done$'
    cat "$BIG" >&"$INPUT_FD"
    end_input
    wait_exit client
    [[ $STOP_STATUS == 0 && $(<"$DIR/client.log") == 'done' ]]
    wait_log backend "^connection 1: ended, 1500000 bytes, sha256 $(hash_of "$BIG")$"
}

@test "a client that vanishes amid its data: the backend sees no orderly end" {
    start_service echo --idle-timeout 0.5
    start_client "$DIR/in" - -v "$SERVICE"
    echo words >&"$INPUT_FD"
    wait_log client '^words$'
    kill -KILL "$(pid_of client)"
    wait_log backend '^connection 1: cut \(Connection reset by peer\), 6 bytes'
}

# ---- back-pressure ----------------------------------------------------------------------------

memory_of() { awk '/^VmHWM/ { print $2 }' "/proc/$(pid_of "$1")/status"; } # NAME: KiB at most so far

@test "back-pressure: 16 MiB each way with a backend that reads slowly" {
    local before
    head -c 16777216 /dev/zero >"$DIR/zeros"
    start_service slow
    before=$(memory_of serve)
    carry 0 "$DIR/zeros" "$DIR/out" client "$SERVICE"
    same "$DIR/zeros" "$DIR/out"
    wait_log backend "^connection 1: ended, 16777216 bytes, sha256 $(hash_of "$DIR/zeros")$"
    (($(memory_of serve) < before + 65536))
}

# In base carriage each answer brings data down: with more than 4 MiB unread the client says nothing.
@test "back-pressure: a client whose output is not read, while it sends 16 MiB" {
    local before
    head -c 16777216 /dev/zero >"$DIR/zeros"
    mkfifo "$DIR/out"
    exec {out}<>"$DIR/out"
    start_service slow
    before=$(memory_of serve)
    start_client "$DIR/zeros" "$DIR/out" "$SERVICE"
    timeout 15 head -c 16777216 <"$DIR/out" | cmp - "$DIR/zeros"
    exec {out}>&-
    wait_log backend "^connection 1: ended, 16777216 bytes, sha256 $(hash_of "$DIR/zeros")$" 15
    (($(memory_of serve) < before + 65536))
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
}

# ---- the end ----------------------------------------------------------------------------------

@test "SIGTERM: no new sessions, the old ones end by close_notify when grace is over" {
    start_service greet --grace 1
    mkfifo "$DIR/out"
    start reader cat "$DIR/out"
    start_client "$DIR/in" "$DIR/out" "$SERVICE"
    wait_log reader '^welcome$'
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: 1 sessions get 1\.0 s$'
    hello 503 "$SERVICE/atls" application/atls
    [[ $(header Retry-After) =~ ^[1-9][0-9]*$ ]]
    echo words >&"$INPUT_FD" # grace is for this
    wait_log reader '^words$'
    wait_exit serve
    [[ $STOP_STATUS == 0 ]]
    wait_log serve 'ended after .*, 6 bytes up, 14 down: the service is going down$'
    wait_exit reader # the client's output ended, as it does after close_notify and no fault
    alive client
    [[ ! -s $DIR/client.log ]]
}

@test "SIGTERM: without sessions it ends at once" {
    start_service echo --grace 60
    run -0 --separate-stderr client "$SERVICE" <<<words
    kill -TERM "$(pid_of serve)"
    wait_exit serve 3
    [[ $STOP_STATUS == 0 ]]
}

@test "SIGTERM: a session that ends in its grace ends it" {
    start_service greet --grace 60
    start_client "$DIR/in" - "$SERVICE"
    wait_log client welcome
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: 1 sessions get 60\.0 s$'
    end_input
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
    wait_exit serve 5
    [[ $STOP_STATUS == 0 ]]
    wait_log serve 'ended after .*: closed by both sides$'
}

@test "SIGTERM: the second one at once" {
    start_service greet --grace 60
    start_client "$DIR/in" - "$SERVICE"
    wait_log client welcome
    kill -TERM "$(pid_of serve)"
    wait_log serve 'going down: 1 sessions get 60\.0 s$'
    kill -TERM "$(pid_of serve)"
    wait_exit serve 5
    [[ $STOP_STATUS == 0 ]]
}

@test "SIGINT: exit code 130" {
    start_service echo --grace 60
    kill -INT "$(pid_of serve)"
    wait_exit serve 5
    [[ $STOP_STATUS == 130 ]]
}

@test "a client whose service went down in order ends when its input does" {
    start_service greet
    start_client "$DIR/in" - "$SERVICE"
    wait_log client welcome
    kill -TERM "$(pid_of serve)"
    wait_exit serve
    [[ $STOP_STATUS == 0 ]]
    end_input
    wait_exit client 5
    [[ $STOP_STATUS == 0 || $STOP_STATUS == 3 ]]
}

# ---- the log ----------------------------------------------------------------------------------

@test "log: short id, version, bytes, duration and reason, and no whole id at -vv" {
    local id type short
    start_service echo -vv
    : >"$DIR/ids"
    for type in "${TYPES[@]}"; do
        hello 200 "$SERVICE/atls" "$type"
        cookie >>"$DIR/ids"
        hello 200 "$SERVICE/atls" "$type" -b "atls=$(cookie)"
    done
    start_client "$DIR/in" - --encoding json -vv "$SERVICE"
    echo words >&"$INPUT_FD"
    wait_log client '^words$'
    end_input
    wait_exit client
    short='session [A-Za-z0-9_-]{6}'
    wait_log serve "^[0-9-]{10}T[0-9:]{8}Z atls-serve: $short: open from 127\.0\.0\.1, \(TLS1\.3\)-.*, name service\.test, 2 exchanges$"
    wait_log serve "atls-serve: $short: ended after [0-9]+\.[0-9] s, [0-9]+ exchanges, 6 bytes up, 6 down: closed by both sides$"
    stop serve
    [[ $(wc -l <"$DIR/ids") == 3 ]]
    while read -r id; do
        grep -qF "session ${id:0:6}:" "$DIR/serve.log"
        run -1 grep -F "${id:0:12}" "$DIR/serve.log"
    done <"$DIR/ids"
    run -1 grep -E '[A-Za-z0-9_-]{22}' <(sed 's/atls-serve: //; s/(TLS[^ ]*)//' "$DIR/serve.log")
    run -1 grep -F words "$DIR/serve.log"
}

@test "log: --quiet says nothing of sessions" {
    start_service echo --quiet
    run -0 --separate-stderr client "$SERVICE" <<<words
    stop serve
    [[ ! -s $DIR/serve.log ]]
}

# ---- usage ------------------------------------------------------------------------------------

usage_error() { # WORDS OPTION...
    run -2 --separate-stderr serve "${@:2}"
    [[ $output == '' ]]
    only_said "atls-serve: $1" "Try 'atls-serve --help' for more information."
}

@test "usage: what is missing is named" {
    usage_error 'no --listen*' --cert c --backend localhost:1
    usage_error 'no --cert*' --listen 0 --backend localhost:1
    usage_error 'no --backend*' --listen 0 --cert c
    usage_error '--outer-key goes with --outer-cert' --listen 0 --cert c --backend localhost:1 --outer-key k
    usage_error "unknown option '--frobnicate'" --frobnicate
    usage_error "unknown option '-Z'" -Z
    usage_error "option '--hold' needs a value" --hold
    usage_error "option '--hold': '1h' is not a number of seconds from 0 to 25" --hold 1h
    usage_error "option '--max-sessions': '0' is not a number from 1 to 1000000" --max-sessions 0
    usage_error "option '--max-body': '1T' is not a size from 1k to 16M" --max-body 1T
    usage_error "option '--tls-max': '1.1' is not one of 1.2, 1.3" --tls-max 1.1
    usage_error "superfluous operand 'more'" --listen 0 --cert c --backend localhost:1 more
}

@test "usage: values that are no addresses are named, with a pointer" {
    local identity=(--cert "$CERTS/service.pem" --key "$CERTS/service.key")
    run -2 --separate-stderr serve "${identity[@]}" --listen nonsense --backend localhost:1
    only_said "*atls-serve: --listen 'nonsense' is not \[SCHEME://\]\[ADDR:\]PORT or unix:PATH" "*hint: see 'atls-serve --help'"
    run -2 --separate-stderr serve "${identity[@]}" --listen https://127.0.0.1:0 --backend localhost:1
    only_said "*atls-serve: --listen 'https://127.0.0.1:0' needs --outer-cert" "*hint: see 'atls-serve --help'"
    run -2 --separate-stderr serve "${identity[@]}" --listen 127.0.0.1:0 --backend 1
    only_said "*atls-serve: '1' is neither HOST:PORT nor unix:PATH" "*hint: see 'atls-serve --help'"
}

@test "usage: help and version go to standard output" {
    local word
    for word in --help -h; do
        run -0 --separate-stderr serve $word
        [[ ${lines[0]} == 'Usage: atls-serve '* && $stderr == '' ]]
    done
    run -0 --separate-stderr serve --version
    [[ $output =~ ^'atls-serve '[0-9.]+' (GnuTLS '.*', libmicrohttpd '.*\)$ && $stderr == '' ]]
    carry 6 /dev/null /dev/full serve --help
    only_said 'atls-serve: standard output: No space left on device'
}

@test "a port in use: exit code 6" {
    start_backend mute
    run -6 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/service.key" \
        --listen "$BACKEND" --backend localhost:1
    [[ $output == '' ]]
    only_said "*atls-serve: cannot listen on $BACKEND: Address already in use"
}

@test "a key that is not the certificate's" {
    run -2 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/front.key" \
        --listen 127.0.0.1:0 --backend localhost:1
    [[ $output == '' ]]
    said "*atls-serve: the key in '$CERTS/front.key' does not match the certificate in '$CERTS/service.pem'"
}

@test "files that cannot be read: exit code 6" {
    run -6 --separate-stderr serve --cert "$DIR/nothing" --listen 127.0.0.1:0 --backend localhost:1
    only_said "*atls-serve: cannot read certificate file '$DIR/nothing': No such file or directory"
    run -6 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/service.pem" \
        --listen 127.0.0.1:0 --backend localhost:1
    said "*atls-serve: cannot read key file '$CERTS/service.pem': *"
    run -6 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/service.key" \
        --listen https://127.0.0.1:0 --outer-cert "$DIR/nothing" --backend localhost:1
    said "*atls-serve: cannot read '$DIR/nothing' *"
    run -6 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/service.key" \
        --listen 127.0.0.1:0 --backend host.invalid:1
    said "*atls-serve: name resolution: no address for 'host.invalid:1' (*"
}

@test "errors before it listens are of the form of cli.md: TOOL: WHAT: WHY, then hint:" {
    run -2 --separate-stderr serve --cert "$CERTS/service.pem" --key "$CERTS/front.key" \
        --listen 127.0.0.1:0 --backend localhost:1
    said "atls-serve: the key in *" "hint: *"
}
