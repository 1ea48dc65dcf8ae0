#!/usr/bin/env bats
# WebSocket carriage: direct, behind terminators, through proxies, cut again and again, and refused.
# Every byte arrives once and in order while some MiB go each way at once.
# shellcheck disable=SC1010,SC2016,SC2119  # a word; inner shells' variables; options left out

bats_require_minimum_version 1.5.0

DATA_BYTES=$((3 << 20))
# shellcheck source=lib/carried.bash
. "$BATS_TEST_DIRNAME/lib/carried.bash"

echoes() { # CLIENT-OPTION...
    carry 0 "$DATA" "$DIR/out" client -v --carriage ws "$@" && same "$DATA" "$DIR/out" &&
        wait_log serve 'closed by both sides' 20
}
on_websocket() { said 'atls-client: session 1: on a WebSocket'; }
on_requests() { said 'atls-client: session 1: no WebSocket: *; going on with requests'; }

# The report says so, and what was answered.
refused() { # STATUS
    jq -e --argjson status "$1" '.ok and .carriage == "stream" and .path.websocket == {"state": "refused",
        "stood": 0, "lost": 0, "status": $status,
        "reason": "HTTP: the upgrade to a WebSocket was refused with status \($status)"}' "$DIR/report" ||
        { jq .path "$DIR/report" && return 1; }
}

# A raw request; its status line.
get_upgrade() { # HEADER...
    printf '%s\r\n' 'GET /.well-known/atls HTTP/1.1' 'Host: service.test' "$@" 'Connection: close, Upgrade' '' |
        timeout 10 nc -q 5 127.0.0.1 "${SERVICE##*:}" | head -n 1 | tr -d '\r'
}

@test "some MiB each way, told in the log and in the report" {
    start_service echo -v
    echoes --report "$DIR/report" "$SERVICE"
    on_websocket
    jq -e '.carriage == "ws" and .ok and .path.requests_lost == 0 and
        .path.websocket == {"state": "stood", "stood": 1, "lost": 0, "status": 101}' "$DIR/report"
    wait_log serve 'on a WebSocket'
}

@test "a reader that is behind when the service closes: nothing was lost" {
    start_service echo
    head -c 300000 "$DATA" >"$DIR/in"
    mkfifo "$DIR/slow"
    start client bash -c 'exec "$@" <"$0" >"$DIR/slow"' "$DIR/in" "$ATLS_BIN/atls-client" -v \
        --carriage ws --report "$DIR/report" --cacert "$CERTS/ca.pem" --servername service.test \
        "$SERVICE"
    exec 8<"$DIR/slow"
    wait_log serve 'closed by both sides'
    cat <&8 >"$DIR/out"
    exec 8<&-
    wait_exit client
    [[ $STOP_STATUS == 0 ]] && same "$DIR/in" "$DIR/out"
    run ! grep 'was lost' "$DIR/client.log"
    jq -e '.carriage == "ws" and .ok and .path.requests_lost == 0' "$DIR/report"
}

@test "half-close: what comes behind the client's end" {
    start_service hash
    carry 0 "$DATA" "$DIR/out" client --carriage ws "$SERVICE"
    [[ $(<"$DIR/out") == "$(hash_of "$DATA")" ]]
}

