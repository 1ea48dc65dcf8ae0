#!/usr/bin/env bats
# atls-client --direct: ordinary TLS with the service where it can be had, ATLS where it cannot; and
# never a byte of the application on a TLS that was not verified.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/boxes
load lib/boxes2
load lib/atls

DIRECT_PY=$ATLS_ROOT/tests/lib/direct_service.py

setup_file() {
    begin_file
    make_pki
    make_cert ca late service.test expired
    make_cert ca elsewhere elsewhere.test
    make_cert other-ca forged service.test
    make_cert ca user user.test
    make_data "$DIR/big" $((4 << 20))
    echo "a secret: $SRANDOM$SRANDOM$SRANDOM" >"$DIR/small"
    export BIG=$DIR/big SMALL=$DIR/small
    start_service hash
    start_front FRONT_PORT front --cert "$CERTS/service.pem" --key "$CERTS/service.key"
    # What the files of boxes.bats have there: the service's own terminator, ATLS and application.
    mkdir "$DIR/www" && echo 'Hello from the application' >"$DIR/www/index.html"
    start_app "$DIR/www"
    start_tool SITE_ATLS_PORT site-atls "$ATLS_BIN/atls-serve" --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" --listen 127.0.0.1:0 --backend "127.0.0.1:$APP_PORT"
    start_retry NGINX_PORT nginx _site "$SITE_ATLS_PORT" "$CERTS/service.pem" "$CERTS/service.key"
}

_site() {
    _nginx "$@" && sed -i "s|^location / {|location /.well-known/atls { proxy_pass http://atls; }\n&|;
        s|proxy_pass http://atls;\$|proxy_pass http://127.0.0.1:$APP_PORT;|" "$DIR/nginx/conf"
}

setup() {
    begin_test
    IN=$SMALL
}
teardown() {
    end_squid
    end_test
}
teardown_file() { end_file; }

# What stands at the direct way's end: NAME with these options of direct_service.py. VAR gets its port.
start_front() { # VAR NAME OPTION...
    local backend=()
    if [[ " $* " == *" --cert "* ]]; then backend=(--backend "$BACKEND"); fi
    start_tool "$1" "$2" "$PYTHON" "$DIRECT_PY" "${@:3}" "${backend[@]}"
}

# The service has all of IN, and its answer arrived.
arrived() { [[ $(<"$DIR/out") == "$(hash_of "$IN")" ]]; }

goes_direct() { # OPTION...
    carry 0 "$IN" "$DIR/out" "${CLIENT:-client}" -v "$@"
    arrived
    only_said "atls-client: session 1: direct TLS to *: (TLS1.*) with 'CN=service', issued by 'CN=ca'" \
        "atls-client: $(stat -c %s "$IN") bytes up, 65 down"
}

goes_atls() { # REASON OPTION...
    carry 0 "$IN" "$DIR/out" "${CLIENT:-client}" -v "${@:2}"
    arrived
    said "atls-client: direct way to * not taken: $1; going on with ATLS" '*: session 1: inner TLS: *' \
        "atls-client: $(stat -c %s "$IN") bytes up, 65 down"
    unsaid '*direct TLS to*'
}

# So many connections ended there, and nothing of the application came by any.
nothing_came() { # NAME COUNT
    wait_for 10 _lines "$DIR/$1.log" "$2"
    run -1 grep -v '^0 bytes of the application' "$DIR/$1.log"
}
_lines() { (($(wc -l <"$1") == $2)); }

# ---- it can be had ----------------------------------------------------------------------------

@test "the service itself, in TLS 1.2 and 1.3: all arrives, half-close and all, and no HTTP is used" {
    local tls
    for tls in 1.2 1.3; do
        start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --tls $tls
        for IN in "$BIG" "$SMALL" /dev/null; do
            goes_direct --direct "127.0.0.1:$FRONT_PORT" http://127.0.0.1:1/
        done
        wait_log own "^0 bytes of the application, TLSv$tls: ended"
        grep -qx "$(stat -c %s "$BIG") bytes of the application, TLSv$tls: ended" "$DIR/own.log"
        stop own
    done
}

