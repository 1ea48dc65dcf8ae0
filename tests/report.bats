#!/usr/bin/env bats
# --report-outer and --outer-chain: whether somebody stands between, proven through the inner session.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls
load lib/boxes

setup_file() {
    begin_file
    make_pki
    cat "$CERTS/front.pem" "$CERTS/outer-ca.pem" >"$DIR/chain.pem"
    printf 'hello\n' >"$DIR/in"
    export IN=$DIR/in CHAIN=$DIR/chain.pem
    # A libcurl on another TLS library tells no channel binding: the certificate alone is compared.
    export OWN=bound TWIN=other_binding OWN_SAID='the service is at the other end of the same TLS connection: nobody is between'
    if ! ldd "$ATLS_BIN/atls-client" | grep -q libcurl-gnutls; then
        OWN=equal TWIN=equal OWN_SAID="the service's front shows the same certificate: nobody without its key is between"
    fi
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# The service, and what is in front of it.
start_plain() { start_service echo --log-format json "$@"; }
start_own() {
    start_backend echo || return
    start_serve SERVICE_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "$BACKEND" --log-format json "$@" || return
    SERVICE=https://127.0.0.1:$SERVICE_PORT
}

# finds FINDING URL OPTION...: a session that carries its data, with that finding at both ends.
finds() {
    local finding=$1 bad=false
    if [[ $finding == other_* ]]; then bad=true; fi
    carry 0 "$IN" "$DIR/out" client --report-outer --report "$DIR/report" "${@:3}" "$2"
    cmp "$IN" "$DIR/out"
    jq -e --argjson bad $bad ".report.state == \"answered\" and .report.finding == \"$finding\" and
        .report.intercepted == \$bad and .ok and .bytes_up == 6 and .bytes_down == 6" "$DIR/report" ||
        { jq .report "$DIR/report" && return 1; }
    logged "$finding" "$bad"
    if [[ $bad == true ]]; then said '*the TLS of the network is intercepted*'; else only_said; fi
}

# logged FINDING INTERCEPTED: the last report in the service's log.
logged() {
    wait_log serve '"event":"report"'
    jq -es --argjson bad "$2" "map(select(.event == \"report\"))[-1] | .finding == \"$1\" and .intercepted == \$bad
        and .peer == \"127.0.0.1\" and .host == \"127.0.0.1\"" "$DIR/serve.log" ||
        { cat "$DIR/serve.log" && return 1; }
}

# The report never reaches the backend.
undisturbed() {
    wait_log backend '^connection 1: ended, 6 bytes'
    run -1 grep '^connection 2' "$DIR/backend.log"
}

hash_of_front() { openssl x509 -in "$CERTS/front.pem" -outform DER | sha256sum | cut -d' ' -f1; }

# ---- nobody between -------------------------------------------------------------------------------

@test "directly, with outer TLS of its own: the same connection, by every encoding and version" {
    local option
    start_own
    finds "$OWN" "$SERVICE"
    undisturbed
    jq -e --arg hash "$(hash_of_front)" '.report.steady and .outer.chain[0].sha256 == $hash
        and .report.service.own[0].sha256 == $hash and .report.service.fronts == []
        and .report.service.connection.version == "TLS1.3"' "$DIR/report"
    for option in '--encoding json' '--encoding octet-stream' '--tls-max 1.2'; do
        # shellcheck disable=SC2086  # words
        finds "$OWN" "$SERVICE" $option
    done
}

@test "directly: the report and the session go by one connection" {
    start_own -vv
    carry 0 "$IN" "$DIR/out" client -v --report-outer "$SERVICE"
    said "*: session 1: outer TLS: $OWN_SAID"
    stop serve
    [[ $(jq -s 'map(select(.event == "session_open")) | length' "$DIR/serve.log") == 2 ]]
    jq -es 'map(select(.event == "report"))[0] | .seen.subject == "CN=front" and .seen.issuer == "CN=outer-ca"
        and .tls and (env.OWN == "equal" or .version == "TLS1.3") and .level == "notice"' "$DIR/serve.log"
}

@test "behind honest terminators: the same certificate" {
    start_plain --outer-chain "$CHAIN"
    box_nginx_tls "$SERVICE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    box_haproxy_tls "$SERVICE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    undisturbed
    finds equal "https://127.0.0.1:$HAPROXY_PORT"
    jq -e --arg hash "$(hash_of_front)" '.report.service.fronts[0] | length == 2 and .[0].sha256 == $hash' "$DIR/report"
}

@test "behind a terminator that goes on by TLS, even with the same certificate" {
    start_own --outer-chain "$CHAIN"
    start_retry NGINX_PORT nginx nginx_on_tls "$SERVICE_PORT"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    finds "$OWN" "$SERVICE"
}

@test "a front that is not known, and no TLS at all" {
    start_plain
    box_nginx_tls "$SERVICE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    finds unknown "https://127.0.0.1:$NGINX_PORT"
    finds unseen "$SERVICE"
}

# ---- somebody between -----------------------------------------------------------------------------

@test "sslsplit before the service's own TLS: interception, with both certificates" {
    start_own
    box_sslsplit "$SERVICE_PORT"
    finds other_chain "https://127.0.0.1:$SSLSPLIT_PORT"
    undisturbed
    said "*: outer TLS: the certificate seen is 'CN=front', issued by 'CN=sslsplit-ca', SHA-256 *" \
        "*: outer TLS: the service's own is 'CN=front', issued by 'CN=outer-ca', SHA-256 $(hash_of_front)"
    finds "$OWN" "$SERVICE"
}

@test "sslsplit before an honest terminator: interception" {
    start_plain --outer-chain "$CHAIN"
    box_nginx_tls "$SERVICE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    box_sslsplit "$NGINX_PORT"
    finds other_chain "https://127.0.0.1:$SSLSPLIT_PORT"
    said "*: outer TLS: the service's own is 'CN=front', issued by 'CN=outer-ca', SHA-256 $(hash_of_front)"
    finds equal "https://127.0.0.1:$NGINX_PORT"
}

nginx_on_tls() { # PORT UPSTREAM_PORT
    _nginx "$1" "$2" "$CERTS/front.pem" "$CERTS/front.key"
    sed -i 's|proxy_pass http://|proxy_pass https://|' "$DIR/nginx/conf"
}

@test "a box with the service's own certificate and key: another connection, so interception" {
    start_own
    start_retry NGINX_PORT nginx nginx_on_tls "$SERVICE_PORT"
    finds "$TWIN" "https://127.0.0.1:$NGINX_PORT"
    if [[ $TWIN == other_binding ]]; then
        only_said '*: outer TLS: the certificate is the service'\''s, and its connection another one: *'
    fi
}

@test "a path that closes after each answer: the certificate alone is compared" {
    start_own
    start_retry NGINX_PORT nginx nginx_hasty "$SERVICE_PORT"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    jq -e '.report.steady | not' "$DIR/report"
}

nginx_hasty() { # PORT UPSTREAM_PORT
    nginx_on_tls "$@"
    sed -i 's|keepalive 16;||; s|^listen |keepalive_timeout 0; listen |' "$DIR/nginx/conf"
}

# ---- how it goes on -------------------------------------------------------------------------------

@test "-L: each session begins with one" {
    local _
    start_own
    start_tool LOCAL_PORT forward "$ATLS_BIN/atls-client" -L 127.0.0.1:0 --report-outer --report "$DIR/report" \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE"
    for _ in 1 2 3; do
        run -0 timeout 20 nc -N 127.0.0.1 "$LOCAL_PORT" <"$IN"
        [[ $output == hello ]]
    done
    stop forward
    [[ $(jq -s 'map(select(.report.finding == env.OWN and .ok and .outer.chain)) | length' "$DIR/report") == 3 ]]
}

@test "-L: twenty sessions at once share connections, and none is mistaken" {
    local i pids=()
    start_own
    start_tool LOCAL_PORT forward "$ATLS_BIN/atls-client" -L 127.0.0.1:0 --report-outer --report "$DIR/report" \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE"
    for i in {1..20}; do
        timeout 30 nc -N 127.0.0.1 "$LOCAL_PORT" <"$IN" >"$DIR/out.$i" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    for i in {1..20}; do cmp "$IN" "$DIR/out.$i"; done
    stop forward
    jq -es 'length == 20 and all(.ok and .report.state == "answered" and (.report.intercepted | not)
        and .report.finding != "unknown")' "$DIR/report"
    stop serve
    jq -es '[.[] | select(.event == "report") | .intercepted] | length >= 20 and (any | not)' "$DIR/serve.log"
}