@test "an application that speaks first, small talk, and an end from there" {
    start_service greet
    mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0"' "$DIR/in" "$ATLS_BIN/atls-client" --carriage ws \
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

@test "the service ends: close_notify on the WebSocket, and no session is left" {
    start_service done
    run -0 --separate-stderr client --carriage ws "$SERVICE" </dev/null
    [[ $output == done ]]
    wait_log serve 'closed by both sides'
}

@test "what is wrong inside is told on it: wrong CA" {
    start_service echo
    carry 4 /dev/null "$DIR/out" "$ATLS_BIN/atls-client" --carriage ws --cacert "$CERTS/other-ca.pem" \
        --servername service.test "$SERVICE"
    said "atls-client: inner TLS: the service's certificate is not trusted*"
    wait_log serve 'alert unknown_ca|unknown CA'
}

@test "behind nginx and haproxy, which end the outer TLS" {
    start_service echo
    box_nginx_ws "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    echoes "https://127.0.0.1:$NGINX_PORT"
    on_websocket
    stop nginx
    box_haproxy_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    echoes "https://127.0.0.1:$HAPROXY_PORT"
    on_websocket
}

@test "through a proxy's CONNECT" {
    start_service echo
    start_tool PROXY_PORT proxy "$PYTHON" tests/lib/proxy.py
    echoes --proxy "http://127.0.0.1:$PROXY_PORT" "$SERVICE"
    on_websocket
    grep -q CONNECT "$DIR/proxy.log"
}

@test "cut every so often: the session goes on, on another WebSocket" {
    start_service echo
    start_tool CUT_PORT cuts "$PYTHON" tests/lib/tcp_cuts.py --to "${SERVICE##*:}" --cuts 12
    echoes --report "$DIR/report" "http://127.0.0.1:$CUT_PORT"
    said 'atls-client: session 1: its WebSocket was lost: *'
    jq -e '.ok and (.path.websocket | .lost > 0 and .stood >= .lost)' "$DIR/report"
    stop cuts
    grep -qx '12 connections were cut' "$DIR/cuts.log"
}

@test "cut in mid-frame, either way: in the header, in the payload, between fragments" {
    start_service echo
    for way in up down; do
        for where in header payload fragments; do
            start_ws_relay --cut-frame "$where" --way "$way"
            echoes --report "$DIR/report" "http://127.0.0.1:$RELAY_PORT"
            stop relay
            cuts=$(sed -n 's/ frames were cut$//p' "$DIR/relay.log")
            # One that ends before the client read the greeting counts as none.
            jq -e --argjson cuts "$cuts" '.ok and $cuts > 0 and .path.websocket.lost <= $cuts' "$DIR/report" ||
                { echo "$way $where: $cuts cuts" && jq .path "$DIR/report" && return 1; }
        done
    done
}

@test "where atls-serve ends the outer TLS itself: requests carry it" {
    start_backend echo
    start_serve SERVICE_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "$BACKEND"
    echoes --report "$DIR/report" "https://127.0.0.1:$SERVICE_PORT"
    on_requests
    said '*; encoding atls, stream carriage, *'
    refused 405
}

@test "a box that swallows the upgrade: requests carry it" {
    start_backend echo
    start_serve SERVICE_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "$BACKEND"
    box_sslsplit "$SERVICE_PORT"
    echoes --report "$DIR/report" "https://127.0.0.1:$SSLSPLIT_PORT"
    on_requests
    refused 405
}

@test "a service that is gone before it answers" {
    port=$(free_port)
    carry 3 /dev/null "$DIR/out" client --carriage ws "http://127.0.0.1:$port"
    only_said 'atls-client: connection: it could not be made*'
}

@test "requests for an upgrade that are no good" {
    start_service echo
    key='Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    [[ $(get_upgrade 'Upgrade: websocket' 'Sec-WebSocket-Version: 13' "$key" \
        'Sec-WebSocket-Protocol: atls') == 'HTTP/1.1 101 '* ]]
    [[ $(get_upgrade 'Upgrade: websocket' 'Sec-WebSocket-Version: 8' "$key" \
        'Sec-WebSocket-Protocol: atls') == 'HTTP/1.1 426 '* ]]
    [[ $(get_upgrade 'Upgrade: websocket' 'Sec-WebSocket-Version: 13' "$key") == 'HTTP/1.1 400 '* ]]
    [[ $(get_upgrade 'Upgrade: websocket' 'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: x' \
        'Sec-WebSocket-Protocol: atls') == 'HTTP/1.1 400 '* ]]
    [[ $(get_upgrade 'Upgrade: h2c') == 'HTTP/1.1 426 '* ]]
    [[ $(get_upgrade) == 'HTTP/1.1 405 '* ]]
}

# Without a cookie, as after a WebSocket: the dictionary tells what the body is.
@test "a later body that begins like JSON is not taken for it" {
    start_service echo
    printf '{rest of a record' >"$DIR/body"
    run -0 curl -s -o "$DIR/answer" -w '%{http_code}' -H 'Content-Type: application/atls' \
        -H 'ATLS-Stream: id="0123456789012345678901", gen=2, up=5000, ack=900, max=70000' \
        --data-binary "@$DIR/body" "$SERVICE/.well-known/atls"
    [[ $output == 422 ]]
}

# ---- --carriage auto --------------------------------------------------------------------------

# Words go round, one after the other, until a line of the client's log is there; then some MiB at
# once, and the end. All that was said comes back.
talks_until() { # REGEX CLIENT-OPTION...
    local seen=$1 word
    shift
    rm -f "$DIR/in" && mkfifo "$DIR/in"
    exec 9<>"$DIR/in"
    start client bash -c 'exec "$@" <"$0" >"$DIR/out"' "$DIR/in" "$ATLS_BIN/atls-client" -v \
        --report "$DIR/report" --cacert "$CERTS/ca.pem" --servername service.test "$@" 9>&-
    : >"$DIR/said"
    for word in {1..400}; do
        printf '%s\n' "$word" | tee -a "$DIR/said" >&9
        wait_for 20 grep -qsx "$word" "$DIR/out" || return
        if grep -Eaqs -e "$seen" "$DIR/client.log"; then break; fi
    done
    cat "$DATA" >>"$DIR/said" && cat "$DATA" >&9
    exec 9>&-
    wait_exit client 60
    cat "$DIR/client.log"
    [[ $STOP_STATUS == 0 ]] && grep -Eaq -e "$seen" "$DIR/client.log" && same "$DIR/said" "$DIR/out"
}
gets() { grep -c '"GET ' "$DIR/nginx/access.log" || :; }
start_ws_relay() { # OPTION...
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/ws_relay.py --to "${SERVICE##*:}" "$@"
}

@test "auto: beside running requests, behind nginx, and nothing is lost on the way over" {
    start_service echo
    box_nginx_ws "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    talks_until 'session 1: on a WebSocket' "https://127.0.0.1:$NGINX_PORT"
    grep -Eq 'session 1: inner TLS: .* stream carriage, ' "$DIR/client.log"
    jq -e '.carriage == "ws" and .ok and .path.requests_lost == 0' "$DIR/report"
    stop nginx
    [[ $(gets) == 1 ]]
}

@test "auto: a check and a few words ask for no WebSocket" {
    start_service echo
    box_nginx_ws "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    run -0 --separate-stderr client --check --json "https://127.0.0.1:$NGINX_PORT"
    jq -e '.path.websocket == {"state": "untried", "stood": 0, "lost": 0}' <<<"$output"
    run -0 --separate-stderr client "https://127.0.0.1:$NGINX_PORT" <<<words
    [[ $output == words ]]
    stop nginx
    [[ $(gets) == 0 ]]
}

@test "auto: nginx forwards no upgrade: requests go on, and no other session asks again" {
    start_service echo
    box_nginx_tls "${SERVICE##*:}" "$CERTS/front.pem" "$CERTS/front.key"
    talks_until 'session 1: no WebSocket: .*; going on with requests' --path-cache "$DIR/paths" \
        "https://127.0.0.1:$NGINX_PORT"
    jq -e '.paths[] | .carriage == "stream" and .websocket == "refused"' "$DIR/paths"
    jq -e '.path.requests_lost == 0' "$DIR/report"
    refused 405
    [[ $(gets) == 1 ]]
    start_tool FORWARD forward "$ATLS_BIN/atls-client" -v --log-format json -L 0 --report "$DIR/reports" --cacert "$CERTS/ca.pem" \
        --servername service.test "https://127.0.0.1:$NGINX_PORT"
    for _ in 1 2; do
        exec 8<>"/dev/tcp/127.0.0.1/$FORWARD"
        for word in {1..40}; do
            printf '%s\n' "$word" >&8
            read -r -t 20 answer <&8
            [[ $answer == "$word" ]]
            nap 0.05
        done
        exec 8>&-
    done
    stop forward
    jq -es 'map(select(.event == "websocket_end")) | map([.session, .state, .status]) == [["1", "refused", 405]]' \
        "$DIR/forward.log"
    jq -es 'map(.path.websocket.state) == ["refused", "remembered"]' "$DIR/reports"
    stop nginx
    [[ $(gets) == 2 ]]
}

@test "a proxy that forbids CONNECT: the report says why there is none, and so does a check" {
    start_service echo
    box_squid 'acl connect method CONNECT' 'http_access deny connect'
    echoes --report "$DIR/report" --proxy "http://127.0.0.1:$BOX_PORT" "$SERVICE"
    said 'atls-client: session 1: no WebSocket: proxy: it refused CONNECT with status 403*'
    jq -e '.path.websocket == {"state": "failed", "stood": 0, "lost": 0,
        "reason": "proxy: it refused CONNECT with status 403"}' "$DIR/report"
    run -0 --separate-stderr client --check --carriage ws --proxy "http://127.0.0.1:$BOX_PORT" "$SERVICE"
    [[ $output == *$'\nWebSocket    none: proxy: it refused CONNECT with status 403\n'* ]]
}