@test "both directions at a time, and neither waits for more than there is room for" {
    start_backend slow
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key"
    carry 0 "$BIG" "$DIR/out" client --direct "127.0.0.1:$FRONT_PORT" http://127.0.0.1:1/
    [[ $(stat -c %s "$DIR/out") == $((16 << 20)) ]]
    wait_log backend "^connection 1: ended, $(stat -c %s "$BIG") bytes, sha256 $(hash_of "$BIG")"
}

@test "auto is the URL's own host and port; --resolve, --connect-to, -4 and --interface count" {
    local from=service.test:$FRONT_PORT
    goes_direct --direct auto --resolve "$from:127.0.0.1" "https://$from/"
    goes_direct --direct auto --connect-to "service.test:443:127.0.0.1:$FRONT_PORT" https://service.test/
    goes_direct --direct auto --connect-to "service.test:443:127.0.0.1:$FRONT_PORT" http://service.test/
    goes_direct --direct "localhost:$FRONT_PORT" -4 --interface 127.0.0.1 "$SERVICE"
    goes_atls 'connection: it could not be made (*' --direct "[::1]:$FRONT_PORT" "$SERVICE"
}

# GET of the site, with SECRET in its head. Its input ends when the answer is there: a server of HTTP
# takes close_notify for the end of everything.
get() { # OPTION...
    rm -f "$DIR/fifo" "$DIR/out"
    start_client "$DIR/fifo" "$DIR/out" -v "$@"
    printf 'GET /index.html HTTP/1.0\r\nX-Secret: %s\r\n\r\n' "${SECRET:-}" >&"$INPUT_FD"
    wait_for 20 grep -qsx 'Hello from the application' "$DIR/out"
    end_input
    wait_exit client
    # shellcheck disable=SC2053  # a pattern
    [[ $STOP_STATUS == ${ENDS:-0} ]]
}

gets_direct() { get "$@" && grep -q ': session 1: direct TLS to ' "$DIR/client.log"; }
gets_atls() { # REASON OPTION...
    get "${@:2}" && grep -q ": direct way to .* not taken: $1; going on with ATLS" "$DIR/client.log" &&
        grep -q ': session 1: inner TLS: ' "$DIR/client.log"
}

@test "an HTTP application and ATLS at one address, behind nginx" {
    local via=(--connect-to "service.test:443:127.0.0.1:$NGINX_PORT")
    gets_direct --direct auto "${via[@]}" https://service.test/
    get "${via[@]}" https://service.test/
    grep ': session 1: inner TLS: ' "$DIR/client.log"
}

@test "a client certificate is given there, too" {
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --clients "$CERTS/ca.pem"
    goes_direct --cert "$CERTS/user.pem" --key "$CERTS/user.key" --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    run -0 client --check --cert "$CERTS/user.pem" --key "$CERTS/user.key" \
        --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    [[ ${lines[-1]} == 'result       ok: verified end to end' ]]
}

# ---- proxies ----------------------------------------------------------------------------------

through_connect() { # LOG PATTERN
    IN=$BIG goes_direct --direct "127.0.0.1:$FRONT_PORT" -x "http://127.0.0.1:$BOX_PORT" "$SERVICE"
    IN=$SMALL https_proxy=http://127.0.0.1:$BOX_PORT goes_direct --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    (($(grep -Ec "$2" "$1") == 2))
    https_proxy=http://127.0.0.1:$BOX_PORT no_proxy=127.0.0.1 \
        goes_direct --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    (($(grep -Ec "$2" "$1") == 2))
}

@test "CONNECT through tinyproxy" {
    box_tinyproxy
    through_connect "$DIR/tinyproxy.log" "CONNECT 127.0.0.1:$FRONT_PORT"
}

