#!/usr/bin/env bats
# A session through middleboxes and TLS terminators that nobody here wrote: what passes, how it ends,
# and what they see of it.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0
load lib/common
load lib/boxes
load lib/atls

URL=https://service.test/
ENCODINGS=(atls json octet-stream)

setup_file() {
    begin_file
    make_ca ca && make_ca outer-ca
    make_cert ca service service.test
    make_cert outer-ca front service.test
    make_data "$DIR/big" $((16 << 20))
    export BIG=$DIR/big-request BIG_HASH UNSORTED=$DIR/unsorted SORTED=$DIR/sorted
    BIG_HASH=$(hash_of "$DIR/big")
    { echo echo && cat "$DIR/big"; } >"$BIG"
    shuf -i 1-200000 >"$DIR/shuffled"
    { echo sort && cat "$DIR/shuffled"; } >"$UNSORTED"
    LC_ALL=C sort "$DIR/shuffled" >"$SORTED"
    start_tool APPLICATION_PORT application "$PYTHON" "$ATLS_ROOT/tests/lib/application.py"
    start_serve "HTTP_PORT HTTPS_PORT" --listen http://127.0.0.1:0 --listen https://127.0.0.1:0 \
        --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" \
        --backend "127.0.0.1:$APPLICATION_PORT"
    box_sslsplit "$HTTPS_PORT"
    box_mitmproxy "https://127.0.0.1:$HTTPS_PORT"
    box_nginx_tls "$HTTP_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    box_haproxy_tls "$HTTP_PORT" "$CERTS/front.pem" "$CERTS/front.key"
}

setup() { begin_test; }

teardown() {
    if [[ -n ${TALKER:-} ]]; then kill "$TALKER" 2>/dev/null || :; fi
    end_test
}

teardown_file() { end_file; }

# Sets VIA, the options that lead service.test to the BOX; BARE, the client with them; and CLIENT, the
# same within bounds of time.
through() { # BOX
    local port=${1^^}_PORT
    VIA=(--connect-to "service.test:443:127.0.0.1:${!port}")
    BARE=("$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" "${VIA[@]}")
    CLIENT=(timeout -k 5 90 "${BARE[@]}")
}

# ---- what passes ------------------------------------------------------------------------------

big_both_ways() { # BOX
    local encoding
    through "$1"
    for encoding in "${ENCODINGS[@]}"; do
        carry 0 "$BIG" "$DIR/out" "${CLIENT[@]}" -v --encoding "$encoding" "$URL"
        [[ $(hash_of "$DIR/out") == "$BIG_HASH" ]]
        said "*: inner TLS: *; encoding $encoding, *" "*: 16777221 bytes up, 16777216 down"
    done
}

# Each line holds the answer to the one before, and so no answer can be had early.
talk() { # ENCODING
    local to from round line answer='' rest
    coproc TALK { exec "${CLIENT[@]}" --encoding "$1" "$URL" 2>"$DIR/talk.log" 3>&-; }
    TALKER=$TALK_PID to=${TALK[1]}
    exec {from}<&"${TALK[0]}"
    : >"$DIR/said"
    echo chain >&"$to"
    for round in {1..6}; do
        line="$round $SRANDOM $answer"
        echo "$line" >>"$DIR/said"
        echo "$line" >&"$to"
        read -rt 30 answer <&"$from"
        [[ $answer == "$(hash_of "$DIR/said")" ]]
    done
    exec {to}>&-
    rest=$(cat <&"$from")
    exec {from}<&-
    wait "$TALKER"
    TALKER=
    [[ -z $rest && ! -s $DIR/talk.log ]]
}

interactive() { # BOX
    local encoding
    through "$1"
    for encoding in "${ENCODINGS[@]}"; do
        talk "$encoding"
    done
}

# The application says nothing before it saw the end, and then more than fits into one body.
half_close() { # BOX
    local encoding
    through "$1"
    for encoding in "${ENCODINGS[@]}"; do
        carry 0 "$UNSORTED" "$DIR/out" "${CLIENT[@]}" --encoding "$encoding" "$URL"
        same "$SORTED" "$DIR/out"
        only_said
    done
}

@test "sslsplit: 16 MiB each way" { big_both_ways sslsplit; }
@test "mitmproxy: 16 MiB each way" { big_both_ways mitmproxy; }
@test "nginx: 16 MiB each way" { big_both_ways nginx; }
@test "haproxy: 16 MiB each way" { big_both_ways haproxy; }

@test "sslsplit: an interactive exchange" { interactive sslsplit; }
@test "mitmproxy: an interactive exchange" { interactive mitmproxy; }
@test "nginx: an interactive exchange" { interactive nginx; }
@test "haproxy: an interactive exchange" { interactive haproxy; }

