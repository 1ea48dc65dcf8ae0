#!/usr/bin/env bats
# atls-probe behind real boxes, before honest services and before broken ones. What is found goes
# into .build/probe.tsv, of which tests/probe-table.sh makes the first table of atls-probe(1).

# shellcheck disable=SC2030,SC2031,SC2034  # run sets output and stderr anew in each test; helpers read variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/boxes
load lib/boxes2
load lib/atls
load lib/probe

setup_file() {
    begin_file
    mkdir -p "$ATLS_ROOT/.build"
    rm -f "$PROBE_TABLE"
    make_origins
    start_origins
}

setup() {
    begin_test
    EXPECT=(--expect-ca "$CERTS/roots.pem")
    CANARY_OF=
    INSTALLED=
}

teardown() {
    end_squid
    end_test
}

teardown_file() { end_file; }

# Both names lead to the PORT.
at() { TO=(--connect-to "service.test:443:127.0.0.1:$1" --connect-to "canary.test:443:127.0.0.1:$1"); }

# ---- interceptors -------------------------------------------------------------------------------

# forged CASE CA ALONE OPTION... TARGET: unknown CA, found alone or not; then the same with the CA
# installed, where it is found in any case.
forged() {
    row "$1" "${@:4}"
    is "$ALONE" "$3" untrusted
    is "$CANARY" intercepted untrusted
    is "$EXPECTED" intercepted untrusted
    INSTALLED=$2
    row "$1, CA installed" "${@:4}"
    is "$ALONE" intercepted
    jq -e .corporate <<<"$ALONE"
    is "$CANARY" intercepted
    is "$EXPECTED" intercepted
}

@test "mitmproxy, reverse" {
    box_mitmproxy "https://127.0.0.1:$ORIGIN_PORT"
    at "$MITMPROXY_PORT"
    CANARY_OF=canary.test
    forged 'mitmproxy (reverse)' "$MITMPROXY_CA" intercepted "${TO[@]}" service.test
    jq -e '.who == "mitmproxy"' <<<"$ALONE"
}