@test "CONNECT through squid" {
    box_squid
    through_connect "$DIR/squid/access.log" "CONNECT 127.0.0.1:$FRONT_PORT"
}

@test "CONNECT with credentials; without them, and where it is refused, ATLS by the same proxy" {
    start_tool PROXY_PORT proxy "$PYTHON" "$ATLS_ROOT/tests/lib/proxy.py" --user me:secret
    local to=(--direct "127.0.0.1:$FRONT_PORT" "$SERVICE")
    goes_direct -x "http://127.0.0.1:$PROXY_PORT" -U me:secret "${to[@]}"
    CLIENT=client_by_proxy goes_atls 'proxy: it wants other credentials (status 407)' "${to[@]}"
    box_squid 'acl tunnels method CONNECT' 'http_access deny tunnels'
    goes_atls 'proxy: it refused CONNECT with status 403' -x "http://127.0.0.1:$BOX_PORT" "${to[@]}"
}

# The direct way's proxy alone.
client_by_proxy() { https_proxy=http://127.0.0.1:$PROXY_PORT client "$@"; }

# ---- it is intercepted ------------------------------------------------------------------------

# Nothing but ATLS's bodies passes the box: the request, which says PRIVATE, is in none of what it
# wrote down, where the same without atls is.
not_through() { # BOX CA-FILE ISSUER
    local port=${1^^}_PORT SECRET=secret-$SRANDOM$SRANDOM public=public-$SRANDOM$SRANDOM
    local via=(--connect-to "service.test:443:127.0.0.1:${!port}")
    gets_atls "direct TLS: the service's certificate is not trusted: .*; finding: intercepted, by .*" \
        --direct auto "${via[@]}" https://service.test/
    run -0 curl -sS --cacert "$2" "${via[@]}" -H "X-Secret: $public" https://service.test/index.html
    [[ $output == 'Hello from the application' ]]
    run -0 client --check --json --direct auto "${via[@]}" https://service.test/
    jq -e --arg issuer "$3" '.ok and .way == "atls" and .direct.finding == "intercepted" and
        .direct.used == false and .direct.code == "tls" and .direct.certificate.issuer == $issuer and
        .direct.certificate.fault == "untrusted" and (.direct.reason | startswith("direct TLS: ")) and
        .inner.issuer == "CN=ca"' <<<"$output" || { echo "$output" && return 1; }
    # The user's trust decides, not ours: who trusts the box goes by it. It may end as it likes.
    CERTS=$DIR/trusting
    mkdir "$CERTS" && cp "$2" "$CERTS/ca.pem"
    ENDS='[04]' gets_direct --direct auto "${via[@]}" https://service.test/
    stop "$1"
    run -0 grep -rqaF -e "$public" "$DIR/$1.seen"
    run -0 grep -rqaF -e /.well-known/atls "$DIR/$1.seen"
    # The one time it was trusted.
    [[ $(grep -raoF -e "$SECRET" "$DIR/$1.seen" | wc -l) == 1 ]]
}

@test "sslsplit: ATLS, and it reads nothing" {
    box_sslsplit "$NGINX_PORT"
    ln -s "$SSLSPLIT_LOGS" "$DIR/sslsplit.seen"
    not_through sslsplit "$SSLSPLIT_CA" CN=sslsplit-ca
}

@test "mitmproxy: ATLS, and it reads nothing" {
    box_mitmproxy "https://127.0.0.1:$NGINX_PORT"
    ln -s "$MITMPROXY_FLOWS" "$DIR/mitmproxy.seen"
    not_through mitmproxy "$MITMPROXY_CA" O=mitmproxy,CN=mitmproxy
}

@test "squid, ssl-bump: ATLS by the same proxy; spliced: direct" {
    local to=(--direct auto -x)
    box_squid_bump 'tls_outgoing_options flags=DONT_VERIFY_PEER' 'sslproxy_cert_error allow all' 'ssl_bump bump all'
    to+=("http://127.0.0.1:$BOX_PORT" "https://127.0.0.1:$NGINX_PORT/")
    gets_atls 'direct TLS: .*; finding: intercepted, by .*' "${to[@]}"
    stop squid
    box_squid_bump 'ssl_bump peek step1' 'ssl_bump splice all'
    to[3]=http://127.0.0.1:$BOX_PORT
    gets_direct "${to[@]}"
}

# In a name space of its own, the machine's store with the tests' CA in it.
stored_client() {
    # shellcheck disable=SC2016  # the inner shell's
    unshare -rm timeout -k 5 30 bash -c \
        'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"' \
        "$DIR/store" "$ATLS_BIN/atls-client" "$@"
}

@test "the box's CA is in the machine's store: ATLS all the same, unless it is given by name" {
    local to CLIENT=stored_client
    cat /etc/ssl/certs/ca-certificates.crt "$CERTS/ca.pem" >"$DIR/store"
    make_cert ca both service.example.org,service.corp.internal
    SERVE_IDENTITY=both start_service hash
    start_front FRONT_PORT box --cert "$CERTS/both.pem" --key "$CERTS/both.key"
    to=(--direct "127.0.0.1:$FRONT_PORT" --servername service.example.org "$SERVICE")
    goes_atls "direct TLS: nobody but a CA that was added on this machine, 'CN=ca', vouches for the certificate; finding: intercepted, by CN=ca" "${to[@]}"
    nothing_came box 1
    carry 0 "$IN" "$DIR/out" stored_client -v --cacert "$CERTS/ca.pem" "${to[@]}"
    said '*direct TLS to*'
    carry 0 "$IN" "$DIR/out" stored_client -v --pinnedpubkey "$(pin_of "$CERTS/both.pem")" "${to[@]}"
    said '*direct TLS to*'
    # No public CA can vouch for such a name.
    to[3]=service.corp.internal
    carry 0 "$IN" "$DIR/out" stored_client -v "${to[@]}"
    said '*direct TLS to*'
}

# ---- it is not the service ----------------------------------------------------------------------

refused() { # IDENTITY REASON OPTION...
    local tls
    for tls in 1.2 1.3; do
        start_front FRONT_PORT wrong --cert "$CERTS/$1.pem" --key "$CERTS/$1.key" --tls $tls
        for IN in "$SMALL" "$BIG"; do
            goes_atls "$2" "${@:3}" --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
        done
        nothing_came wrong 2
        stop wrong
    done
}

@test "another CA, another name, expired: ATLS, and nothing was said" {
    refused forged "direct TLS: the service's certificate is not trusted: *; finding: intercepted, by CN=other-ca"
    refused elsewhere "direct TLS: the service's certificate is for 'elsewhere.test', not for 'service.test'; finding: *"
    refused late "direct TLS: the service's certificate has expired on *; finding: direct"
}

@test "another key than the pinned one, whatever its chain: ATLS, and nothing was said" {
    local pin
    pin=$(pin_of "$CERTS/service.pem")
    make_cert ca service2 service.test
    refused service2 "direct TLS: the service's certificate has the key *; finding: *" --pinnedpubkey "$pin"
    refused forged "direct TLS: the service's certificate *; finding: intercepted, by *" --pinnedpubkey "$pin"
    refused forged "direct TLS: the service's certificate has the key *; finding: *" --pinnedpubkey "$pin" \
        --insecure-inner
}

@test "the handshake fails at its last byte, or lacks it: ATLS, and nothing was said" {
    local tls how
    for tls in 1.2 1.3; do
        for how in forge mute; do
            start_front FRONT_PORT late --cert "$CERTS/service.pem" --key "$CERTS/service.key" --tls $tls --how $how
            case $how in
            forge) goes_atls 'direct TLS: a record does not decrypt: *' --direct "127.0.0.1:$FRONT_PORT" "$SERVICE" ;;
            mute) goes_atls 'direct connection: no TLS session stood within 0.3 s (--direct-timeout)*' \
                --direct-timeout 0.3 --direct "127.0.0.1:$FRONT_PORT" "$SERVICE" ;;
            esac
            nothing_came late 1
            stop late
        done
    done
}