@test "auto: an upgrade that is swallowed disturbs nothing" {
    start_service echo
    start_ws_relay --swallow
    talks_until 'no WebSocket: protocol: WebSocket: nobody speaks on it within 3 s: .*; going on with requests' \
        "http://127.0.0.1:$RELAY_PORT"
    jq -e '.carriage == "stream" and .ok and .path.requests_lost == 0 and (.path.websocket |
        .state == "swallowed" and .status == 101 and (.reason | startswith("protocol: WebSocket: nobody speaks")))' \
        "$DIR/report"
    stop relay
    grep -qx '1 upgrades were asked for' "$DIR/relay.log"
}

@test "auto: a WebSocket that is cut: requests carry it, and after a while another one" {
    start_service echo
    start_ws_relay --cut 1500
    talks_until 'its WebSocket was lost: ' "http://127.0.0.1:$RELAY_PORT"
    stop relay
    start_ws_relay --cut 1000000
    talks_until 'on a WebSocket' "http://127.0.0.1:$RELAY_PORT"
    grep -q 'its WebSocket was lost: ' "$DIR/client.log"
}

@test "auto: through squid, and where atls-serve ends the outer TLS itself" {
    start_service echo
    box_squid
    talks_until 'session 1: (on a WebSocket|no WebSocket: .*; going on with requests)' \
        --proxy "http://127.0.0.1:$BOX_PORT" "$SERVICE"
    stop serve
    start_serve SERVICE_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "$BACKEND"
    talks_until 'session 1: no WebSocket: .*; going on with requests' "https://127.0.0.1:$SERVICE_PORT"
    jq -e '.carriage == "stream" and .ok and .path.requests_lost == 0' "$DIR/report"
}