@test "mitmproxy, CONNECT" {
    hosted BOX_PORT mitmproxy _connect
    CANARY_OF=canary.test:$ORIGIN_PORT
    forged 'mitmproxy (CONNECT)' "$DIR/mitmproxy/mitmproxy-ca-cert.pem" intercepted \
        --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

@test "sslsplit" {
    box_sslsplit "$ORIGIN_PORT"
    at "$SSLSPLIT_PORT"
    CANARY_OF=canary.test
    forged sslsplit "$SSLSPLIT_CA" intercepted "${TO[@]}" service.test
    jq -e '.who == "CN=sslsplit-ca"' <<<"$ALONE"
}

# It hides what is wrong with the origin's own certificate.
@test "sslsplit before an expired certificate" {
    box_sslsplit "$ORIGIN_PORT"
    CANARY_OF=canary.test
    forged 'sslsplit, origin expired' "$SSLSPLIT_CA" intercepted \
        --connect-to "expired.test:443:127.0.0.1:$SSLSPLIT_PORT" \
        --connect-to "canary.test:443:127.0.0.1:$SSLSPLIT_PORT" expired.test
}

@test "squid, bump" {
    hosted_bump 'ssl_bump bump all'
    CANARY_OF=canary.test:$ORIGIN_PORT
    forged 'squid (bump)' "$CERTS/squid-ca.pem" intercepted --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

@test "squid, peek and stare" {
    hosted_bump 'ssl_bump peek step1' 'ssl_bump stare step2' 'ssl_bump bump all'
    CANARY_OF=canary.test:$ORIGIN_PORT
    forged 'squid (peek, stare)' "$CERTS/squid-ca.pem" intercepted --proxy "http://127.0.0.1:$BOX_PORT" \
        "service.test:$ORIGIN_PORT"
}

# The forged leaf has expired, too: that must not hide who made it.
@test "squid that lets an expired origin through" {
    hosted_bump 'ssl_bump peek step1' 'ssl_bump stare step2' 'ssl_bump bump all' 'sslproxy_cert_error allow all'
    CANARY_OF=canary.test:$ORIGIN_PORT
    row 'squid, origin expired' --proxy "http://127.0.0.1:$BOX_PORT" "expired.test:$ORIGIN_PORT"
    is "$ALONE" undecided 'untrusted expired'
    is "$CANARY" intercepted 'untrusted expired'
    is "$EXPECTED" intercepted 'untrusted expired'
    INSTALLED=$CERTS/squid-ca.pem
    row 'squid, origin expired, CA installed' --proxy "http://127.0.0.1:$BOX_PORT" "expired.test:$ORIGIN_PORT"
    is "$ALONE" intercepted expired
    is "$CANARY" intercepted expired
    is "$EXPECTED" intercepted expired
}

# For an origin that nobody vouches for it has another CA, of its own making.
@test "squid that lets an untrusted origin through" {
    hosted_bump 'ssl_bump peek step1' 'ssl_bump stare step2' 'ssl_bump bump all' 'sslproxy_cert_error allow all'
    CANARY_OF=canary.test:$ORIGIN_PORT
    row 'squid, origin untrusted' --proxy "http://127.0.0.1:$BOX_PORT" "private.test:$ORIGIN_PORT"
    is "$ALONE" intercepted untrusted
    jq -e '.who == "Squid ssl-bump" and (.chain[0].issuer | startswith("CN=Not trusted by"))' <<<"$ALONE"
    is "$EXPECTED" intercepted untrusted
}

# Of a self-signed one it makes another that is self-signed: only who knows the key can tell.
@test "squid that forges self-signed certificates" {
    local pin
    pin=$(pin_of "$CERTS/self.pem")
    hosted_bump 'ssl_bump peek step1' 'ssl_bump stare step2' 'ssl_bump bump all' 'sslproxy_cert_error allow all'
    EXPECT=(--expect-pin "$pin")
    row 'squid, origin self-signed' --proxy "http://127.0.0.1:$BOX_PORT" "self.test:$ORIGIN_PORT"
    is "$ALONE" undecided self_signed
    is "$EXPECTED" intercepted self_signed
}

@test "privoxy" {
    make_ca privoxy-ca rsa
    hosted BOX_PORT privoxy _privoxy +https-inspection +ignore-certificate-errors "ca-directory $CERTS" \
        'ca-cert-file privoxy-ca.pem' 'ca-key-file privoxy-ca.key' "certificate-directory $DIR/privoxy/certificates"
    CANARY_OF=canary.test:$ORIGIN_PORT
    forged privoxy "$CERTS/privoxy-ca.pem" undecided --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

@test "nginx with a forged certificate" {
    make_ca forger-ca
    make_cert forger-ca forged service.test
    box_nginx_tls "$ORIGIN_PORT" "$CERTS/forged.pem" "$CERTS/forged.key"
    at "$NGINX_PORT"
    CANARY_OF=canary.test
    forged 'nginx, forged certificate' "$CERTS/forger-ca.pem" undecided "${TO[@]}" service.test
}

# ---- honest services ----------------------------------------------------------------------------

honest() { # CASE OPTION... TARGET
    row "$@"
    is "$ALONE" direct
    is "$CANARY" direct
    is "$EXPECTED" direct
}

@test "nginx" {
    at "$ORIGIN_PORT"
    CANARY_OF=canary.test
    honest 'nginx' "${TO[@]}" service.test
    INSTALLED=$CERTS/private-ca.pem
    honest 'nginx, a root installed' "${TO[@]}" service.test
    honest 'nginx, TLS 1.2 only' "${TO[@]}" --tls-max 1.2 service.test
}

@test "haproxy" {
    box_haproxy_tls "$ORIGIN_PORT" "$CERTS/service.pem" "$CERTS/service.key"
    CANARY_OF=canary.test
    honest haproxy --connect-to "service.test:443:127.0.0.1:$HAPROXY_PORT" \
        --connect-to "canary.test:443:127.0.0.1:$ORIGIN_PORT" service.test
}

@test "tinyproxy, CONNECT" {
    hosted BOX_PORT tinyproxy _tinyproxy
    CANARY_OF=canary.test:$ORIGIN_PORT
    honest 'tinyproxy (CONNECT)' --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

@test "squid, CONNECT" {
    hosted BOX_PORT squid _squid ''
    CANARY_OF=canary.test:$ORIGIN_PORT
    honest 'squid (CONNECT)' --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

@test "squid, splice" {
    hosted_bump 'ssl_bump peek step1' 'ssl_bump splice all'
    INSTALLED=$CERTS/squid-ca.pem
    CANARY_OF=canary.test:$ORIGIN_PORT
    honest 'squid (splice)' --proxy "http://127.0.0.1:$BOX_PORT" "service.test:$ORIGIN_PORT"
}

# ---- faults alone ---------------------------------------------------------------------------------

faulty() { # NAME VERDICT FAULTS OPTION...
    CANARY_OF=canary.test
    row "${CASE:-$1}" --connect-to "$1.test:443:127.0.0.1:$ORIGIN_PORT" \
        --connect-to "canary.test:443:127.0.0.1:$ORIGIN_PORT" "${@:4}" "$1.test"
    is "$ALONE" "$2" "$3"
    is "$CANARY" "$2" "$3"
    is "$EXPECTED" "$2" "$3"
}

@test "expired" { CASE=expired faulty expired direct expired; }
@test "not yet valid" { CASE='not yet valid' faulty notyet direct not_yet_valid; }
@test "wrong name, of a sibling" { CASE="a sibling's name" faulty wrong direct wrong_name; }
@test "wrong name, of somebody else" { CASE="somebody else's name" faulty other undecided wrong_name; }
@test "common name alone" { CASE='common name, no SAN' faulty nosan direct no_san; }
@test "RSA 1024" { CASE='RSA 1024' faulty rsa1024 direct weak; }
@test "SHA-1" { CASE=SHA-1 faulty sha1 direct weak; }
@test "revoked, by a staple" { CASE='revoked, by a staple' faulty stapled direct revoked; }
@test "revoked, by a list" { CASE='revoked, by a list (--fetch)' faulty revoked direct revoked --fetch; }

@test "no intermediate" {
    CASE='no intermediate' faulty missing undecided incomplete_chain
    CASE='no intermediate (--fetch)' faulty missing direct incomplete_chain --fetch
}

@test "--ignore-faults" {
    run -4 probe -q --connect-to "expired.test:443:127.0.0.1:$ORIGIN_PORT" expired.test
    [[ $output == 'expired.test: direct; faults: expired' ]]
    run -0 probe --ignore-faults -q --connect-to "expired.test:443:127.0.0.1:$ORIGIN_PORT" expired.test
}

# ---- undecided without more knowledge -----------------------------------------------------------

# known CASE NAME FAULTS CERTIFICATE: undecided, until the pin of the certificate is known.
known() {
    CANARY_OF=canary.test
    EXPECT=(--expect-pin "$(pin_of "$4")")
    row "$1" --connect-to "$2.test:443:127.0.0.1:$ORIGIN_PORT" \
        --connect-to "canary.test:443:127.0.0.1:$ORIGIN_PORT" "$2.test"
    is "$ALONE" undecided "$3"
    is "$CANARY" undecided "$3"
    is "$EXPECTED" direct
}

@test "a private CA" { known 'private CA' private untrusted "$CERTS/private.pem"; }
@test "self-signed" { known self-signed self self_signed "$CERTS/self.pem"; }

@test "a rotated key, by a baseline that has its CA" {
    local new
    make_cert private-ca rotated private.test
    # Its certificate was in the chain.
    cat "$CERTS/private.pem" "$CERTS/private-ca.pem" >"$CERTS/before.pem"
    box_nginx_tls "$ORIGIN_PORT" "$CERTS/before.pem" "$CERTS/private.key"
    new=(--connect-to "private.test:443:127.0.0.1:$NGINX_PORT")
    run -7 probe -q --save "$DIR/good" "${new[@]}" private.test
    run -0 probe -q --baseline "$DIR/good" "${new[@]}" private.test
    stop nginx
    box_nginx_tls "$ORIGIN_PORT" "$CERTS/rotated.pem" "$CERTS/rotated.key"
    new=(--connect-to "private.test:443:127.0.0.1:$NGINX_PORT")
    EXPECT=(--baseline "$DIR/good")
    CANARY_OF=
    row 'a rotated key' "${new[@]}" private.test
    is "$ALONE" undecided untrusted
    is "$EXPECTED" direct
}
# A pin is the user's word for the key; who holds to one that is not true any more is told so.
@test "a rotated key, by all else that may be known" {
    local old=(--connect-to "private.test:443:127.0.0.1:$ORIGIN_PORT") new old_pin new_pin
    make_cert private-ca rotated private.test
    box_nginx_tls "$ORIGIN_PORT" "$CERTS/rotated.pem" "$CERTS/rotated.key"
    new=(--connect-to "private.test:443:127.0.0.1:$NGINX_PORT")
    old_pin=$(pin_of "$CERTS/private.pem") new_pin=$(pin_of "$CERTS/rotated.pem")
    run -7 probe -q --known-keys "$DIR/keys" --save "$DIR/leaf" "${old[@]}" private.test
    reads() { run -"$1" probe -q "${@:2}" "${new[@]}" private.test; }
    reads 0 --expect-ca "$CERTS/private-ca.pem"
    reads 0 --expect-pin "$new_pin"
    reads 0 --expect-pin "$old_pin;$new_pin"
    reads 7 --known-keys "$DIR/keys"
    reads 7 --baseline "$DIR/leaf" # without its CA
    reads 7 --expect-pin "$old_pin" --expect-ca "$CERTS/private-ca.pem"
    reads 1 --expect-pin "$old_pin"
    EXPECT=(--expect-pin "$old_pin")
    row 'a rotated key, the old one pinned' "${new[@]}" private.test
    is "$ALONE" undecided untrusted
    is "$EXPECTED" intercepted untrusted
}

@test "another public CA" {
    make_cert public2 moved service.test
    box_nginx_tls "$ORIGIN_PORT" "$CERTS/moved.pem" "$CERTS/moved.key"
    run -0 probe -q --save "$DIR/before" --connect-to "service.test:443:127.0.0.1:$ORIGIN_PORT" service.test
    run -7 probe --baseline "$DIR/before" --connect-to "service.test:443:127.0.0.1:$NGINX_PORT" service.test
    EXPECT=(--expect-ca "$CERTS/public.pem")
    row 'another public CA' --connect-to "service.test:443:127.0.0.1:$NGINX_PORT" service.test
    is "$ALONE" direct
    is "$EXPECTED" undecided
}

@test "keys that were seen first" {
    local to=(--connect-to "self.test:443:127.0.0.1:$ORIGIN_PORT")
    run -7 probe -q --known-keys "$DIR/keys" "${to[@]}" self.test
    [[ $(<"$DIR/keys") == "self.test:443 $(pin_of "$CERTS/self.pem")" ]]
    run -0 probe -q --known-keys "$DIR/keys" "${to[@]}" self.test
    [[ $(wc -l <"$DIR/keys") == 1 ]]
    sed -i "s| .*| $(pin_of "$CERTS/private.pem")|" "$DIR/keys"
    run -7 probe --known-keys "$DIR/keys" "${to[@]}" self.test
    [[ $output == *'known-key '* ]]
}

# ---- proof --------------------------------------------------------------------------------------

# proof VERDICT FINDING OPTION...: (with FAULTS) by an ATLS service behind what the options lead to.
proof() {
    PROOF=$(probe --json --cacert "$CERTS/end-ca.pem" --atls https://service.test/ "${@:3}" || :)
    is "$PROOF" "$1" "${FAULTS:-}"
    jq -e --arg finding "$2" '.evidence | map(select(.kind == "proof"))[0].seen | startswith($finding + ": ")' <<<"$PROOF"
}

@test "the service's own word, verified end to end" {
    make_ca end-ca && make_cert end-ca end service.test
    make_cert private-ca outer service.test
    start_backend echo
    SERVE_IDENTITY=end start_serve HTTPS_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/outer.pem" \
        --outer-key "$CERTS/outer.key" --backend "$BACKEND"
    # A private CA in front, and nobody between.
    proof direct bound --connect-to "service.test:443:127.0.0.1:$HTTPS_PORT"
    # An interceptor that every public root vouches for.
    box_sslsplit "$HTTPS_PORT"
    cat "$CERTS/public.pem" "$SSLSPLIT_CA" >"$DIR/roots.pem"
    run -1 --separate-stderr "$ATLS_BIN/atls-probe" --json --store "$DIR/roots.pem" --public-roots "$DIR/roots.pem" \
        --cacert "$CERTS/end-ca.pem" --atls https://service.test/ --connect-to "service.test:443:127.0.0.1:$SSLSPLIT_PORT"
    jq -e '.anchor == "public" and .verdict == "intercepted"' <<<"$output"
    proof_alone=$(jq -r '.evidence | map(select(.kind == "proof"))[0].weight' <<<"$output")
    [[ $proof_alone == 1000 ]]
    # No ATLS service there: no proof, and the rest stands.
    run -0 --separate-stderr probe --atls https://service.test/ --connect-to "service.test:443:127.0.0.1:$ORIGIN_PORT"
    [[ $stderr == *': no proof: '* ]]
}

# Whatever a box in front of the service leaves of the encodings.
@test "the service's own word, through boxes that forbid encodings" {
    local line front=("ssl_certificate $CERTS/outer.pem;" "ssl_certificate_key $CERTS/outer.key;")
    make_ca end-ca && make_cert end-ca end service.test
    make_cert private-ca outer service.test
    start_backend echo
    SERVE_IDENTITY=end start_serve HTTP_PORT --listen http://127.0.0.1:0 --outer-chain "$CERTS/outer.pem" --backend "$BACKEND"
    # shellcheck disable=SC2016  # nginx's
    for line in 'if ($http_content_type = application/atls) { return 415; }' \
        'if ($http_content_type !~ "json$") { return 403; }' 'location /.well-known/ { return 404; }' \
        'proxy_hide_header Set-Cookie;' 'proxy_set_header Cookie "";' 'client_max_body_size 1k;' 'keepalive_timeout 0;'; do
        NGINX_TLS=1 box_nginx_hostile "$HTTP_PORT" "${front[@]}" "$line"
        proof direct equal --connect-to "service.test:443:127.0.0.1:$BOX_PORT"
        stop nginx
    done
    # Somebody between, and what is left is json.
    NGINX_TLS=1 box_nginx_hostile "$HTTP_PORT" "${front[@]}" 'proxy_hide_header Set-Cookie;'
    box_sslsplit "$BOX_PORT"
    FAULTS=untrusted proof intercepted other_chain --connect-to "service.test:443:127.0.0.1:$SSLSPLIT_PORT"
    stop nginx
    # shellcheck disable=SC2016  # nginx's
    NGINX_TLS=1 box_nginx_hostile "$HTTP_PORT" "${front[@]}" 'if ($http_content_type ~ ^application/atls) { return 415; }'
    run --separate-stderr probe --cacert "$CERTS/end-ca.pem" --atls https://service.test/ \
        --connect-to "service.test:443:127.0.0.1:$BOX_PORT"
    [[ $stderr == *': no proof: HTTP: status 415: what answers there does not take bodies of type application/atls+json' ]]
}

# ---- what is written down -------------------------------------------------------------------------

@test "the first table of atls-probe(1) is what was found here" {
    sed -n '/^\.\\" cases, by/,/^\.\\" end of/{/^\.\\"/!p}' "$ATLS_ROOT/man/atls-probe.1" >"$DIR/page"
    "$ATLS_ROOT/tests/probe-table.sh" cases "$PROBE_TABLE" >"$DIR/found"
    diff -u "$DIR/page" "$DIR/found"
}
