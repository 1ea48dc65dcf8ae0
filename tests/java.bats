#!/usr/bin/env bats
# Both tools with peers on Java's SSLEngine, the other TLS stack that the drafts name.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    export CLASSES=$ATLS_ROOT/.build/java
    javac -Xlint:all -Werror -d "$CLASSES" "$PEERS"/*.java
    make_pki
    make_cert ca user user.test
    make_cert ca late late.test expired
    make_cert other-ca stranger stranger.test
    make_long_chain
    make_data "$DIR/big" 1500000
    make_data "$DIR/short" 60000
    export BIG=$DIR/big SHORT=$DIR/short
    start_backend echo
    start_serve "HTTP_PORT HTTPS_PORT" --listen http://127.0.0.1:0 --listen https://127.0.0.1:0 \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" --backend "$BACKEND"
    export HTTP=http://127.0.0.1:$HTTP_PORT HTTPS=https://127.0.0.1:$HTTPS_PORT
}

# shellcheck disable=SC2034  # client() takes it
setup() { CLIENT_CARRIAGE=base && begin_test; } # what the peer speaks
teardown() { end_test; }
teardown_file() { end_file; }

# long: a service with so many names that its chain takes more than one record; Java takes 32 KiB.
make_long_chain() {
    local names
    make_ca middle-ca rsa ca && make_ca lower-ca rsa middle-ca || return
    printf -v names ',host%d.service.test' {1..850}
    make_cert lower-ca long "service.test$names" 30 rsa
}

JVM=(java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

java_peer() { # ARGUMENT...
    timeout -k 5 60 "${JVM[@]}" -cp "$CLASSES" AtlsPeerClient "$@"
}

# Appends a session to the array sessions, of which one JVM makes one after the other.
add() { # ARGUMENT...
    if ((${#sessions[@]} > 0)); then sessions+=(--next); fi
    sessions+=("$@" --cacert "$CERTS/ca.pem" --servername service.test --count)
}

# ---- a client of Java's with atls-serve -------------------------------------------------------

@test "Java's client, serve: all encodings, TLS 1.2 and 1.3, http and https" {
    local sessions=() encoding tls n=0 i
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            add "$HTTP" --encoding $encoding --tls $tls --in "$BIG" --out "$DIR/out$((++n))" \
                --expect-bytes 1500000
            add "$HTTPS" --encoding $encoding --tls $tls --in "$BIG" --out "$DIR/out$((++n))" \
                --half-close --expect-secure --outer-cacert "$CERTS/outer-ca.pem"
            add "$HTTPS" --encoding $encoding --tls $tls --in "$SHORT" --out "$DIR/out$((++n))" --half-close
        done
    done
    run -0 --separate-stderr java_peer "${sessions[@]}"
    for ((i = 1; i <= n; i += 3)); do
        same "$BIG" "$DIR/out$i"
        same "$BIG" "$DIR/out$((i + 1))"
        same "$SHORT" "$DIR/out$((i + 2))"
    done
    ((${#stderr_lines[@]} == n))
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            [[ $(grep -c "^AtlsPeerClient: $encoding TLSv$tls TLS_.* 1500000 bytes up, 1500000 down" \
                <<<"$stderr") == 2 ]]
        done
    done
}

@test "Java's client, serve: flights cut, and every request sent twice" {
    local sessions=() encoding tls
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            add "$HTTP" --encoding $encoding --tls $tls --in "$SHORT" --out "$DIR/cut-$encoding-$tls" \
                --cut 3000 --expect-bytes 60000
            add "$HTTP" --encoding $encoding --tls $tls --in "$BIG" --out "$DIR/twice-$encoding-$tls" \
                --repeat --half-close
        done
    done
    run -0 --separate-stderr java_peer "${sessions[@]}"
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            same "$SHORT" "$DIR/cut-$encoding-$tls"
            same "$BIG" "$DIR/twice-$encoding-$tls"
        done
    done
}

@test "Java's client, serve: standard input to standard output" {
    run -0 --separate-stderr java_peer "$HTTP" --cacert "$CERTS/ca.pem" --servername service.test \
        --half-close <<<words
    [[ $output == words ]]
    [[ $stderr == '' ]]
}

# Its policy counts bytes. Only what it sends reaches the limit here: where what it received does, it
# asks for new keys at each record until they come, and GnuTLS takes no more than eight a second.
@test "Java's client, serve: KeyUpdate from its side, answered by ours" {
    local sessions=()
    start_service hash
    add "$SERVICE" --key-limit 400000 --tls 1.3 --suites TLS_AES_128_GCM_SHA256 --in "$BIG" --half-close
    run -0 --separate-stderr java_peer "${sessions[@]}"
    [[ $output == "$(hash_of "$BIG")" ]]
    said '*, 1500000 bytes up, 65 down, * [2-7] KeyUpdates sent, 1 received'
}

@test "Java's client, serve: HelloRetryRequest" {
    local sessions=()
    printf '%s\n' '[overrides]' 'disabled-curve = x25519' 'disabled-curve = secp521r1' >"$DIR/groups"
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/groups start_service echo
    # A share each for the first of either kind, and the service wants the third.
    add "$SERVICE" --groups x25519,secp521r1,secp384r1 --tls 1.3 --in "$SHORT" --out "$DIR/out" --half-close
    run -0 --separate-stderr java_peer "${sessions[@]}"
    same "$SHORT" "$DIR/out"
    wait_log serve ': open from 127.0.0.1, \(TLS1.3\)-\(ECDHE-SECP384R1\)-.*, 3 exchanges$'
}

# Java ends a session when it is told no_renegotiation.
@test "Java's client, serve: renegotiation is refused" {
    local sessions=()
    start_service hash
    add "$SERVICE" --tls 1.2 --renegotiate --in "$SHORT" --out "$DIR/out" --half-close
    run -4 --separate-stderr java_peer "${sessions[@]}"
    said '*: inner TLS: received handshake warning: no_renegotiation'
    wait_log serve 'ended after .*: inner TLS: the peer wants to renegotiate, which is refused '
}

@test "Java's client, serve: a wrong CA or name is refused, and the service is told" {
    local sessions=()
    start_service hash
    add "$SERVICE" --in "$SHORT" --cacert "$CERTS/other-ca.pem"
    sessions+=(--cacert "$CERTS/other-ca.pem" --next "$SERVICE" --in "$SHORT" --cacert "$CERTS/ca.pem"
        --servername other.test --tls 1.2)
    run -4 --separate-stderr java_peer "${sessions[@]}"
    [[ $output == '' ]]
    said '*: inner TLS: *unable to find valid certification path*' '*: inner TLS: No * matching other.test found*'
    wait_log serve 'never opened, ended .*: inner TLS: the peer ended the session with alert '
    [[ $(grep -c ' never opened, .* with alert [a-z_]* ([0-9]*)$' "$DIR/serve.log") == 2 ]]
}

@test "Java's client, serve: no suite or version in common" {
    local sessions=()
    printf '%s\n' '[overrides]' 'tls-disabled-cipher = aes-128-gcm' >"$DIR/ciphers"
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/ciphers start_service hash
    add "$SERVICE" --in /dev/null --tls 1.2 --suites TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    add "$SERVICE" --in /dev/null --tls 1.3 --suites TLS_AES_128_GCM_SHA256
    run -4 --separate-stderr java_peer "${sessions[@]}"
    [[ $(grep -c ': inner TLS: .*alert: handshake_failure$' <<<"$stderr") == 2 ]]
    [[ $(grep -c 'never opened, .*: inner TLS: the two sides have no TLS version, cipher suite ' \
        "$DIR/serve.log") == 2 ]]
    stop serve
    stop backend
    start_service hash --tls-max 1.2
    run -4 --separate-stderr java_peer "$SERVICE" --cacert "$CERTS/ca.pem" --tls 1.3 </dev/null
    said '*: inner TLS: *alert: handshake_failure'
    wait_log serve 'never opened, .*: inner TLS: the two sides have no TLS version, cipher suite '
}

@test "Java's client, serve: a chain that takes several records" {
    local sessions=()
    SERVE_IDENTITY=long start_service echo
    add "$SERVICE" --tls 1.2 --in "$SHORT" --out "$DIR/out2" --half-close
    add "$SERVICE" --tls 1.3 --in "$SHORT" --out "$DIR/out3" --half-close
    run -0 --separate-stderr java_peer "${sessions[@]}"
    same "$SHORT" "$DIR/out2"
    same "$SHORT" "$DIR/out3"
}

@test "Java's client, serve: client certificates: right, missing, of another CA, expired" {
    local sessions=() tls alert why
    start_service echo --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        add "$SERVICE" --tls $tls --cert "$CERTS/user.pem" --key "$CERTS/user.key" --in "$SHORT" \
            --out "$DIR/out" --half-close
        add "$SERVICE" --tls $tls --in "$SHORT"
        add "$SERVICE" --tls $tls --cert "$CERTS/stranger.pem" --key "$CERTS/stranger.key" --in "$SHORT"
        add "$SERVICE" --tls $tls --cert "$CERTS/late.pem" --key "$CERTS/late.key" --in "$SHORT"
    done
    run -4 --separate-stderr java_peer "${sessions[@]}"
    same "$SHORT" "$DIR/out"
    for alert in handshake_failure certificate_required; do said "*: inner TLS: *alert: $alert"; done
    for alert in unknown_ca certificate_expired; do
        [[ $(grep -c ": inner TLS: .*alert: $alert$" <<<"$stderr") == 2 ]]
    done
    for why in 'the peer sent no certificate' "the client's certificate is not trusted: its issuer 'CN=other-ca'" \
        "the client's certificate has expired on"; do
        [[ $(grep -c "never opened, .*: inner TLS: $why " "$DIR/serve.log") == 2 ]]
    done
}

# ---- atls-client with a server of Java's ------------------------------------------------------

# JAVA_HTTP and JAVA_HTTPS are its URLs.
start_java() { # OPTION...
    start_tool "JAVA_PORT JAVA_TLS_PORT" java "${JVM[@]}" -cp "$CLASSES" AtlsPeerServer \
        --cert "$CERTS/${PEER_IDENTITY:-service}.pem" --key "$CERTS/${PEER_IDENTITY:-service}.key" \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" "$@" || return
    JAVA_HTTP=http://127.0.0.1:$JAVA_PORT JAVA_HTTPS=https://127.0.0.1:$JAVA_TLS_PORT
}

@test "client, Java's server: all encodings, TLS 1.2 and 1.3, http and https" {
    local encoding tls url
    start_java
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            for url in "$JAVA_HTTP" "$JAVA_HTTPS"; do
                carry 0 "$BIG" "$DIR/out" client -v --encoding $encoding --tls-max $tls "$url"
                same "$BIG" "$DIR/out"
                said "*: inner TLS: (TLS$tls)-* encoding $encoding, *"
            done
        done
    done
    no_violations "$DIR/java.log"
}

@test "client, Java's server: flights cut into answers of 3000 bytes" {
    local encoding tls
    start_java --cut 3000
    for encoding in json atls; do
        for tls in 1.2 1.3; do
            carry 0 "$SHORT" "$DIR/out" client --encoding $encoding --tls-max $tls "$JAVA_HTTP"
            same "$SHORT" "$DIR/out"
        done
    done
    no_violations "$DIR/java.log"
}

_came() { (($(stat -c %s "$1") >= $2)); }

@test "client, Java's server: KeyUpdate from its side, answered by ours" {
    start_java --key-limit 400000 --tls 1.3 --suites TLS_AES_128_GCM_SHA256 --send "$BIG"
    start_client "$DIR/in" "$DIR/out" "$JAVA_HTTP"
    wait_for 20 _came "$DIR/out" 1500000
    echo words >&"$INPUT_FD"
    end_input
    wait_exit client
    [[ $STOP_STATUS == 0 ]]
    same "$BIG" "$DIR/out"
    wait_log java 'session: ended, TLSv1.3, [2-7] KeyUpdates sent, 1 received'
    no_violations "$DIR/java.log"
}

# Java ends a session when it is told no_renegotiation.
@test "client, Java's server: renegotiation is refused" {
    start_java --renegotiate --tls 1.2
    start_client "$DIR/in" "$DIR/out" "$JAVA_HTTP"
    cat "$SHORT" >&"$INPUT_FD"
    wait_exit client
    end_input
    [[ $STOP_STATUS == 4 ]]
    grep -x 'atls-client: inner TLS: the peer ended the session with alert handshake_failure (40)' "$DIR/client.log"
    wait_log java 'session: failed: received handshake warning: no_renegotiation'
}

@test "client, Java's server: a chain that takes several records" {
    local tls
    PEER_IDENTITY=long start_java
    for tls in 1.2 1.3; do
        carry 0 "$SHORT" "$DIR/out" client --tls-max $tls "$JAVA_HTTP"
        same "$SHORT" "$DIR/out"
    done
    no_violations "$DIR/java.log"
}

# The alerts are as Java gives them. One of another CA than the server names is not even shown to it.
@test "client, Java's server: client certificates: right, missing, of another CA, expired" {
    local tls name alert
    start_java --cacert "$CERTS/ca.pem"
    for tls in 1.2 1.3; do
        for name in user stranger late; do
            set -- --tls-max $tls --cert "$CERTS/$name.pem" --key "$CERTS/$name.key" "$JAVA_HTTP"
            case $name in
            user) carry 0 "$SHORT" "$DIR/out" client "$@" && same "$SHORT" "$DIR/out" && continue ;;
            stranger) alert='bad_certificate (42)' ;;
            late) alert='certificate_unknown (46)' ;;
            esac
            carry 4 "$SHORT" "$DIR/out" client "$@"
            said "atls-client: inner TLS: the peer ended the session with alert $alert"
        done
        carry 4 "$SHORT" "$DIR/out" client --tls-max $tls "$JAVA_HTTP"
        only_said 'atls-client: inner TLS: the peer ended the session with alert bad_certificate (42)' 'hint: *'
    done
    no_violations "$DIR/java.log"
}

@test "client, Java's server: no suite or version in common" {
    start_java --tls 1.3 --suites TLS_AES_128_GCM_SHA256
    printf '%s\n' '[overrides]' 'tls-disabled-cipher = aes-128-gcm' >"$DIR/ciphers"
    GNUTLS_SYSTEM_PRIORITY_FILE=$DIR/ciphers carry 4 "$SHORT" "$DIR/out" client "$JAVA_HTTP"
    only_said 'atls-client: inner TLS: the peer ended the session with alert handshake_failure (40)'
    carry 4 "$SHORT" "$DIR/out" client --tls-max 1.2 "$JAVA_HTTP"
    only_said 'atls-client: inner TLS: the peer ended the session with alert protocol_version (70)'
    no_violations "$DIR/java.log"
}
