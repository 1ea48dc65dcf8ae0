#!/usr/bin/env bats
# atls-client and atls-serve, each with an independent implementation of the other side.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_pki
    make_ca middle-ca rsa ca
    make_cert middle-ca rsa service.test 30 rsa
    make_cert middle-ca ecdsa service.test 30 ecdsa
    make_cert middle-ca ed25519 service.test 30 ed25519
    make_cert middle-ca user user.test
    make_cert other-ca stranger stranger.test
    make_data "$DIR/big" 1500000
    make_data "$DIR/short" 60000
    export BIG=$DIR/big SHORT=$DIR/short
    PEER_NAME=peer-http start_peer
    export PEER_HTTP=$PEER
    PEER_NAME=peer-https start_peer --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key"
    export PEER_HTTPS=$PEER
    start_backend echo
    start_serve "HTTP_PORT HTTPS_PORT" --listen http://127.0.0.1:0 --listen https://127.0.0.1:0 \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" --backend "$BACKEND"
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# Big data there and back, over http and https.
client_with_peer() { # ENCODING TLS
    local url
    for url in "$PEER_HTTP" "$PEER_HTTPS"; do
        carry 0 "$BIG" "$DIR/out" client -v --encoding "$1" --tls-max "$2" "$url"
        same "$BIG" "$DIR/out"
        said "*: inner TLS: (TLS$2)-* encoding $1, *"
    done
    no_violations "$BATS_FILE_TMPDIR"/peer-http{,s}.log
}

peer_with_serve() { # ENCODING TLS OPTION...
    local outer=(--outer-cacert "$CERTS/outer-ca.pem" --expect-secure)
    carry 0 "$BIG" "$DIR/out" peer_client "http://127.0.0.1:$HTTP_PORT" --encoding "$1" --tls "$2" \
        --expect-bytes 1500000 "${@:3}"
    same "$BIG" "$DIR/out"
    carry 0 "$BIG" "$DIR/out" peer_client "https://127.0.0.1:$HTTPS_PORT" "${outer[@]}" \
        --encoding "$1" --tls "$2" --half-close "${@:3}"
    same "$BIG" "$DIR/out"
}

@test "client, peer's server: json, TLS 1.2" { client_with_peer json 1.2; }
@test "client, peer's server: json, TLS 1.3" { client_with_peer json 1.3; }
@test "client, peer's server: octet-stream, TLS 1.2" { client_with_peer octet-stream 1.2; }
@test "client, peer's server: octet-stream, TLS 1.3" { client_with_peer octet-stream 1.3; }
@test "client, peer's server: atls, TLS 1.2" { client_with_peer atls 1.2; }
@test "client, peer's server: atls, TLS 1.3" { client_with_peer atls 1.3; }

@test "peer's client, serve: json, TLS 1.2" { peer_with_serve json 1.2; }
@test "peer's client, serve: json, TLS 1.3" { peer_with_serve json 1.3; }
@test "peer's client, serve: octet-stream, TLS 1.2" { peer_with_serve octet-stream 1.2; }
@test "peer's client, serve: octet-stream, TLS 1.3" { peer_with_serve octet-stream 1.3; }
@test "peer's client, serve: atls, TLS 1.2" { peer_with_serve atls 1.2; }
@test "peer's client, serve: atls, TLS 1.3" { peer_with_serve atls 1.3; }

@test "peer's client, serve: JSON labelled application/atls" {
    peer_with_serve json-as-atls 1.2
    peer_with_serve json-as-atls 1.3
}

@test "a strict server of draft -00 finds no fault with the client's JSON" {
    start_peer --encodings json --strict-json
    carry 0 "$SHORT" "$DIR/out" client --carriage base --encoding json "$PEER"
    same "$SHORT" "$DIR/out"
    no_violations
}

# ---- what the network does to bodies ----------------------------------------------------------

@test "serve: flights cut into bodies of 1000 bytes" {
    local encoding
    start_service echo --hold 0
    for encoding in json octet-stream atls; do
        carry 0 "$SHORT" "$DIR/out" peer_client "$SERVICE" --encoding $encoding --cut 1000 \
            --expect-bytes 60000
        same "$SHORT" "$DIR/out"
    done
}

@test "serve: handshake and data byte by byte, TLS 1.2 and 1.3" {
    local tls
    start_service echo --hold 0
    head -c 40 "$SHORT" >"$DIR/in"
    for tls in 1.2 1.3; do
        carry 0 "$DIR/in" "$DIR/out" peer_client "$SERVICE" --cut 1 --tls $tls --expect-bytes 40
        same "$DIR/in" "$DIR/out"
    done
}

