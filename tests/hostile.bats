#!/usr/bin/env bats
# Through which real box what works with which encoding, and what the user reads where the box forbids
# it. The last test leaves the table in .build/boxes.tsv, for boxes-table.sh.

bats_require_minimum_version 1.5.0
load lib/common
load lib/boxes2
load lib/atls

ENCODINGS=(atls octet-stream json)
BOXES=51

setup_file() {
    begin_file
    make_ca ca && make_ca outer-ca
    make_cert ca service service.test
    make_cert outer-ca front localhost,127.0.0.1
    make_data "$DIR/big" $((1 << 20))
    export BIG=$DIR/big BIG_HASH TABLE=$DIR/table
    BIG_HASH=$(hash_of "$BIG")
    : >"$TABLE"
    start_backend echo
    start_serve "HTTP_PORT HTTPS_PORT" --listen http://127.0.0.1:0 --listen https://127.0.0.1:0 \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" --backend "$BACKEND"
    export PLAIN=http://127.0.0.1:$HTTP_PORT/ SECURE=https://127.0.0.1:$HTTPS_PORT/
}

# Base carriage, whose limits these are; stream.bats has the other.
# shellcheck disable=SC2034  # the helpers' clients take it
setup() { CLIENT_CARRIAGE=base && begin_test; }
teardown() { end_squid && end_test; }
teardown_file() { end_file; }

# BOX is the table's name for it, WAY what leads through it.
through_proxy() { # BOX URL OPTION...
    BOX=$1 WAY=(--proxy "http://127.0.0.1:$BOX_PORT" "${@:3}" "${2%/}")
}
in_front() { # BOX OPTION...
    BOX=$1 WAY=("${@:2}" "http://127.0.0.1:$BOX_PORT")
}

note() { # ENCODING VERDICT READS
    printf '%s\t%s\t%s\t%s\n' "$BOX" "$1" "$2" "$3" >>"$TABLE"
}

# 1 MiB there and back; auto may end as another ENCODING.
passes() { # ENCODING [AS]
    local as=${2:-$1}
    carry 0 "$BIG" "$DIR/out" client -v --encoding "$1" "${WAY[@]}"
    [[ $(hash_of "$DIR/out") == "$BIG_HASH" ]]
    said "*: 1048576 bytes up, 1048576 down"
    if [[ $as == "$1" || $1 == auto && $as == atls ]]; then
        said "*: inner TLS: *; encoding $as, *"
        unsaid '*; going on with *'
    else
        said "*; going on with $as"
    fi
    if [[ $as == "$1" ]]; then note "$1" works ''; else note "$1" "as $as" ''; fi
}

all_pass() {
    local encoding
    for encoding in "${ENCODINGS[@]}"; do passes "$encoding"; done
    passes auto atls
}

# The lines are patterns, and all that the user reads.
refuses() { # CODE ENCODING LINE...
    carry "$1" "$BIG" "$DIR/out" client --encoding "$2" "${WAY[@]}"
    [[ ! -s $DIR/out ]]
    only_said "${@:3}"
    note "$2" "exit $1" "$(sed -E "s/^atls-client: //; s/(127\.0\.0\.1[: ](port )?)[0-9]+/\1PORT/g" \
        <<<"$stderr" | paste -sd '|')"
}

none_passes() { # CODE LINE...
    local encoding
    for encoding in "${ENCODINGS[@]}" auto; do refuses "$1" "$encoding" "${@:2}"; done
}

# ---- proxies ----------------------------------------------------------------------------------

@test "mitmproxy: CONNECT, intercepted" {
    box_connect
    through_proxy 'mitmproxy, https' "$SECURE"
    all_pass
}

@test "mitmproxy: http" {
    box_connect
    through_proxy 'mitmproxy, http' "$PLAIN"
    all_pass
}

bump() { # BOX LINE...
    box_squid_bump 'tls_outgoing_options flags=DONT_VERIFY_PEER' 'sslproxy_cert_error allow all' \
        "${@:2}"
    through_proxy "$1" "$SECURE"
}

# The certificate that the client saw is, or is not, of the box's making.
outer_issuer() { # NAME
    run -0 --separate-stderr client --check --json "${WAY[@]}"
    jq -e --arg issuer "CN=$1" '.outer.issuer == $issuer and .ok' <<<"$output"
}

@test "squid, ssl-bump: all" {
    bump 'squid, ssl-bump: bump' 'ssl_bump bump all'
    outer_issuer squid-ca
    all_pass
}