@test "resets, silence, garbage, a captive portal, nobody: ATLS" {
    local how
    local -A reasons=(
        [reset]='*conne*' [stall]='direct connection: it was lost amid the handshake (Connection reset by peer)'
        [garbage]='direct TLS: what the peer sent is not TLS, or was altered on the way (*)'
        [portal]='direct TLS: what the peer sent is not TLS, or was altered on the way (*)'
        [silence]='direct connection: no TLS session stood within 0.3 s (--direct-timeout)')
    for how in "${!reasons[@]}"; do
        start_front FRONT_PORT wrong --how "$how"
        goes_atls "${reasons[$how]}" --direct-timeout 0.3 --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
        nothing_came wrong 1
        stop wrong
    done
    goes_atls 'connection: it could not be made (*' --direct 127.0.0.1:1 "$SERVICE"
    goes_atls "name resolution: no address for the service's host (*" --direct service.invalid:443 "$SERVICE"
}

# ---- it ends ------------------------------------------------------------------------------------

@test "an end without close_notify is a truncation, a reset a loss; ATLS is not begun amid a session" {
    local tls
    for tls in 1.2 1.3; do
        start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --tls $tls --how truncate
        carry 4 "$SMALL" "$DIR/out" client --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
        IN=$SMALL arrived
        only_said 'atls-client: direct TLS: the stream ended without close_notify: it was truncated (*)'
        stop own
        start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --tls $tls --how cut
        carry 3 "$SMALL" "$DIR/out" client --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
        only_said 'atls-client: direct connection: it was lost*'
        stop own
    done
    [[ ! -s $DIR/out ]]
}