@test "-L: where it is not known which connection it goes by, no report, and the session all the same" {
    local _
    start_backend echo
    start_serve _ --listen "https://unix:$DIR/front" --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" \
        --backend "$BACKEND" --log-format json
    start_tool LOCAL_PORT forward "$ATLS_BIN/atls-client" -L 127.0.0.1:0 --report-outer --report "$DIR/report" \
        --cacert "$CERTS/ca.pem" --servername service.test --unix-socket "$DIR/front" https://service.test
    for _ in 1 2; do
        run -0 timeout 20 nc -N 127.0.0.1 "$LOCAL_PORT" <"$IN"
        [[ $output == hello ]]
    done
    stop forward
    jq -es 'map(.ok) == [true, true] and .[0].report.finding == env.OWN and .[1].report == {"state": "failed",
        "error": "transport report: it is not known what the connection showed"}' "$DIR/report"
}

@test "--check: as text and as JSON" {
    start_own
    run -0 --separate-stderr client --check --report-outer "$SERVICE"
    [[ $output == *$'\nreport       '"$OWN_SAID"$'\n'* ]]
    [[ ${lines[-1]} == 'result       ok: verified end to end' ]]
    run -0 --separate-stderr client --check --json --report-outer "$SERVICE"
    jq -e '.ok and .report.finding == env.OWN and .report.service.own[0].der' <<<"$output"
}

