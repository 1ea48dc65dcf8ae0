#!/usr/bin/env bats
# What TLS allows and what it forbids, through the tools: the alert inside a 200, the words, the exit code.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    local names
    begin_file
    make_pki
    make_cert ca user user.test
    make_cert ca late late.test expired
    printf -v names ',host%d.service.test' {1..2500}
    make_cert ca long "service.test$names"
    make_data "$DIR/short" 60000
    export SHORT=$DIR/short
}

# shellcheck disable=SC2034  # client() takes it
setup() { CLIENT_CARRIAGE=base && begin_test; } # what the peer speaks
teardown() { end_test; }
teardown_file() { end_file; }

unhex() { printf '%b' "$(fold -w 2 <<<"$1" | sed 's/^/\\x/' | tr -d '\n')"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }

# What is none of a handshake, and the alert in answer: an unknown type, 18433 bytes, version 9.9.
OPENINGS=(63030300017878:0a 1603034801:16 160909000401000000:46)

@test "serve: no ClientHello: the right alert inside a 200, in every encoding, and then 422" {
    local opening type session
    start_service echo
    for opening in "${OPENINGS[@]}"; do
        unhex "${opening%:*}" >"$DIR/opening"
        for type in application/atls application/atls+octet-stream; do
            run -0 curl -s -o "$DIR/body" -D "$DIR/head" -w '%{http_code}' -H "Content-Type: $type" \
                --data-binary "@$DIR/opening" "$SERVICE/atls"
            [[ $output == 200 ]]
            [[ $(hex <"$DIR/body") == 150303000202${opening#*:} ]]
            session=$(sed -n 's/^Set-Cookie: \(atls=[^;]*\);.*/\1/p' "$DIR/head")
            run -0 curl -s -o /dev/null -w '%{http_code}' -H "Content-Type: $type" -b "$session" \
                --data-binary "more, and not the same" "$SERVICE/atls"
            [[ $output == 422 ]]
        done
        run -0 curl -s -H 'Content-Type: application/atls+json' -d \
            "{\"records\": \"$(base64 -w0 "$DIR/opening")\"}" "$SERVICE/atls"
        [[ $(jq -r .records <<<"$output" | base64 -d | hex) == 150303000202${opening#*:} ]]
    done
    [[ $(grep -c 'never opened, .*: inner TLS: what the peer sent is not TLS' "$DIR/serve.log") == 9 ]]
}

@test "serve: a record in clear amid a session ends it by an alert, and the backend sees no end" {
    local tls
    start_service hash
    for tls in 1.2 1.3; do
        run -4 --separate-stderr peer_client "$SERVICE" --tls $tls --inject 15030300020100 <"$SHORT"
        [[ $output == '' ]]
        said 'atls_peer_client: inner TLS: *ALERT*'
    done
    wait_log backend '^connection 2: cut'
    [[ $(grep -c '^connection .: cut' "$DIR/backend.log") == 2 ]]
    [[ $(grep -c 'ended after .*: inner TLS: ' "$DIR/serve.log") == 2 ]]
}

@test "client: no ServerHello: an error of TLS, and the service gets the alert" {
    local opening encoding
    # Data and Finished, too.
    for opening in "${OPENINGS[@]}" 17030300046461746121 160303000414000000; do
        for encoding in json atls; do
            start_peer --misbehave "answer:1:${opening%:*}"
            carry 4 "$SHORT" "$DIR/out" client --encoding $encoding "$PEER"
            [[ ! -s $DIR/out ]]
            only_said 'atls-client: inner TLS: what the peer sent is not TLS, or was altered on the way (*)'
            grep -E '^TLS: .*(ALERT|alert)' "$DIR/peer.log"
            no_violations
            stop peer
        done
    done
}

# A close_notify that a box puts in is no end.
@test "client: a record in clear amid a session is an error of TLS, not an end" {
    local tls bytes
    for tls in 1.2 1.3; do
        for bytes in 15030300020100 1703030004646174612d 6303030000; do
            start_peer --tls $tls --misbehave "answer:4:$bytes"
            carry 4 "$SHORT" "$DIR/out" client --body-size 16k "$PEER"
            [[ $stderr == 'atls-client: inner TLS: '* ]]
            ((${#stderr_lines[@]} == 1))
            no_violations
            stop peer
        done
    done
}

@test "client: HelloRetryRequest takes one exchange more" {
    start_peer -v --curve secp521r1
    run -0 --separate-stderr client -v "$PEER" <<<words
    [[ $output == words ]]
    said '*: inner TLS: (TLS1.3)-(ECDHE-SECP521R1)-*'
    [[ $(grep -c '"POST /' "$DIR/peer.log") == 3 ]]
    no_violations
}

@test "a certificate of 50 kB: the service's, and the client's" {
    local tls encoding
    (($(stat -c %s "$CERTS/long.pem") > 66000))
    PEER_IDENTITY=long start_peer --cacert "$CERTS/ca.pem"
    SERVE_IDENTITY=long start_service echo --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        for encoding in json atls; do
            carry 0 "$SHORT" "$DIR/out" client --tls-max $tls --encoding $encoding --body-size 4k \
                --cert "$CERTS/long.pem" --key "$CERTS/long.key" "$SERVICE"
            same "$SHORT" "$DIR/out"
            carry 0 "$SHORT" "$DIR/out" peer_client "$SERVICE" --tls $tls --encoding $encoding \
                --cert "$CERTS/long.pem" --key "$CERTS/long.key" --half-close
            same "$SHORT" "$DIR/out"
        done
        carry 0 "$SHORT" "$DIR/out" client --tls-max $tls --cert "$CERTS/user.pem" \
            --key "$CERTS/user.key" "$PEER"
        same "$SHORT" "$DIR/out"
    done
    no_violations
}

@test "an expired client certificate: serve refuses it, and the client says so" {
    local tls
    start_service hash --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        carry 4 "$SHORT" "$DIR/out" client --tls-max $tls --cert "$CERTS/late.pem" \
            --key "$CERTS/late.key" "$SERVICE"
        [[ ! -s $DIR/out ]]
        only_said 'atls-client: inner TLS: the peer ended the session with alert certificate_expired (45)'
        run -4 --separate-stderr peer_client "$SERVICE" --tls $tls --cert "$CERTS/late.pem" \
            --key "$CERTS/late.key" --half-close <<<words
        said 'atls_peer_client: inner TLS: *CERTIFICATE_EXPIRED*'
    done
    [[ $(grep -c "never opened, .*: inner TLS: the client's certificate has expired on " "$DIR/serve.log") == 4 ]]
    run -1 grep '^connection' "$DIR/backend.log"
}

@test "no suite or version in common: both say so" {
    printf '[overrides]\n' >"$DIR/few"
    printf 'tls-disabled-cipher = %s\n' {aes-256,aes-128}-{gcm,ccm,cbc} >>"$DIR/few"
    printf '%s\n' '[overrides]' 'tls-disabled-cipher = chacha20-poly1305' >"$DIR/rest"
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/rest start_service hash --tls-max 1.2
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/few carry 4 "$SHORT" "$DIR/out" client "$SERVICE"
    only_said 'atls-client: inner TLS: the peer ended the session with alert handshake_failure (40)'
    run -4 --separate-stderr peer_client "$SERVICE" --tls 1.3 --half-close <<<words
    said 'atls_peer_client: inner TLS: *HANDSHAKE_FAILURE*'
    [[ $(grep -c 'never opened, .*: inner TLS: the two sides have no TLS version, cipher suite ' \
        "$DIR/serve.log") == 2 ]]
    start_peer --tls 1.2
    printf '%s\n' '[overrides]' 'disabled-version = tls1.2' >"$DIR/newest"
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/newest carry 4 "$SHORT" "$DIR/out" client "$PEER"
    only_said 'atls-client: inner TLS: the peer ended the session with alert protocol_version (70)'
    no_violations
}