@test "a client certificate that is refused: before the session stands ATLS, after it an error" {
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --tls 1.2 --clients "$CERTS/ca.pem"
    goes_atls 'direct TLS: the peer ended the session with alert *' --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    stop own
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --clients "$CERTS/ca.pem"
    carry 4 "$SMALL" "$DIR/out" client --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    only_said 'atls-client: direct TLS: the peer ended the session with alert certificate_required (116)' 'hint: *--cert*'
    run -4 --separate-stderr client --check --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    [[ ${lines[-1]} == 'result       failed: direct TLS: '*certificate_required* ]]
}

@test "a signal, and --max-time, while the direct way is tried" {
    start_front FRONT_PORT silent --how silence
    start_client "$DIR/fifo" "$DIR/out" --direct-timeout 60 --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    wait_for 10 _connected "$FRONT_PORT"
    kill -TERM "$(pid_of client)"
    wait_exit client
    [[ $STOP_STATUS == 143 ]]
    end_input
    carry 3 "$SMALL" "$DIR/out" client --direct-timeout 60 --max-time 0.2 --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    only_said 'atls-client: connection: not done within 0.2 s (--max-time)'
}
_connected() { awk -v port="$(printf '%04X' "$1")" '$4 == "01" && $3 ~ (":" port "$") { n++ } END { exit !n }' /proc/net/tcp; }

# ---- many, and what is told -----------------------------------------------------------------------

ask() { # FILE
    "$PYTHON" -c '
import socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
link.sendall(open(sys.argv[2], "rb").read())
link.shutdown(socket.SHUT_WR)
while data := link.recv(65536):
    sys.stdout.buffer.write(data)' "$LOCAL_PORT" "$1"
}

start_forward() { # OPTION...
    start_tool LOCAL_PORT forward "$ATLS_BIN/atls-client" -v --cacert "$CERTS/ca.pem" --servername service.test \
        -L 0 "$@"
}