@test "squid, ssl-bump: stare, then bump" {
    bump 'squid, ssl-bump: stare, bump' 'ssl_bump stare step1' 'ssl_bump stare step2' 'ssl_bump bump all'
    outer_issuer squid-ca
    all_pass
}

@test "squid, ssl-bump: peek, then splice" {
    bump 'squid, ssl-bump: peek, splice' 'ssl_bump peek step1' 'ssl_bump peek step2' 'ssl_bump splice all'
    outer_issuer outer-ca
    all_pass
}

@test "squid, ssl-bump: peek, then terminate" {
    bump 'squid, ssl-bump: peek, terminate' 'ssl_bump peek step1' 'ssl_bump terminate all'
    none_passes 3 'atls-client: outer TLS: the handshake failed (*)' 'hint: *'
}

@test "squid, ssl-bump: it does not trust the service's outer certificate" {
    box_squid_bump 'ssl_bump bump all'
    through_proxy 'squid, ssl-bump: outer certificate refused' "$SECURE"
    none_passes 3 'atls-client: HTTP: status 503'
}

@test "squid: http" {
    box_squid
    through_proxy 'squid, http' "$PLAIN"
    all_pass
}

@test "squid: CONNECT" {
    box_squid
    through_proxy 'squid, https' "$SECURE"
    all_pass
}

@test "squid: CONNECT to this port is forbidden" {
    box_squid 'acl secure port 443' 'http_access deny !secure'
    through_proxy 'squid, https: port not allowed' "$SECURE"
    none_passes 3 'atls-client: proxy: it refused CONNECT with status 403'
}

@test "squid: the content types are forbidden" {
    box_squid 'acl atls req_mime_type ^application/atls' 'http_access deny atls'
    through_proxy 'squid, http: type not allowed' "$PLAIN"
    none_passes 3 'atls-client: HTTP: refused with status 403'
}

@test "squid: 16 KB a request" {
    box_squid 'request_body_max_size 16 KB'
    through_proxy 'squid, http: 16 KB a request' "$PLAIN"
    all_pass
}

authenticating() {
    printf 'user:%s\n' "$(openssl passwd -apr1 secret)" >"$DIR/passwords"
    printf 'user:secret\n' >"$DIR/credentials"
    printf 'user:guess\n' >"$DIR/wrong"
    box_squid "auth_param basic program /usr/lib/squid/basic_ncsa_auth $DIR/passwords" \
        'auth_param basic children 1' 'acl known proxy_auth REQUIRED' 'http_access deny !known'
}

@test "squid with authentication: http" {
    authenticating
    through_proxy 'squid, http: credentials given' "$PLAIN" --proxy-user "@$DIR/credentials"
    all_pass
    through_proxy 'squid, http: credentials given, --proxy-anyauth' "$PLAIN" --proxy-anyauth \
        --proxy-user "@$DIR/credentials"
    all_pass
    through_proxy 'squid, http: credentials missing' "$PLAIN"
    none_passes 3 'atls-client: HTTP: refused with status 407' 'hint: *--proxy-user*'
    through_proxy 'squid, http: credentials wrong' "$PLAIN" --proxy-user "@$DIR/wrong"
    none_passes 3 'atls-client: HTTP: refused with status 407' 'hint: *--proxy-user*'
}

@test "squid with authentication: CONNECT" {
    authenticating
    through_proxy 'squid, https: credentials given' "$SECURE" --proxy-user "@$DIR/credentials"
    all_pass
    through_proxy 'squid, https: credentials given, --proxy-anyauth' "$SECURE" --proxy-anyauth \
        --proxy-user "@$DIR/credentials"
    all_pass
    through_proxy 'squid, https: credentials missing' "$SECURE"
    none_passes 3 'atls-client: proxy: it wants other credentials (status 407)' 'hint: *--proxy-user*'
    through_proxy 'squid, https: credentials wrong' "$SECURE" --proxy-user "@$DIR/wrong"
    none_passes 3 'atls-client: proxy: it wants other credentials (status 407)' 'hint: *--proxy-user*'
}

@test "tinyproxy: http" {
    box_tinyproxy
    through_proxy 'tinyproxy, http' "$PLAIN"
    all_pass
}

@test "tinyproxy: CONNECT" {
    box_tinyproxy
    through_proxy 'tinyproxy, https' "$SECURE"
    all_pass
}