@test "sslsplit: half-close" { half_close sslsplit; }
@test "mitmproxy: half-close" { half_close mitmproxy; }
@test "nginx: half-close" { half_close nginx; }
@test "haproxy: half-close" { half_close haproxy; }

# ---- what a box shows and sees ----------------------------------------------------------------

# The certificate that the network layer shows, judged by the anchors in TRUST.
outer_tls() { # BOX TRUST ISSUER VALID FAULT
    through "$1"
    run -0 --separate-stderr "${CLIENT[@]}" --check --json --outer-cacert "$2" "$URL"
    [[ -z $stderr ]]
    jq -e --arg issuer "$3" --argjson valid "$4" --arg fault "$5" '.outer.issuer == $issuer and
        .outer.valid == $valid and .outer.fault == $fault and .inner.issuer == "CN=ca" and
        .inner.valid and .inner.checked and .ok' <<<"$output" || { echo "$output" && return 1; }
}

# It has the names of the real one, and the box's CA is what vouches for it.
forged() { # BOX CA ISSUER
    outer_tls "$1" "$CERTS/outer-ca.pem" "$3" false untrusted
    outer_tls "$1" "$2" "$3" true ok
}

@test "sslsplit: the outer certificate is its own, the inner one the service's" {
    forged sslsplit "$SSLSPLIT_CA" CN=sslsplit-ca
}

@test "mitmproxy: the outer certificate is its own, the inner one the service's" {
    forged mitmproxy "$MITMPROXY_CA" O=mitmproxy,CN=mitmproxy
}

@test "nginx, haproxy: the outer certificate is the real one" {
    outer_tls nginx "$CERTS/outer-ca.pem" CN=outer-ca true ok
    outer_tls haproxy "$CERTS/outer-ca.pem" CN=outer-ca true ok
}

# nginx ends the outer TLS of the service, and of a page of the application that anybody may get.
_front() { # PORT UPSTREAM_PORT CERT KEY
    _nginx "$@" && sed -i "s|^location / {|location = /public { proxy_pass http://127.0.0.1:$APP_PORT; }\n&|" \
        "$DIR/nginx/conf"
}

start_site() { # BOX
    mkdir "$DIR/www"
    printf 'the secret is %s\n' "$DOWN" >"$DIR/www/private"
    printf 'the secret is %s\n' "$PUBLIC_DOWN" >"$DIR/www/public"
    start_app "$DIR/www"
    start_serve SERVE_PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$APP_PORT"
    start_retry NGINX_PORT nginx _front "$SERVE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    case $1 in
    sslsplit) box_sslsplit "$NGINX_PORT" && BOX_CA=$SSLSPLIT_CA ;;
    mitmproxy) box_mitmproxy "https://127.0.0.1:$NGINX_PORT" && BOX_CA=$MITMPROXY_CA ;;
    esac
}