@test "serve: every request comes twice, and is taken once" {
    local encoding
    for encoding in json octet-stream atls; do
        peer_with_serve $encoding 1.3 --repeat
    done
    peer_with_serve json 1.2 --repeat --cut 30000
}

@test "client: a lost answer is asked for again, and everything arrives once" {
    local encoding k
    for encoding in json atls; do
        for k in 2 3 4; do
            start_peer --misbehave "lose-answer:$k"
            carry 0 "$BIG" "$DIR/out" client --encoding $encoding "$PEER"
            same "$BIG" "$DIR/out"
            no_violations
            stop peer
        done
    done
}

@test "client: the answer to its last words is lost" {
    start_peer --app hash --misbehave lose-answer:2
    run -0 --separate-stderr client "$PEER" <"$SHORT"
    [[ $output == "$(hash_of "$SHORT")" ]]
    no_violations
}

@test "client: bodies are halved after 413 until they pass" {
    local encoding
    for encoding in json atls; do
        start_peer --max-body 20000
        carry 0 "$BIG" "$DIR/out" client -vv --encoding $encoding "$PEER"
        same "$BIG" "$DIR/out"
        said '*: sending 32768 TLS bytes' '*: status 413 with *'
        no_violations
        stop peer
    done
}

@test "client: --body-size bounds what goes into one body" {
    carry 0 "$BIG" "$DIR/out" client -vv --body-size 4k "$PEER_HTTP"
    same "$BIG" "$DIR/out"
    said '*: sending 4096 TLS bytes'
    unsaid '*: sending [0-9][0-9][0-9][0-9][0-9]* TLS bytes'
}

# ---- exchanges --------------------------------------------------------------------------------

@test "serve: TLS 1.3 takes two exchanges up to the first application data, TLS 1.2 three" {
    local encoding
    for encoding in json octet-stream atls; do
        run -0 --separate-stderr peer_client "http://127.0.0.1:$HTTP_PORT" --encoding $encoding \
            --tls 1.3 --in <(echo words) --count --half-close
        [[ $output == words ]]
        said '*first_data=2'
        run -0 --separate-stderr peer_client "http://127.0.0.1:$HTTP_PORT" --encoding $encoding \
            --tls 1.2 --in <(echo words) --count --half-close
        [[ $output == words ]]
        said '*first_data=3'
    done
}

# With input that is there and ends, these exchanges are all that there are: the answer and both
# sides' ends travel in the last.
@test "client: a whole session takes two exchanges with TLS 1.3, three with TLS 1.2" {
    local encoding tls
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            start_peer -v
            run -0 --separate-stderr client -vv --carriage base --encoding $encoding --tls-max $tls "$PEER" <<<words
            [[ $output == words ]]
            [[ $(grep -c '"POST /' "$DIR/peer.log") == $([[ $tls == 1.2 ]] && echo 3 || echo 2) ]]
            [[ $(grep -c ': sending ' <<<"$stderr") == $([[ $tls == 1.2 ]] && echo 3 || echo 2) ]]
            no_violations
            stop peer
        done
    done
}

@test "client and serve: the same together" {
    local tls
    for tls in 1.2 1.3; do
        run -0 --separate-stderr client -vv --tls-max $tls "http://127.0.0.1:$HTTP_PORT" <<<words
        [[ $output == words ]]
        said "*: inner TLS: (TLS$tls)-*, exchange $([[ $tls == 1.2 ]] && echo 2 || echo 1)"
        DIR=$BATS_FILE_TMPDIR wait_log serve "open from 127.0.0.1, \(TLS$tls\)-.*, name service.test, 2 exchanges$"
    done
}

# ---- identities -------------------------------------------------------------------------------

@test "RSA, ECDSA and Ed25519 identities with an intermediate: client" {
    local kind tls
    for kind in rsa ecdsa ed25519; do
        PEER_IDENTITY=$kind start_peer
        for tls in 1.2 1.3; do
            run -0 --separate-stderr client -v --tls-max $tls "$PEER" <<<words
            [[ $output == words ]]
            said "*: inner TLS: (TLS$tls)-*'CN=$kind', issued by 'CN=middle-ca'; *"
        done
        stop peer
    done
}