@test "-L: a way that failed is not tried by every connection" {
    start_front FRONT_PORT silent --how silence
    start_forward --direct-timeout 0.3 --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    [[ $(ask "$SMALL") == "$(hash_of "$SMALL")" ]]
    [[ $(ask "$BIG") == "$(hash_of "$BIG")" ]]
    [[ $(ask "$SMALL") == "$(hash_of "$SMALL")" ]]
    [[ $(grep -c 'direct way to .* not taken: ' "$DIR/forward.log") == 1 ]]
    [[ $(grep -c 'direct way to .* not tried again: ' "$DIR/forward.log") == 2 ]]
    nothing_came silent 1
}

@test "-L: each connection decides anew; half-close and resets reach the local program" {
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key"
    start_forward --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    [[ $(ask "$BIG") == "$(hash_of "$BIG")" ]]
    [[ $(ask "$SMALL") == "$(hash_of "$SMALL")" ]]
    stop own
    [[ $(ask "$SMALL") == "$(hash_of "$SMALL")" ]]
    [[ $(grep -c 'session .: direct TLS to' "$DIR/forward.log") == 2 ]]
    [[ $(grep -c 'session 3: inner TLS' "$DIR/forward.log") == 1 ]]
    stop forward
    start_front FRONT_PORT own --cert "$CERTS/service.pem" --key "$CERTS/service.key" --how truncate
    start_forward --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    run -1 ask "$SMALL"
    [[ $output == *ConnectionResetError* ]]
}

@test "--check and --report: the way that was taken, and why" {
    run -0 --separate-stderr client --check --direct "127.0.0.1:$FRONT_PORT" --report "$DIR/report" "$SERVICE"
    [[ -z $stderr && ${lines[1]} == "way          direct, to 127.0.0.1:$FRONT_PORT" ]]
    [[ ${lines[2]} == 'direct TLS   (TLS1.3)'* && ${lines[-1]} == 'result       ok: verified end to end' ]]
    run -0 --separate-stderr client --check --json --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    jq -e --arg url "$SERVICE" '.ok and .way == "direct" and .direct.used and .url == $url and
        .encoding == "none" and .exchanges == 0 and .inner.issuer == "CN=ca" and .inner.valid and
        .direct.finding == "direct" and (has("outer") | not)' <<<"$output" || { echo "$output" && return 1; }
    start_front FRONT_PORT wrong --cert "$CERTS/forged.pem" --key "$CERTS/forged.key"
    carry 0 "$SMALL" "$DIR/out" client --direct "127.0.0.1:$FRONT_PORT" --report "$DIR/report2" "$SERVICE"
    only_said
    run -0 --separate-stderr client --check --direct "127.0.0.1:$FRONT_PORT" "$SERVICE"
    [[ ${lines[1]} == "way          ATLS; not direct, to 127.0.0.1:$FRONT_PORT: direct TLS: the service's"* ]]
    [[ ${lines[2]} == 'direct TLS   intercepted, by CN=other-ca' && ${lines[3]} == '  subject    CN=forged' ]]
    jq -e '.way == "direct" and .carriage == "none" and .direct.used and .handshake_ms >= 0 and
        (.direct.certificate.chain | length) == 1' "$DIR/report"
    jq -e '.way == "atls" and .carriage != "none" and (.direct.used | not) and .direct.who == "CN=other-ca" and
        .direct.took_ms >= 0 and (.direct.certificate.chain | length) == 1' "$DIR/report2"
    run -0 client --check --json "$SERVICE"
    jq -e '.way == "atls" and (has("direct") | not)' <<<"$output"
}

@test "wrong usage" {
    local value
    for value in '' x :443 host: host:0 host:70000; do
        run -2 --separate-stderr client --direct "$value" "$SERVICE"
        said "atls-client: --direct '$value' is neither HOST:PORT nor auto"
    done
    run -2 --separate-stderr client --direct
    run -2 --separate-stderr client --direct auto --unix-socket "$DIR/x" "$SERVICE"
    said 'atls-client: --direct and --unix-socket exclude each other*'
    run -2 --separate-stderr client --direct auto --insecure-inner "$SERVICE"
    said 'atls-client: --direct with --insecure-inner needs --pinnedpubkey: *'
}