@test "tinyproxy: CONNECT to this port is forbidden" {
    box_tinyproxy 'ConnectPort 443'
    through_proxy 'tinyproxy, https: port not allowed' "$SECURE"
    none_passes 3 'atls-client: proxy: it refused CONNECT with status 403'
}

@test "privoxy: http, as Debian has it" {
    box_privoxy
    through_proxy 'privoxy, http' "$PLAIN"
    all_pass
}

@test "privoxy: CONNECT, as Debian has it" {
    box_privoxy
    through_proxy 'privoxy, https' "$SECURE"
    all_pass
}

# `+session-cookies-only` leaves ours alone; this is what its users turn on next.
@test "privoxy: cookies crunched" {
    box_privoxy '+crunch-incoming-cookies' '+crunch-outgoing-cookies'
    through_proxy 'privoxy, http: crunches cookies' "$PLAIN"
    cookies_stripped
}

inspecting() { # CA SETTING...
    if [[ ! -e $CERTS/privoxy-ca.pem ]]; then make_ca privoxy-ca rsa; fi
    box_privoxy '+https-inspection' "ca-directory $CERTS" 'ca-cert-file privoxy-ca.pem' \
        'ca-key-file privoxy-ca.key' "trusted-cas-file $1.pem" \
        "certificate-directory $DIR/privoxy/certificates" "${@:2}"
    # Of a certificate it compares names alone, not addresses.
    SECURE=https://localhost:$HTTPS_PORT
}

@test "privoxy: https inspection" {
    inspecting outer-ca
    through_proxy 'privoxy, https inspected' "$SECURE"
    outer_issuer privoxy-ca
    all_pass
}

@test "privoxy: https inspection, cookies crunched" {
    inspecting outer-ca '+crunch-incoming-cookies' '+crunch-outgoing-cookies'
    through_proxy 'privoxy, https inspected: crunches cookies' "$SECURE"
    cookies_stripped
}

@test "privoxy: https inspection, it does not trust the service's outer certificate" {
    inspecting ca
    through_proxy 'privoxy, https inspected: outer certificate refused' "$SECURE"
    none_passes 3 'atls-client: HTTP: refused with status 403'
}

@test "privoxy: it blocks the path" {
    box_privoxy '+block{not here}'
    through_proxy 'privoxy, http: blocked' "$PLAIN"
    none_passes 3 'atls-client: HTTP: refused with status 403'
}

# ---- terminators ------------------------------------------------------------------------------

cookies_stripped() {
    local encoding
    for encoding in atls octet-stream; do
        refuses 5 "$encoding" \
            'atls-client: protocol: the first answer names no session: it has no cookie'
    done
    passes json
    passes auto json
}

@test "nginx with its defaults" {
    box_nginx_hostile "$HTTP_PORT"
    in_front 'nginx, its defaults'
    all_pass
}

@test "nginx: client_max_body_size 16k" {
    box_nginx_hostile "$HTTP_PORT" 'client_max_body_size 16k;'
    in_front 'nginx, bodies of 16 KiB'
    all_pass
    grep -q ' 413 ' "$DIR/nginx/access.log"
}

@test "nginx: client_max_body_size 1m" {
    box_nginx_hostile "$HTTP_PORT" 'client_max_body_size 1m;'
    in_front 'nginx, bodies of 1 MiB'
    all_pass
    run -1 grep -q ' 413 ' "$DIR/nginx/access.log"
}

@test "nginx: client_max_body_size 1m, and larger bodies wanted" {
    box_nginx_hostile "$HTTP_PORT" 'client_max_body_size 1m;'
    in_front 'nginx, bodies of 1 MiB, --body-size 1M' --body-size 1M
    all_pass
    # 1 MiB in base64 does not fit: there was one of that size.
    grep -q ' 413 ' "$DIR/nginx/access.log"
}

@test "nginx: Set-Cookie hidden" {
    box_nginx_hostile "$HTTP_PORT" 'proxy_hide_header Set-Cookie;'
    in_front 'nginx, Set-Cookie hidden'
    cookies_stripped
}

@test "nginx: Cookie removed" {
    local encoding
    box_nginx_hostile "$HTTP_PORT" 'proxy_set_header Cookie "";'
    in_front 'nginx, Cookie removed'
    for encoding in atls octet-stream; do
        refuses 5 "$encoding" \
            'atls-client: protocol: status 422: the service does not know this session (any more)'
    done
    passes json
    passes auto json
}