@test "RSA, ECDSA and Ed25519 identities with an intermediate: serve" {
    local kind tls
    start_backend echo
    for kind in rsa ecdsa ed25519; do
        SERVE_IDENTITY=$kind start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND"
        for tls in 1.2 1.3; do
            run -0 --separate-stderr peer_client "http://127.0.0.1:$PORT" --tls $tls --half-close <<<words
            [[ $output == words ]]
        done
        stop serve
    done
}

@test "a chain without its intermediate: the client refuses it" {
    sed '/END CERTIFICATE/q' "$CERTS/ecdsa.pem" >"$CERTS/lonely.pem"
    cp "$CERTS/ecdsa.key" "$CERTS/lonely.key"
    PEER_IDENTITY=lonely start_peer
    run -4 --separate-stderr client "$PEER" <<<words
    [[ $output == '' ]]
    only_said "atls-client: inner TLS: the service's certificate is not trusted: its issuer 'CN=middle-ca' is not among the trust anchors" \
        "hint: give the service's own CA with --cacert; the service must send its intermediate certificates"
}

# ---- client certificates ----------------------------------------------------------------------

@test "client certificates: client with the peer's server" {
    local tls
    start_peer --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        run -0 --separate-stderr client --tls-max $tls --cert "$CERTS/user.pem" \
            --key "$CERTS/user.key" "$PEER" <<<words
        [[ $output == words ]]
    done
    run -4 --separate-stderr client --tls-max 1.3 "$PEER" <<<words
    [[ $output == '' ]]
    only_said 'atls-client: inner TLS: the peer ended the session with alert certificate_required (116)' \
        'hint: the service asked for a client certificate, and none that suits it was shown (--cert, --key)'
    run -4 --separate-stderr client --tls-max 1.2 "$PEER" <<<words
    [[ $output == '' ]]
    only_said 'atls-client: inner TLS: the peer ended the session with alert handshake_failure (40)' \
        'hint: the service asked for a client certificate, and none that suits it was shown (--cert, --key)'
    for tls in 1.2 1.3; do
        run -4 --separate-stderr client --tls-max $tls --cert "$CERTS/stranger.pem" \
            --key "$CERTS/stranger.key" "$PEER" <<<words
        [[ $output == '' ]]
        only_said 'atls-client: inner TLS: the peer ended the session with alert unknown_ca (48)'
    done
    no_violations
}

@test "client certificates: --check judges what the server says to them" {
    start_peer --cacert "$CERTS/ca.pem"
    run -0 --separate-stderr client --check --cert "$CERTS/user.pem" --key "$CERTS/user.key" "$PEER"
    run -4 --separate-stderr client --check "$PEER"
    [[ $output == *'result       failed: inner TLS: the peer ended the session with alert certificate_required (116)'* ]]
}

@test "client certificates: serve with the peer's client" {
    local tls
    start_service echo --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        run -0 --separate-stderr peer_client "$SERVICE" --tls $tls --cert "$CERTS/user.pem" \
            --key "$CERTS/user.key" --half-close <<<words
        [[ $output == words ]]
    done
    run -4 --separate-stderr peer_client "$SERVICE" --tls 1.3 --half-close <<<words
    said 'atls_peer_client: inner TLS: *CERTIFICATE_REQUIRED*'
    wait_log serve "never opened, ended .*: inner TLS: the peer sent no certificate "
    run -4 --separate-stderr peer_client "$SERVICE" --tls 1.2 --half-close <<<words
    said 'atls_peer_client: inner TLS: *ALERT*'
    for tls in 1.2 1.3; do
        run -4 --separate-stderr peer_client "$SERVICE" --tls $tls --cert "$CERTS/stranger.pem" \
            --key "$CERTS/stranger.key" --half-close <<<words
        said 'atls_peer_client: inner TLS: *UNKNOWN_CA*'
    done
    wait_log serve "never opened, ended .*: the client's certificate is not trusted: its issuer 'CN=other-ca' "
    run -0 grep -c '^connection' "$DIR/backend.log"
    [[ $output == 2 ]] # of those that were let in
}

@test "client certificates: client and serve together" {
    start_service echo --cacert "$CERTS/ca.pem"
    run -0 --separate-stderr client --cert "$CERTS/user.pem" --key "$CERTS/user.key" "$SERVICE" <<<words
    [[ $output == words ]]
    run -4 --separate-stderr client "$SERVICE" <<<words
    only_said 'atls-client: inner TLS: the peer ended the session with alert certificate_required (116)' \
        'hint: the service asked for a client certificate, and none that suits it was shown (--cert, --key)'
}