@test "a service that takes none: the session is an ordinary one" {
    start_peer --app echo
    carry 0 "$IN" "$DIR/out" client -v --report-outer --report "$DIR/report" "$PEER"
    cmp "$IN" "$DIR/out"
    said '*: outer TLS: the service takes no reports of it'
    jq -e '.report == {"state": "untaken"} and .ok' "$DIR/report"
    no_violations
}

@test "a session that cannot stand fails as without a report" {
    start_own
    carry 4 "$IN" "$DIR/out" bare_client --report-outer --cacert "$CERTS/other-ca.pem" "$SERVICE"
    said "atls-client: inner TLS: the service's certificate is not trusted: *"
    [[ ! -s $DIR/out ]]
    carry 3 "$IN" "$DIR/out" client --report-outer http://127.0.0.1:1
    said 'atls-client: connection: it could not be made*'
}

@test "--outer-chain: one that is renewed counts from then on, one that breaks does not" {
    cp "$CHAIN" "$DIR/live.pem"
    start_plain --outer-chain "$DIR/live.pem" --outer-chain "$CERTS/service.pem"
    box_nginx_tls "$SERVICE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    cp "$CERTS/other-ca.pem" "$DIR/live.pem"
    finds other_chain "https://127.0.0.1:$NGINX_PORT"
    cp "$CHAIN" "$DIR/live.pem"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    echo nonsense >"$DIR/live.pem"
    finds equal "https://127.0.0.1:$NGINX_PORT"
    jq -es "map(select(.event == \"error\"))[0].message ==
        \"cannot use outer chain '$DIR/live.pem': no certificate in PEM\"" "$DIR/serve.log"
}

@test "--outer-chain: files that cannot be used: exit code 6" {
    run -6 --separate-stderr serve -l 127.0.0.1:0 -b 127.0.0.1:1 --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" --outer-chain "$DIR/missing"
    only_said "atls-serve: cannot read outer chain '$DIR/missing': No such file or directory"
    run -6 --separate-stderr serve -l 127.0.0.1:0 -b 127.0.0.1:1 --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" --outer-chain "$IN"
    only_said "atls-serve: cannot use outer chain '$IN': no certificate in PEM"
}

# ---- a client of one's own ------------------------------------------------------------------------

# by_hand FILE: sends it as a report, with another TLS stack; prints the answer, or how TLS ended.
by_hand() {
    timeout 20 "$PYTHON" -c '
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.set_alpn_protocols(["atls-report/1"])
ours, theirs, cookie = ssl.MemoryBIO(), ssl.MemoryBIO(), {}
tls = context.wrap_bio(theirs, ours, server_hostname="service.test")
link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))

def exchange():
    link.request("POST", "/atls", ours.read(), {"Content-Type": "application/atls", **cookie})
    answer = link.getresponse()
    cookie.setdefault("Cookie", (answer.getheader("Set-Cookie") or "").split(";")[0])
    theirs.write(answer.read())

def until(step):
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            exchange()

until(tls.do_handshake)
assert tls.selected_alpn_protocol() == "atls-report/1"
tls.write(sys.stdin.buffer.read() + b"\n")
answer = b""
try:
    while data := until(lambda: tls.read(65536)):
        answer += data
except ssl.SSLError as error:
    print(error.reason)
print(answer.decode())' "$SERVICE_PORT" "$CERTS/ca.pem" <"$1"
}

@test "a report by another TLS stack is answered; what is none ends in an alert" {
    local bad
    start_plain --outer-chain "$CHAIN"
    printf '{"schema":"atls-report/1","connection":{"tls":true},"chain":[{"der":"%s"}]}' \
        "$(openssl x509 -in "$CERTS/front.pem" -outform DER | base64 -w 0)" >"$DIR/good"
    run -0 by_hand "$DIR/good"
    jq -e '.schema == "atls-report/1" and .finding == "equal"' <<<"$output"
    for bad in '' 'nonsense' '{}' '{"schema":"atls-report/1","connection":{"tls":true},"chain":[{"der":"%%%%"}]}'; do
        printf '%s' "$bad" >"$DIR/bad"
        run -0 by_hand "$DIR/bad"
        [[ ${output^^} == *INTERNAL*ERROR* ]] || { echo "$bad: $output" && return 1; }
    done
    head -c 300000 /dev/zero >"$DIR/bad"
    run -0 by_hand "$DIR/bad"
    [[ ${output^^} == *INTERNAL*ERROR* ]]
    run -0 by_hand "$DIR/good"
    jq -e '.finding == "equal"' <<<"$output"
    stop serve
    jq -es '[.[] | select(.event == "session_end" and .code != "ok") | .reason] | length == 5
        and all(startswith("transport report: "))' "$DIR/serve.log"
    [[ ! -s $DIR/backend.log ]]
}
