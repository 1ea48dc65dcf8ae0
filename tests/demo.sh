#!/usr/bin/env bash
# `make demo`: a private session through a real intercepting middlebox, on this machine alone.
# Shows what it checks; whatever is not as claimed ends it with one line and status 1.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/common.bash
. tests/lib/boxes.bash

name=service.example
client=${ATLS_CLIENT:-bin/atls-client}
serve=${ATLS_SERVE:-bin/atls-serve}

fail() {
    printf 'demo: FAILED: %s\n' "$*" >&2
    exit 1
}
say() { printf '%s\n' "$@"; }
indent() { sed 's/^/    /'; }
issuer() { openssl x509 -noout -issuer -nameopt RFC2253 -in "$1" | sed 's/^issuer=//'; }

cleanup() {
    stop_all || :
    rm -rf "$DIR"
}

# What the middlebox wrote down, one file a connection.
logged_text() { cat "$SSLSPLIT_LOGS"/* | grep -aF -e "$1" >/dev/null; }
first_match() { LC_ALL=C grep -ahoPm 1 -e "$1" "$SSLSPLIT_LOGS"/* | head -n 1 || :; }
count() { LC_ALL=C grep -ahoP -e "$1" "$SSLSPLIT_LOGS"/* | wc -l; }

set_up() {
    make_ca public-ca
    make_ca service-ca
    make_ca middlebox-ca rsa
    make_cert public-ca outer "$name"
    make_cert service-ca inner "$name"
    secret=$(openssl rand -hex 16)
    password=$(openssl rand -hex 16)
    mkdir "$DIR/www"
    printf 'Hello from the application. The secret is %s.\n' "$secret" >"$DIR/www/index.html"
    start_app "$DIR/www" || fail 'the HTTP server did not start'
    start_tool SERVE_PORT atls-serve "$serve" --listen 127.0.0.1:0 \
        --outer-cert "$CERTS/outer.pem" --outer-key "$CERTS/outer.key" \
        --cert "$CERTS/inner.pem" --key "$CERTS/inner.key" --backend "127.0.0.1:$APP_PORT" ||
        fail 'atls-serve did not start'
    BOX_CA_NAME=middlebox-ca box_sslsplit "$SERVE_PORT" || fail 'sslsplit did not start'
    url=https://$name:$SSLSPLIT_PORT/
    resolve=$name:$SSLSPLIT_PORT:127.0.0.1
}

show_curl() {
    local forged
    say '' '1. curl through the middlebox. Like a company laptop, it was told to trust it:'
    say "    \$ curl --cacert middlebox-ca.pem -H 'X-Password: $password' $url"
    curl -sv --max-time 10 --cacert "$CERTS/middlebox-ca.pem" --resolve "$resolve" \
        -H "X-Password: $password" "$url" >"$DIR/curl.out" 2>"$DIR/curl.err" ||
        fail "curl through the middlebox: $(grep -m1 '^curl:\|^\* .*rror' "$DIR/curl.err")"
    forged=$(sed -n 's/^\* *issuer: //p' "$DIR/curl.err")
    [[ $forged == CN=middlebox-ca ]] || fail "curl saw the issuer '$forged', not the middlebox"
    say "    curl is content. The issuer it was shown:      $forged" \
        "    The issuer of the certificate really in use:   $(issuer "$CERTS/outer.pem")"
}

show_client() {
    local options=(--cacert "$CERTS/service-ca.pem" --resolve "$resolve") rc=0
    say '' "2. atls-client through the same middlebox. It trusts the service's own CA and nothing else:"
    say "    \$ atls-client --cacert service-ca.pem --check $url"
    timeout --foreground 20 "$client" "${options[@]}" --check "$url" >"$DIR/check" 2>&1 || rc=$?
    indent <"$DIR/check"
    ((rc == 0)) || fail "atls-client --check ended with $rc"
    say "    \$ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | atls-client --cacert service-ca.pem $url"
    printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$name" |
        timeout --foreground 20 "$client" "${options[@]}" "$url" >"$DIR/answer" 2>"$DIR/answer.err" ||
        fail "atls-client: $(head -n 1 "$DIR/answer.err")"
    tr -d '\r' <"$DIR/answer" | sed -n '1p;$p' | indent
    grep -aqF "$secret" "$DIR/answer" || fail "the application's answer did not arrive"
    say "    \$ atls-client --cacert middlebox-ca.pem --check $url"
    options=(--cacert "$CERTS/middlebox-ca.pem" --resolve "$resolve")
    rc=0
    timeout --foreground 20 "$client" "${options[@]}" --check "$url" >"$DIR/refused" 2>&1 || rc=$?
    grep -m 1 '^atls-client:' "$DIR/refused" | indent || :
    ((rc == 4)) || fail "with a wrong CA atls-client ended with $rc and not with 4"
}

show_log() {
    local posts types handshake data
    stop sslsplit || fail 'the middlebox did not end' # and so its log is complete
    posts=$(count 'POST \S+ HTTP/1\.1\r') types=$(count '(?i)content-type: application/atls\r')
    handshake=$(count '\x16\x03[\x01-\x03]') data=$(count '\x17\x03\x03')
    say '' '3. What the middlebox wrote down. It decrypted every byte of the outer TLS:'
    first_match 'X-Password: \S+' | indent
    first_match 'POST \S+ HTTP/1\.1' | indent
    first_match '(?i)content-type: application/atls' | indent
    say "    ... $posts POSTs, $types messages of application/atls; TLS records in them:" \
        "    $handshake of the handshake (16 03 ..), $data of encrypted data (17 03 03)"
    ((posts >= 2 && types >= 2)) || fail 'the log holds fewer POSTs than a session needs'
    ((handshake >= 2 && data >= 2)) || fail 'the log holds too few TLS records for a session'
    logged_text "$password" || fail "the log does not hold curl's password"
    say "    curl's password is in its log:           yes"
    ! logged_text "$secret" || fail "the log holds the application's secret"
    say "    the application's secret is in its log:  no"
}

# Everything is on loopback: no proxy of the user's has a part in it.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY SSLKEYLOGFILE
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
use_dir ''
set_up
say "The path: client -> sslsplit, a middlebox that decrypts all TLS -> atls-serve -> an HTTP server." \
    "The name $name leads to the middlebox (--resolve, not shown below)."
show_curl
show_client
show_log
say '' 'All as claimed: the middlebox carried the session, and could not read it.'