# What the BOX wrote down, and then what its base64 stands for.
saw() { # BOX
    local files=("$MITMPROXY_FLOWS") line
    if [[ $1 == sslsplit ]]; then files=("$SSLSPLIT_LOGS"/*); fi
    cat "${files[@]}"
    LC_ALL=C grep -ahoP '"records": *"\K[A-Za-z0-9+/=]+' "${files[@]}" | while read -r line; do
        base64 -d <<<"$line"
    done
}

at_least() { # COUNT PATTERN
    local count
    count=$(LC_ALL=C grep -aoP -e "$2" "$DIR/saw" | wc -l)
    ((count >= $1)) || { echo "$count of '$2', expected $1 at least" && return 1; }
}

plaintext_stays_out() { # BOX
    local encoding UP DOWN PUBLIC_UP PUBLIC_DOWN PUBLIC_RECORDS BOX_CA name
    for name in UP DOWN PUBLIC_UP PUBLIC_DOWN PUBLIC_RECORDS; do
        printf -v "$name" '%s-%s' "${name,,}" "$(openssl rand -hex 16)"
    done
    start_site "$1"
    through "$1"
    printf 'GET /private HTTP/1.0\r\nX-Secret: %s\r\n\r\n' "$UP" >"$DIR/in"
    for encoding in "${ENCODINGS[@]}"; do
        carry 0 "$DIR/in" "$DIR/out" "${CLIENT[@]}" --encoding "$encoding" "$URL"
        [[ $(tail -n 1 "$DIR/out") == "the secret is $DOWN" ]]
    done
    # The same without atls, and once more in the form of the JSON bodies: this must be found.
    run -0 curl -sS --max-time 30 --cacert "$BOX_CA" "${VIA[@]}" -H "X-Secret: $PUBLIC_UP" "${URL}public"
    [[ $output == "the secret is $PUBLIC_DOWN" ]]
    run -0 curl -sS --max-time 30 --cacert "$BOX_CA" "${VIA[@]}" \
        -d "{\"records\": \"$(base64 -w 0 <<<"$PUBLIC_RECORDS")\"}" "${URL}public"
    stop "$1"
    saw "$1" >"$DIR/saw"
    for name in PUBLIC_UP PUBLIC_DOWN PUBLIC_RECORDS; do
        run -0 grep -aqF -e "${!name}" "$DIR/saw"
    done
    for name in UP DOWN; do
        run -1 grep -aF -e "${!name}" "$DIR/saw"
    done
    # Two requests and two answers each, at least, and the records of a handshake and of data.
    at_least 2 '/\.well-known/atls'
    at_least 4 'application/atls(?![+\w])'
    at_least 4 'application/atls\+json(?!\w)'
    at_least 4 'application/atls\+octet-stream(?!\w)'
    at_least 6 '\x16\x03[\x01-\x03]'
    at_least 6 '\x17\x03\x03'
}

@test "sslsplit: it logged the bodies, and none of the plaintext" { plaintext_stays_out sslsplit; }
@test "mitmproxy: it logged the bodies, and none of the plaintext" { plaintext_stays_out mitmproxy; }

# ---- applications -----------------------------------------------------------------------------

# ssh does not wait for its ProxyCommand, but sends it SIGHUP: its last words are in proxy.log.
begin_ssh() {
    box_sshd
    start_serve SERVE_PORT --listen 127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "127.0.0.1:$SSHD_PORT"
    box_sslsplit "$SERVE_PORT"
    through sslsplit
    SSH=(-F "$SSH_CONFIG" -o "ProxyCommand=${BARE[*]} -v $URL 2>>$DIR/proxy.log")
    export SHELL=/bin/sh
}

ssh_app() { timeout -k 5 60 ssh "${SSH[@]}" app "$@" 3>&-; }
scp_app() { timeout -k 5 60 scp "${SSH[@]}" -q "$@" 3>&-; }

# Each of COUNT sessions is over at both ends.
_all_over() { # COUNT
    local opened ended
    opened=$(sed -n 's/.*: session \([^ ]*\): open from .*/\1/p' "$DIR/serve.log" | sort)
    ended=$(sed -n 's/.*: session \([^ ]*\): ended after .*/\1/p' "$DIR/serve.log" | sort)
    [[ $opened == "$ended" ]] && (($(wc -l <<<"$opened") == $1)) &&
        (($(grep -c ' bytes up, ' "$DIR/proxy.log") == $1))
}

all_over() { # COUNT
    wait_for 20 _all_over "$1" || { echo "not all of $1 sessions are over" && return 1; }
}

@test "ssh through sslsplit: output and exit status" {
    begin_ssh
    # shellcheck disable=SC2016  # the far shell's
    run -7 --separate-stderr ssh_app 'read -r word; echo "got $word"; echo aside >&2; exit 7' <<<hello
    [[ $output == 'got hello' && $stderr == aside ]]
    run -0 --separate-stderr ssh_app 'sha256sum | cut -d" " -f1' <"$SORTED"
    [[ $output == "$(hash_of "$SORTED")" && -z $stderr ]]
    all_over 2
    run -1 grep -Ev ': (outer|session 1: inner) TLS: |: no WebSocket: |: [0-9]+ bytes up, [0-9]+ down$' "$DIR/proxy.log"
}

@test "scp through sslsplit: 8 MiB each way" {
    begin_ssh
    make_data "$DIR/file" $((8 << 20))
    scp_app "$DIR/file" "app:$DIR/there"
    scp_app "app:$DIR/there" "$DIR/back"
    [[ $(hash_of "$DIR/there") == "$(hash_of "$DIR/file")" ]]
    [[ $(hash_of "$DIR/back") == "$(hash_of "$DIR/file")" ]]
    all_over 2
}

@test "an HTTP application through -L and nginx" {
    local local_url i
    mkdir "$DIR/www"
    make_data "$DIR/www/page" 1000000
    start_app "$DIR/www"
    start_serve SERVE_PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$APP_PORT"
    box_nginx_tls "$SERVE_PORT" "$CERTS/front.pem" "$CERTS/front.key"
    through nginx
    start_tool FORWARD_PORT forward "${BARE[@]}" -L 0 "$URL"
    local_url=http://127.0.0.1:$FORWARD_PORT
    run -0 curl -fsS --max-time 30 -o "$DIR/page" "$local_url/page"
    same "$DIR/www/page" "$DIR/page"
    run -0 curl -fsS --max-time 30 -o "$DIR/echo" --data-binary "@$DIR/www/page" "$local_url/"
    same "$DIR/www/page" "$DIR/echo"
    run -22 curl -fsS --max-time 30 "$local_url/none"
    run -0 curl -fsSZ --no-progress-meter --max-time 30 "$local_url/page?[1-6]" -o "$DIR/page#1"
    for i in {1..6}; do same "$DIR/www/page" "$DIR/page$i"; done
    stop forward
    [[ $STOP_STATUS == 0 ]]
}