# The session that stood in the end is the one to be told of, and the one that --connect-timeout is for.
@test "nginx: Cookie removed, and what -v says of it" {
    box_nginx_hostile "$HTTP_PORT" 'proxy_set_header Cookie "";'
    in_front ''
    carry 0 "$BIG" "$DIR/out" client -v "${WAY[@]}"
    said '*: inner TLS: *; encoding json, *'
}

@test "nginx: Cookie removed, and no answer to json" {
    start_backend mute
    box_nginx_hostile "$HTTP_PORT" 'proxy_set_header Cookie "";' \
        "location = /atls { proxy_pass http://$BACKEND; }"
    in_front ''
    carry 3 "$BIG" "$DIR/out" client --connect-timeout 2 "${WAY[@]}"
    only_said 'atls-client: connection: the inner session did not stand within 2.0 s (--connect-timeout)'
}

@test "nginx: /.well-known is not passed on" {
    box_nginx_hostile "$HTTP_PORT" 'location /.well-known/ { return 404; }'
    in_front 'nginx, /.well-known not passed on'
    refuses 3 atls 'atls-client: HTTP: refused with status 404' 'hint: *'
    passes octet-stream
    passes json
    passes auto json
}

@test "nginx: a redirect" {
    box_nginx_hostile "$HTTP_PORT" 'return 302 http://portal.test/;'
    in_front 'nginx, a redirect'
    none_passes 3 'atls-client: HTTP: refused with status 302' 'hint: redirects are not followed; *'
}

@test "nginx: a captive portal" {
    box_nginx_hostile "$HTTP_PORT" 'default_type text/html;' 'return 200 "<html>Welcome</html>";'
    in_front 'nginx, a captive portal'
    wrong_type text/html
}

@test "nginx: bodies of 600 bytes" {
    box_nginx_hostile "$HTTP_PORT" 'client_max_body_size 600;'
    in_front 'nginx, bodies of 600 bytes'
    none_passes 3 'atls-client: HTTP: status 413: even small bodies are refused'
}

@test "nginx: content types of requests stripped" {
    local encoding hint='hint: it takes that type: something on the way strips or changes it'
    box_nginx_hostile "$HTTP_PORT" 'proxy_set_header Content-Type "";'
    in_front 'nginx, types of requests stripped'
    for encoding in "${ENCODINGS[@]}"; do
        refuses 5 "$encoding" "atls-client: HTTP: status 415: what answers there does not take bodies \
of type application/$(type_of "$encoding")" "$hint"
    done
    refuses 5 auto "atls-client: HTTP: status 415: what answers there does not take bodies of type \
application/atls+json" "$hint"
}

type_of() { # ENCODING
    if [[ $1 == atls ]]; then echo atls; else echo "atls+$1"; fi
}

wrong_type() { # FOUND
    local encoding
    for encoding in "${ENCODINGS[@]}"; do
        refuses 5 "$encoding" "atls-client: protocol: what answers there is no ATLS service: status 200 \
with content type '$1' instead of 'application/$(type_of "$encoding")'" 'hint: *'
    done
    refuses 5 auto "atls-client: protocol: what answers there is no ATLS service: status 200 with \
content type '$1' instead of 'application/atls*'" 'hint: *'
}

@test "nginx: content types of answers stripped" {
    box_nginx_hostile "$HTTP_PORT" 'proxy_hide_header Content-Type;'
    in_front 'nginx, types of answers stripped'
    wrong_type ''
}

@test "nginx: content types of answers replaced" {
    box_nginx_hostile "$HTTP_PORT" 'proxy_hide_header Content-Type;' \
        'add_header Content-Type application/octet-stream;'
    in_front 'nginx, types of answers replaced'
    wrong_type application/octet-stream
}

@test "nginx: content types refused, all but JSON" {
    local encoding
    # shellcheck disable=SC2016  # nginx's
    box_nginx_hostile "$HTTP_PORT" 'if ($http_content_type !~ "json$") { return 415; }'
    in_front 'nginx, 415 for all but JSON'
    for encoding in atls octet-stream; do
        refuses 5 "$encoding" "atls-client: HTTP: status 415: what answers there does not take bodies \
of type application/$(type_of "$encoding")"
    done
    passes json
    passes auto json
}

@test "nginx: the connection closed after each request" {
    box_nginx_hostile "$HTTP_PORT" 'keepalive_timeout 0;'
    in_front 'nginx, keepalive_timeout 0'
    all_pass
    stop nginx
    box_nginx_hostile "$HTTP_PORT" 'keepalive_requests 1;'
    in_front 'nginx, keepalive_requests 1'
    all_pass
}

# Bodies always have a length.
@test "nginx: chunked refused" {
    # shellcheck disable=SC2016  # nginx's
    box_nginx_hostile "$HTTP_PORT" 'if ($http_transfer_encoding) { return 411; }'
    in_front 'nginx, chunked refused'
    all_pass
    run -0 curl -s --max-time 30 -o "$DIR/page" -w '%{http_code}' -H 'Transfer-Encoding: chunked' -d x \
        "http://127.0.0.1:$BOX_PORT/"
    [[ $output == 411 ]]
}

repeating() { # HOW
    dumb_listener "$1" "$HTTP_PORT"
    box_nginx_hostile "$HTTP_PORT,$DUMB_PORT" \
        'proxy_next_upstream error timeout invalid_header non_idempotent;'
}

@test "nginx: POST repeated, after one upstream dropped it" {
    repeating drops
    in_front 'nginx, POST repeated after a drop'
    all_pass
    (($(grep -c 'no answer' "$DIR/dumb.log") >= 8))
}

# The service saw it twice, and had to give the same answer again.
@test "nginx: POST repeated, after its answer was lost" {
    repeating loses
    in_front 'nginx, POST repeated after its answer was lost'
    all_pass
    (($(grep -c 'no answer' "$DIR/dumb.log") >= 8))
}

# The application takes longer than the box waits; all encodings at once.
outlasts() { # FILE
    local encoding pids=() pid
    for encoding in "${ENCODINGS[@]}" auto; do
        client --encoding "$encoding" "http://127.0.0.1:$BOX_PORT" <"$1" \
            >"$DIR/out.$encoding" 2>"$DIR/err.$encoding" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    for encoding in "${ENCODINGS[@]}" auto; do
        same "$1" "$DIR/out.$encoding"
        [[ ! -s $DIR/err.$encoding ]]
    done
}

slow_service() { # SECONDS OPTION...
    late_application "$1"
    start_serve SLOW_PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$LATE_PORT" "${@:2}"
}

NGINX_3S=('proxy_connect_timeout 3s;' 'proxy_read_timeout 3s;' 'proxy_send_timeout 3s;'
    'client_header_timeout 3s;' 'client_body_timeout 3s;' 'send_timeout 3s;' 'keepalive_timeout 3s;')
HAPROXY_5S=('timeout connect 5s' 'timeout client 5s' 'timeout server 5s' 'timeout http-request 5s'
    'timeout http-keep-alive 5s' 'timeout queue 5s')

@test "nginx: time-outs of 3 s" {
    slow_service 4
    box_nginx_hostile "$SLOW_PORT" "${NGINX_3S[@]}"
    outlasts "$BIG"
    stop nginx
    box_nginx_hostile "$HTTP_PORT" "${NGINX_3S[@]}"
    in_front 'nginx, time-outs of 3 s'
    all_pass
}

# What was held in vain for 3 s is sent again.
@test "nginx: time-outs of 3 s, and a service that holds answers longer" {
    slow_service 4 --hold 25
    box_nginx_hostile "$SLOW_PORT" "${NGINX_3S[@]}"
    head -c 1000 "$BIG" >"$DIR/small"
    outlasts "$DIR/small"
    (($(grep -c ' 504 ' "$DIR/nginx/access.log") == 4))
}

@test "haproxy: time-outs of 5 s" {
    slow_service 6
    box_haproxy_hostile "$SLOW_PORT" "${HAPROXY_5S[@]}"
    outlasts "$BIG"
    stop haproxy
    box_haproxy_hostile "$HTTP_PORT" "${HAPROXY_5S[@]}"
    in_front 'haproxy, time-outs of 5 s'
    all_pass
}

# ---- the table --------------------------------------------------------------------------------

@test "the table has a line for each encoding through each box" {
    [[ $(cut -f1 "$TABLE" | sort | uniq -c | awk '$1 != 4' | wc -l) == 0 ]]
    (($(wc -l <"$TABLE") == 4 * BOXES))
    mkdir -p "$ATLS_ROOT/.build"
    cp "$TABLE" "$ATLS_ROOT/.build/boxes.tsv"
    tests/boxes-table.sh mdoc "$TABLE" >"$DIR/table"
    [[ $(<man/atls.7) == *"$(<"$DIR/table")"* ]]
}
