#!/usr/bin/env bats
# atls-client: its exit codes, what it says, proxies, -L, and what it does when things go wrong.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_pki
    make_cert ca expired service.test expired
    make_cert ca elsewhere elsewhere.test
    make_ca impostor && mv "$CERTS/impostor.key" "$CERTS/impostor.pem" "$DIR/"
    make_data "$DIR/big" 1500000
    export BIG=$DIR/big
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

start_proxy() { # OPTION...
    start_tool PROXY_PORT proxy "$PYTHON" "$ATLS_ROOT/tests/lib/proxy.py" "$@" || return
    PROXY=http://127.0.0.1:$PROXY_PORT
}

# The service, https on the outside, with a certificate of outer-ca.
start_https() {
    start_backend echo || return
    start_serve HTTPS_PORT --listen https://127.0.0.1:0 --outer-cert "$CERTS/front.pem" \
        --outer-key "$CERTS/front.key" --backend "$BACKEND" || return
    HTTPS=https://127.0.0.1:$HTTPS_PORT
}

# refuses CODE OPTION... -- LINE...: nothing comes out, and exactly these lines are said.
refuses() {
    local code=$1 options=()
    shift
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    carry "$code" /dev/stdin "$DIR/out" "${options[@]}" <<<words
    [[ ! -s $DIR/out ]] || { echo "there is output" && return 1; }
    only_said "${@:2}"
}

# ---- who the service is -----------------------------------------------------------------------

@test "wrong CA" {
    start_peer
    refuses 4 bare_client --cacert "$CERTS/other-ca.pem" --servername service.test "$PEER" -- \
        "atls-client: inner TLS: the service's certificate is not trusted: its issuer 'CN=ca' is not among the trust anchors" \
        "hint: give the service's own CA with --cacert; the service must send its intermediate certificates"
    grep -q 'ALERT_UNKNOWN_CA' "$DIR/peer.log" # the service is told
    no_violations
}

@test "without --cacert the system's store decides, and does not know this CA" {
    start_peer
    run -4 --separate-stderr bare_client --servername service.test "$PEER" <<<words
    [[ $output == '' ]]
    said "atls-client: inner TLS: the service's certificate is not trusted: its issuer 'CN=ca' is not among the trust anchors"
}

@test "wrong name" {
    start_peer
    refuses 4 bare_client --cacert "$CERTS/ca.pem" --servername other.test "$PEER" -- \
        "atls-client: inner TLS: the service's certificate is for 'service.test, 127.0.0.1, ::1', not for 'other.test'" \
        'hint: the name to expect can be given with --servername'
    no_violations
}

@test "the name is the URL's host, a name or an address" {
    start_peer
    run -0 --separate-stderr bare_client --cacert "$CERTS/ca.pem" "$PEER" <<<words
    [[ $output == words ]]
    stop peer
    PEER_IDENTITY=elsewhere start_peer
    refuses 4 bare_client --cacert "$CERTS/ca.pem" "$PEER" -- \
        "atls-client: inner TLS: the service's certificate is for 'elsewhere.test', not for '127.0.0.1'" \
        'hint: the name to expect can be given with --servername'
}

@test "wrong pin, right pin, one of several" {
    local right wrong
    right=$(pin_of "$CERTS/service.pem") wrong=$(pin_of "$CERTS/front.pem")
    start_peer
    refuses 4 client --pinnedpubkey "$wrong" "$PEER" -- \
        "atls-client: inner TLS: the service's certificate has the key $right, which is not among the pins" \
        "hint: if the key is the right one: --pinnedpubkey '$right'"
    run -0 --separate-stderr client --pinnedpubkey "$right" "$PEER" <<<words
    [[ $output == words ]]
    run -0 --separate-stderr client --pinnedpubkey "$wrong;$right" "$PEER" <<<words
    run -0 --separate-stderr client --pinnedpubkey "$wrong" --pinnedpubkey "$right" "$PEER" <<<words
    refuses 2 client --pinnedpubkey sha256//short "$PEER" -- \
        "atls-client: option '--pinnedpubkey': *sha256//short*" "Try 'atls-client --help' for more information."
}

@test "expired certificate" {
    PEER_IDENTITY=expired start_peer
    refuses 4 client "$PEER" -- \
        "atls-client: inner TLS: the service's certificate has expired on 20[0-9][0-9]-*Z" \
        "hint: it has to be renewed, or this machine's clock is wrong"
}

@test "--insecure-inner warns each time, and pins still count" {
    start_peer
    run -0 --separate-stderr bare_client --insecure-inner "$PEER" <<<words
    [[ $output == words ]]
    only_said 'atls-client: warning: --insecure-inner: *'
    run -0 --separate-stderr bare_client --quiet --insecure-inner "$PEER" <<<words
    only_said 'atls-client: warning: --insecure-inner: *'
    run -4 --separate-stderr bare_client --insecure-inner --pinnedpubkey "$(pin_of "$CERTS/front.pem")" "$PEER" <<<words
    [[ $output == '' ]]
}

@test "an alert in the handshake" {
    start_peer --misbehave alert:1
    refuses 4 client --carriage base "$PEER" -- \
        'atls-client: inner TLS: the peer ended the session with alert handshake_failure (40)'
}

# ---- the way there ----------------------------------------------------------------------------

@test "nobody listens" {
    start_backend mute
    stop backend # nobody has its port now
    refuses 3 client "http://$BACKEND" -- "atls-client: connection: it could not be made (*"
}

@test "a name that does not resolve" {
    refuses 3 client http://service.invalid -- \
        "atls-client: name resolution: no address for the service's host (*service.invalid*"
}

@test "plain HTTP where https is expected, and the reverse" {
    start_peer
    run -3 --separate-stderr client "${PEER/http:/https:}" <<<words
    said 'atls-client: outer TLS: the handshake failed (*' 'hint: *'
    start_https
    run --separate-stderr client "${HTTPS/https:/http:}" <<<words
    [[ $status == [35] && $output == '' ]]
    said 'atls-client: HTTP: *'
}

@test "what answers there does not speak HTTP" {
    start_backend greet
    refuses 5 client "http://$BACKEND" -- 'atls-client: HTTP: what answers there does not speak HTTP (*'
}

@test "a listener that never answers: --connect-timeout" {
    start_backend mute
    refuses 3 client --connect-timeout 0.4 "http://$BACKEND" -- \
        'atls-client: connection: the inner session did not stand within 0.4 s (--connect-timeout)'
    # Here libcurl's clock for the outer handshake runs beside ours: either may be first.
    refuses 3 client --connect-timeout 0.4 "https://$BACKEND" -- \
        'atls-client: connection: @(the inner session did not stand within 0.4 s \(--connect-timeout\)|timed out \(*\))'
}

@test "--max-time ends what goes on" {
    start_backend mute
    refuses 3 client --max-time 0.4 "http://$BACKEND" -- \
        'atls-client: connection: not done within 0.4 s (--max-time)'
    stop backend
    start_service greet
    start_client "$DIR/in" - --max-time 0.6 "$SERVICE"
    wait_exit client
    [[ $STOP_STATUS == 3 ]]
    [[ $(<"$DIR/client.log") == $'welcome\natls-client: connection: not done within 0.6 s (--max-time)' ]]
}

@test "--max-time ends --check and -L, too" {
    start_backend mute
    run -3 --separate-stderr client --check --max-time 0.4 "http://$BACKEND"
    said 'atls-client: connection: not done within 0.4 s (--max-time)'
    run -3 --separate-stderr client -q -L 127.0.0.1:0 --max-time 0.4 "http://$BACKEND"
    only_said 'atls-client: connection: not done within 0.4 s (--max-time)'
}

# ---- what HTTP answers ------------------------------------------------------------------------

@test "wrong path" {
    start_peer
    refuses 3 client "$PEER/nowhere" -- 'atls-client: HTTP: refused with status 404' \
        "hint: is the URL's path right? The drafts' own are /.well-known/atls and /atls"
}

@test "a captive portal's page with status 200" {
    local encoding
    start_peer --misbehave html200
    for encoding in auto json; do
        refuses 5 client --encoding $encoding "$PEER" -- \
            "atls-client: protocol: what answers there is no ATLS service: status 200 with content type 'text/html' instead of 'application/atls*'" \
            "hint: a captive portal or a proxy's own page may stand in between"
    done
}

@test "refusals for good: 302, 401, 403, 405" {
    start_peer --misbehave status:302
    refuses 3 client "$PEER" -- 'atls-client: HTTP: refused with status 302' \
        'hint: redirects are not followed; give the URL that it leads to'
    no_violations # it went to no other path
    stop peer
    start_peer --misbehave status:401
    refuses 3 client "$PEER" -- 'atls-client: HTTP: refused with status 401' 'hint: *--header*'
    stop peer
    start_peer --misbehave status:403
    refuses 3 client "$PEER" -- 'atls-client: HTTP: refused with status 403'
    stop peer
    start_peer --misbehave status:405
    refuses 3 client "$PEER" -- 'atls-client: HTTP: refused with status 405' "hint: *URL's path*"
}

@test "5xx, 429 and a lost answer at the first request" {
    local code
    for code in 500 503; do
        start_peer --misbehave status:$code
        refuses 3 client "$PEER" -- "atls-client: HTTP: status $code"
        stop peer
    done
    start_peer --misbehave status:429 --retry-after 60
    refuses 3 client "$PEER" -- 'atls-client: HTTP: status 429, try again later'
    stop peer
    start_peer --misbehave lose-answer:1
    refuses 3 client --carriage base "$PEER" -- 'atls-client: HTTP: the connection was closed without an answer (*' 'hint: *'
}

@test "400 and 415 from a server that takes nothing" {
    start_peer --misbehave status:400
    refuses 5 client "$PEER" -- 'atls-client: HTTP: status 400: what answers there does not take bodies of type application/atls+json'
    stop peer
    start_peer --misbehave status:415
    refuses 5 client --encoding octet-stream "$PEER" -- 'atls-client: HTTP: status 415: what answers there does not take bodies of type application/atls+octet-stream'
}

@test "413 down to the smallest body" {
    start_peer --max-body 10
    refuses 3 client "$PEER" -- 'atls-client: HTTP: status 413: even small bodies are refused'
}

@test "422 on a live session: three in a row, then exit code 5" {
    local encoding
    for encoding in json octet-stream auto; do
        start_peer --misbehave 422-after:3 -v --app hash
        carry 5 /dev/stdin "$DIR/out" client --carriage base --body-size 1k --encoding $encoding "$PEER" <"$BIG"
        [[ ! -s $DIR/out ]]
        only_said 'atls-client: protocol: status 422: the service does not know this session (any more)'
        [[ $(grep -c '"POST /.* 422 ' "$DIR/peer.log") == 3 ]]
        stop peer
    done
}

@test "one 422 or 503 on the way: asked again, and everything arrives once" {
    local code
    start_service echo
    for code in 422 503; do
        start_proxy --refuse 3:$code --refuse 6:$code
        carry 0 "$BIG" "$DIR/out" client -v --encoding json -x "$PROXY" "$SERVICE"
        same "$BIG" "$DIR/out"
        said "atls-client: session 1: an exchange was lost: *status $code*"
        [[ $(grep -c -- "-> $code" "$DIR/proxy.log") == 2 ]]
        stop proxy
    done
}

@test "5xx in a session: again, until --resume-timeout" {
    start_peer --misbehave status-after:3:503
    carry 3 "$BIG" "$DIR/out" client --carriage base -v --resume-timeout 0.5 "$PEER"
    said 'atls-client: session 1: an exchange was lost: HTTP: status 503' 'atls-client: HTTP: status 503'
    unsaid '*status 5* instead*'
}

@test "Retry-After is heeded" {
    start_peer --misbehave status-after:3:429 --retry-after 1 -v
    carry 3 "$BIG" "$DIR/out" client --carriage base -v --resume-timeout 0.9 "$PEER"
    said 'atls-client: HTTP: status 429, try again later'
    [[ $(grep -c '" 429 ' "$DIR/peer.log") == 2 ]] # at once, and 1 s later, when the time was over
}

@test "a server that dies in a session" {
    start_service greet
    start_client "$DIR/in" - --resume-timeout 0.5 "$SERVICE"
    wait_log client welcome
    kill -KILL "$(pid_of serve)"
    wait_exit client
    [[ $STOP_STATUS == 3 ]]
    grep -qx 'atls-client: connection: lost, and not found again within .*; the last failure: connection: it could not be made (.*' "$DIR/client.log"
}

@test "a stream that is cut: never exit code 0" {
    local encoding
    start_peer --app "send:$BIG" --misbehave truncate-tls
    for encoding in json atls; do
        carry 5 /dev/null "$DIR/out" client --encoding $encoding "$PEER"
        only_said 'atls-client: protocol: status 422: the service does not know this session (any more)'
        (($(stat -c %s "$DIR/out") < 1500000))
        cmp -n "$(stat -c %s "$DIR/out")" "$DIR/out" "$BIG"
    done
}

@test "an altered stream: exit code 4" {
    start_peer --misbehave alert:3
    carry 4 "$BIG" "$DIR/out" client "$PEER"
    only_said 'atls-client: inner TLS: *'
}

@test "a compressed answer" {
    start_peer --misbehave gzip
    refuses 5 client "$PEER" -- "atls-client: protocol: the answer's body is compressed although that was excluded"
}

# ---- the choice of encoding -------------------------------------------------------------------

@test "no session in the first answer: auto tries json, json gives up" {
    start_peer --misbehave no-session
    refuses 5 client --carriage base --encoding json "$PEER" -- \
        "atls-client: protocol: the first answer names no session: it has no member 'session'"
    refuses 5 client --carriage base --encoding atls "$PEER" -- \
        'atls-client: protocol: the first answer names no session: it has no cookie'
    run -5 --separate-stderr client --carriage base -v "$PEER" <<<words
    said 'atls-client: session 1: encoding atls cannot work here: protocol: the first answer names no session: it has no cookie; going on with json' \
        "atls-client: protocol: the first answer names no session: it has no member 'session'"
}

@test "auto: cookies are stripped, all goes on with json" {
    start_peer --misbehave strip-cookie
    carry 0 "$BIG" "$DIR/out" client -v "$PEER"
    same "$BIG" "$DIR/out"
    said 'atls-client: session 1: encoding atls cannot work here: protocol: status 422: *; going on with json'
    refuses 5 client --encoding octet-stream "$PEER" -- 'atls-client: protocol: status 422: *'
}

@test "auto: a server that takes json only" {
    start_peer --encodings json
    carry 0 "$BIG" "$DIR/out" client --carriage base -v "$PEER"
    same "$BIG" "$DIR/out"
    said 'atls-client: session 1: encoding atls cannot work here: HTTP: status 415: *; going on with json'
    run -0 --separate-stderr client --carriage base "$PEER" <<<words
    [[ $output == words && $stderr == '' ]]
    refuses 5 client --carriage base --encoding atls "$PEER" -- 'atls-client: HTTP: status 415: *'
}

@test "auto: a way that knows only the path of json" {
    start_peer -v
    carry 0 "$BIG" "$DIR/out" client --carriage base -v "$PEER"
    grep -q '"POST /\.well-known/atls HTTP/1.1" 200' "$DIR/peer.log"
    grep -q '"POST /atls ' "$DIR/peer.log" && false
    carry 0 "$BIG" "$DIR/out" client --carriage base -v --encoding json "$PEER/.well-known/atls"
    grep -q '"POST /atls ' "$DIR/peer.log" && false
    carry 0 "$BIG" "$DIR/out" client --carriage base -v --encoding json "$PEER"
    grep -q '"POST /atls HTTP/1.1" 200' "$DIR/peer.log"
    no_violations
}

# ---- local ends -------------------------------------------------------------------------------

@test "standard output is closed early: an error, no crash" {
    start_peer --app "send:$BIG"
    # shellcheck disable=SC2016  # the inner shell's
    run -0 --separate-stderr bash -c '"$@" </dev/null | head -c 1 | wc -c; exit $((PIPESTATUS[0] == 6 ? 0 : 100 + PIPESTATUS[0]))' - \
        "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" "$PEER"
    [[ $output == 1 ]]
    only_said 'atls-client: standard output: Broken pipe'
}

@test "standard output is full" {
    start_peer --app "send:$BIG"
    carry 6 /dev/null /dev/full client "$PEER"
    only_said 'atls-client: standard output: No space left on device'
    carry 6 /dev/null /dev/full client --check "$PEER"
    only_said 'atls-client: standard output: No space left on device'
    carry 6 /dev/null /dev/full client --check --json "$PEER"
    only_said 'atls-client: standard output: No space left on device'
    carry 6 /dev/null /dev/full client --help
    only_said 'atls-client: standard output: No space left on device'
}

@test "standard output is full: the service is told" {
    start_service greet
    start_client "$DIR/in" /dev/full "$SERVICE"
    wait_exit client
    [[ $STOP_STATUS == 6 ]]
    wait_log serve 'ended after .*: inner TLS: the peer ended the session with alert internal_error \(80\)$'
    wait_log backend '^connection 1: cut '
}

@test "standard output is full amid much data: the service is told, and lets the backend go" {
    start_service slow
    start_client "$DIR/in" /dev/full "$SERVICE"
    wait_exit client
    [[ $STOP_STATUS == 6 ]]
    wait_log serve 'ended after .*: inner TLS: the peer ended the session with alert internal_error \(80\)$'
    wait_log backend '^connection 1: cut '
}

@test "standard input or output is closed from the beginning" {
    start_peer
    # shellcheck disable=SC2016  # the inner shell's
    run -6 --separate-stderr bash -c '"$@" <&-' - "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" "$PEER"
    only_said 'atls-client: standard input and output: one is closed'
    # shellcheck disable=SC2016  # the inner shell's
    run -6 --separate-stderr bash -c '"$@" >&-' - "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" "$PEER"
    only_said 'atls-client: standard input and output: one is closed'
}

@test "a regular file, /dev/null and a terminal's absence: input of any kind" {
    start_peer --app hash
    run -0 --separate-stderr client "$PEER" <"$BIG"
    [[ $output == "$(hash_of "$BIG")" ]]
    run -0 --separate-stderr client "$PEER" </dev/null
    [[ $output == "$(hash_of /dev/null)" ]]
    run -0 --separate-stderr client "$PEER" < <(cat "$BIG")
    [[ $output == "$(hash_of "$BIG")" ]]
}

ended_by() { # SIGNAL CODE
    start_service greet
    start_client "$DIR/in" - "$SERVICE"
    wait_log client '^welcome$'
    kill "-$1" "$(pid_of client)"
    wait_exit client
    [[ $STOP_STATUS == "$2" ]]
    [[ $(<"$DIR/client.log") == welcome ]]
    wait_log serve 'ended after .*: closed by both sides$'
    wait_log backend '^connection 1: ended, 0 bytes'
}

@test "SIGTERM: close_notify, exit code 143" { ended_by TERM 143; }
@test "SIGINT: close_notify, exit code 130" { ended_by INT 130; }

@test "a second signal ends it at once, and one before the session stands, too" {
    start_backend mute
    start_client "$DIR/in" - "http://$BACKEND"
    wait_for 10 connected "$BACKEND_PORT"
    kill -TERM "$(pid_of client)"
    wait_exit client 5
    [[ $STOP_STATUS == 143 ]]
}

connected() { # PORT: somebody has a connection to it
    awk -v port="$(printf '%04X' "$1")" '$3 ~ (":" port "$") && $4 == "01" { found = 1 } END { exit !found }' /proc/net/tcp
}

# ---- --check ----------------------------------------------------------------------------------

@test "--check: a report as text" {
    start_service echo
    run -0 --separate-stderr client --check "$SERVICE"
    [[ $stderr == '' ]]
    [[ ${lines[0]} =~ ^url\ +"$SERVICE/.well-known/atls"$ ]]
    [[ ${lines[1]} =~ ^encoding\ +'atls, HTTP/1.1, 2 exchanges, stream carriage'$ ]]
    [[ ${lines[2]} =~ ^'outer TLS'\ +'none seen'$ ]]
    [[ ${lines[3]} =~ ^'inner TLS'\ +.*'TLS1.3' ]]
    grep -Eq "^  key +ECDSA 256, $(pin_of "$CERTS/service.pem" | sed 's/[+]/[+]/g')$" <<<"$output"
    [[ ${lines[-1]} =~ ^'result '\ +'ok: verified end to end'$ ]]
    wait_log serve 'ended after .*, 0 bytes up, 0 down: closed by both sides$'
}

@test "--check --json: what was found, for machines" {
    start_https
    run -0 --separate-stderr client --check --json "$HTTPS"
    [[ ${#lines[@]} == 1 && $stderr == '' ]]
    jq -e --arg url "$HTTPS/.well-known/atls" --arg pin "$(pin_of "$CERTS/service.pem")" '
        .schema == "atls-client-check/1" and .url == $url and .ok == true and .encoding == "atls"
        and .http_version == "1.1" and .exchanges == 2 and (has("error") | not)
        and .inner.subject == "CN=service" and .inner.issuer == "CN=ca" and .inner.pin == $pin
        and .inner.valid == true and .inner.fault == "ok" and .inner.checked == true
        and .inner.chain_length == 1 and (.inner.suite | test("TLS1.3"))
        and ([.inner.not_before, .inner.not_after] | map(fromdateiso8601) | .[0] < now and now < .[1])
        and .outer.subject == "CN=front" and .outer.issuer == "CN=outer-ca"
        and .outer.valid == false and .outer.fault == "untrusted"' <<<"$output"
    run -0 --separate-stderr client --check --json --tls-max 1.2 --encoding json "$HTTPS"
    jq -e '.encoding == "json" and .exchanges == 2 and (.inner.suite | test("TLS1.2"))' <<<"$output"
}

@test "--check --json: failures are JSON, too" {
    start_peer
    run -4 --separate-stderr bare_client --cacert "$CERTS/other-ca.pem" --servername service.test --check --json "$PEER"
    jq -e '.schema == "atls-client-check/1" and .ok == false and .exit_code == 4
        and .inner.issuer == "CN=ca" and .inner.valid == false and .inner.fault == "untrusted"
        and (.error | test("^inner TLS: .* is not trusted"))' <<<"$output"
    said 'atls-client: inner TLS: * is not trusted*'
    stop peer
    run -3 --separate-stderr client --check --json "$PEER"
    jq -e '.ok == false and .exit_code == 3 and .exchanges == 0 and (has("inner") or has("outer") | not)
        and (.error | test("^connection: "))' <<<"$output"
    start_peer --misbehave html200
    run -5 --separate-stderr client --check --json "$PEER"
    jq -e '.ok == false and .exit_code == 5 and (.error | test("^protocol: "))' <<<"$output"
}

@test "--check: a backend that speaks first or is silent makes no difference" {
    local kind
    for kind in greet mute; do
        start_service $kind
        run -0 --separate-stderr client --check "$SERVICE"
        [[ ${lines[-1]} == 'result '*'ok: verified end to end' ]]
        stop serve
        stop backend
    done
}

# ---- the outer TLS ----------------------------------------------------------------------------

@test "-v: the outer certificate, and whether it would have passed" {
    start_https
    run -0 --separate-stderr client -v "$HTTPS" <<<words
    [[ $output == words ]]
    said "atls-client: outer TLS: certificate of 'CN=front', issued by 'CN=outer-ca'" \
        "atls-client: outer TLS: it would not pass, and is not relied on: the certificate is not trusted: its issuer 'CN=outer-ca' is not among the trust anchors"
    run -0 --separate-stderr client -v --outer-cacert "$CERTS/outer-ca.pem" "$HTTPS" <<<words
    said 'atls-client: outer TLS: it would pass, and is not relied on'
    unsaid '*would not pass*'
    run -0 --separate-stderr client "$HTTPS" <<<words
    [[ $output == words && $stderr == '' ]]
    run -0 --separate-stderr client -v --outer-cacert "$CERTS/outer-ca.pem" \
        --connect-to "service.test:443:127.0.0.1:$HTTPS_PORT" https://service.test <<<words
    said "atls-client: outer TLS: it would not pass, and is not relied on: the certificate is for '127.0.0.1, ::1', not for 'service.test'"
}

@test "the outer CA has no say in the inner session" {
    start_https
    refuses 4 bare_client --cacert "$CERTS/outer-ca.pem" --outer-cacert "$CERTS/outer-ca.pem" \
        --servername service.test "$HTTPS" -- \
        "atls-client: inner TLS: the service's certificate is not trusted: its issuer 'CN=ca' is not among the trust anchors" 'hint: *'
}

@test "--outer-verify refuses what is not trusted, and takes what is" {
    start_https
    run -3 --separate-stderr client --outer-verify "$HTTPS" <<<words
    [[ $output == '' ]]
    only_said 'atls-client: outer TLS: the certificate is not trusted (*' 'hint: *--outer-verify*'
    run -0 --separate-stderr client --outer-verify --outer-cacert "$CERTS/outer-ca.pem" "$HTTPS" <<<words
    [[ $output == words ]]
    run -3 --separate-stderr client --outer-verify --outer-cacert "$CERTS/outer-ca.pem" \
        --connect-to "service.test:443:127.0.0.1:$HTTPS_PORT" https://service.test <<<words
    only_said 'atls-client: outer TLS: the certificate is not trusted (*' 'hint: *'
}

@test "--outer-pinnedpubkey" {
    start_https
    run -0 --separate-stderr client --outer-pinnedpubkey "$(pin_of "$CERTS/front.pem")" "$HTTPS" <<<words
    [[ $output == words ]]
    refuses 3 client --outer-pinnedpubkey "$(pin_of "$CERTS/service.pem")" "$HTTPS" -- \
        'atls-client: outer TLS: the key is not the pinned one (*'
}

# ---- proxies ----------------------------------------------------------------------------------

@test "a proxy: absolute form for http, CONNECT for https" {
    start_proxy
    start_service echo
    carry 0 "$BIG" "$DIR/out" client -x "$PROXY" "$SERVICE"
    same "$BIG" "$DIR/out"
    wait_log proxy "^POST $SERVICE/\.well-known/atls -> 200$"
    stop serve
    stop backend
    start_https
    carry 0 "$BIG" "$DIR/out" client -v -x "$PROXY" "$HTTPS"
    same "$BIG" "$DIR/out"
    wait_log proxy "^CONNECT 127\.0\.0\.1:$HTTPS_PORT -> 200$"
    said "atls-client: outer TLS: certificate of 'CN=front', issued by 'CN=outer-ca'"
}

@test "a proxy: from the environment, and no_proxy" {
    start_proxy
    start_service echo
    http_proxy=$PROXY run -0 --separate-stderr client "$SERVICE" <<<words
    [[ $output == words ]]
    wait_log proxy "^POST $SERVICE/"
    stop proxy
    http_proxy=$PROXY run -3 --separate-stderr client "$SERVICE" <<<words
    only_said "atls-client: *: * (*$PROXY_PORT*"
    http_proxy=$PROXY no_proxy=127.0.0.1 run -0 --separate-stderr client "$SERVICE" <<<words
    all_proxy=$PROXY run -3 --separate-stderr client "$SERVICE" <<<words
    http_proxy=$PROXY run -0 --separate-stderr client -x '' "$SERVICE" <<<words
}

@test "a proxy: credentials, given or from a file" {
    start_proxy --user 'me:se cret:x'
    start_service echo
    echo 'me:se cret:x' >"$DIR/user"
    run -0 --separate-stderr client -x "$PROXY" --proxy-user "@$DIR/user" "$SERVICE" <<<words
    [[ $output == words ]]
    run -0 --separate-stderr client -x "$PROXY" -U 'me:se cret:x' "$SERVICE" <<<words
    [[ $output == words ]]
    carry 0 "$BIG" "$DIR/out" client -x "$PROXY" -U 'me:se cret:x' "$SERVICE"
    same "$BIG" "$DIR/out"
    refuses 6 client -x "$PROXY" --proxy-user "@$DIR/nothing" "$SERVICE" -- \
        "atls-client: option '--proxy-user': cannot read '$DIR/nothing': No such file or directory"
}

@test "a proxy: wrong credentials or none, error lines for http and https" {
    local user
    start_proxy --user me:secret
    start_service echo
    for user in '' me:wrong; do
        refuses 3 client -x "$PROXY" ${user:+-U "$user"} "$SERVICE" -- \
            'atls-client: HTTP: refused with status 407' "hint: give the proxy's credentials with --proxy-user"
        refuses 3 client -x "$PROXY" ${user:+-U "$user"} https://service.test -- \
            'atls-client: proxy: it wants other credentials (status 407)' 'hint: give them with --proxy-user USER:PASSWORD or @FILE'
    done
    run -0 --separate-stderr client -q -x "$PROXY" -U me:secret "$SERVICE" <<<words
    [[ $output == words ]]
}

@test "a proxy: https through one with credentials" {
    start_proxy --user me:secret
    start_https
    carry 0 "$BIG" "$DIR/out" client -x "$PROXY" -U me:secret "$HTTPS"
    same "$BIG" "$DIR/out"
    wait_log proxy "^CONNECT 127\.0\.0\.1:$HTTPS_PORT -> 200$"
}

@test "a proxy that is not there, or cannot be found" {
    start_service echo
    start_proxy
    stop proxy
    refuses 3 client -x "$PROXY" "$SERVICE" -- "atls-client: *: * (*$PROXY_PORT*"
    refuses 3 client -x http://proxy.invalid:3128 "$SERVICE" -- \
        'atls-client: name resolution: no address for the proxy (*'
}

# ---- requests ---------------------------------------------------------------------------------

@test "--header: from the command line and from files" {
    start_backend http
    printf 'X-Two: 2\r\nCookie: mine=1\n' >"$DIR/headers"
    run -3 --separate-stderr client --encoding atls -H 'X-One: a b' -H "@$DIR/headers" -H 'User-Agent: me' "http://$BACKEND" <<<words
    stop backend
    run -0 sort "$DIR/backend.log"
    [[ ${lines[*]} == *'POST /.well-known/atls HTTP/1.1'* ]]
    grep -qx 'X-One: a b' "$DIR/backend.log"
    grep -qx 'X-Two: 2' "$DIR/backend.log"
    grep -qx 'Cookie: mine=1' "$DIR/backend.log"
    grep -qx 'User-Agent: me' "$DIR/backend.log"
    refuses 2 client -H nonsense http://service.test -- "atls-client: option '--header': 'nonsense' is not a header line" \
        "Try 'atls-client --help' for more information."
}

@test "requests as the protocol wants them: no Expect, no compression, a length" {
    start_backend http
    run -3 --separate-stderr client --encoding json "http://$BACKEND/a/path?query" <<<words
    stop backend
    [[ $(head -n 1 "$DIR/backend.log") == 'POST /a/path?query HTTP/1.1' ]]
    grep -qx 'Accept-Encoding: identity' "$DIR/backend.log"
    grep -qx 'Content-Type: application/atls+json' "$DIR/backend.log"
    grep -qxE 'Content-Length: [1-9][0-9]+' "$DIR/backend.log"
    grep -qx "Host: $BACKEND" "$DIR/backend.log"
    run -1 grep -iE '^(expect|cookie|transfer-encoding):' "$DIR/backend.log"
}

@test "a cookie of the user's goes beside the session's" {
    start_service echo
    carry 0 "$BIG" "$DIR/out" client --encoding atls -H 'Cookie: mine=1' "$SERVICE"
    same "$BIG" "$DIR/out"
}

@test "--resolve and --connect-to lead elsewhere, and the name stays" {
    start_service echo
    run -0 --separate-stderr bare_client --cacert "$CERTS/ca.pem" \
        --resolve "service.test:$SERVICE_PORT:127.0.0.1" "http://service.test:$SERVICE_PORT" <<<words
    [[ $output == words ]]
    run -0 --separate-stderr bare_client --cacert "$CERTS/ca.pem" \
        --connect-to "service.test:80:127.0.0.1:$SERVICE_PORT" http://service.test <<<words
    [[ $output == words ]]
    wait_log serve 'name service\.test, '
    refuses 4 bare_client --cacert "$CERTS/ca.pem" --connect-to "::127.0.0.1:$SERVICE_PORT" http://other.test -- \
        "atls-client: inner TLS: * not for 'other.test'" 'hint: *'
}

@test "-4, -6 and --interface" {
    start_service echo
    run -0 --separate-stderr client -4 --interface 127.0.0.1 "$SERVICE" <<<words
    [[ $output == words ]]
    run -3 --separate-stderr client -6 "$SERVICE" <<<words
    run -6 --separate-stderr client --interface nothing0 "$SERVICE" <<<words
    only_said 'atls-client: connection: the interface cannot be used (*'
}

@test "SSLKEYLOGFILE: the inner session's secrets" {
    start_service echo
    SSLKEYLOGFILE=$DIR/keys run -0 --separate-stderr client "$SERVICE" <<<words
    [[ $(grep -cE '^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$' "$DIR/keys") == 1 ]]
    [[ $(grep -cE '^SERVER_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$' "$DIR/keys") == 1 ]]
    SSLKEYLOGFILE=$DIR/keys2 run -0 --separate-stderr client --tls-max 1.2 "$SERVICE" <<<words
    [[ $(grep -cE '^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$' "$DIR/keys2") == 1 ]]
}

# ---- -L ---------------------------------------------------------------------------------------

start_forward() { # VARS OPTION...
    local vars=$1
    shift
    start_tool "$vars" forward "$ATLS_BIN/atls-client" --cacert "$CERTS/ca.pem" \
        --servername service.test "$@"
}

@test "-L: two ports, 20 connections at once, each with its own data; SIGTERM ends it with 0" {
    local i pids=()
    start_service echo
    start_forward "ONE TWO" -L 0 -L 127.0.0.1:0 "$SERVICE"
    [[ $ONE != "$TWO" ]]
    for i in {1..20}; do
        make_data "$DIR/in$i" $((70000 + i * 1000))
        timeout 20 nc -N 127.0.0.1 "$([[ $((i % 2)) == 0 ]] && echo "$ONE" || echo "$TWO")" \
            <"$DIR/in$i" >"$DIR/out$i" 3>&- &
        pids+=($!)
    done
    for i in {1..20}; do
        wait "${pids[i - 1]}"
        same "$DIR/in$i" "$DIR/out$i"
    done
    wait_for 10 eval "(( \$(grep -c '^connection [0-9]*: ended, ' '$DIR/backend.log') == 20 ))"
    wait_for 10 eval "(( \$(grep -c ': closed by both sides' '$DIR/forward.log') == 20 ))"
    grep -Eqx 'atls-client: connection 20: ended after [0-9.]+ s, [0-9]+ bytes up, [0-9]+ down: closed by both sides' "$DIR/forward.log"
    kill -TERM "$(pid_of forward)"
    wait_exit forward
    [[ $STOP_STATUS == 0 ]]
}

@test "-L: half-close, and a local program that only listens" {
    start_service hash
    start_forward PORT -L 127.0.0.1:0 "$SERVICE"
    # shellcheck disable=SC2153  # start_forward sets it
    run -0 timeout 20 nc -N 127.0.0.1 "$PORT" <"$BIG"
    [[ $output == "$(hash_of "$BIG")" ]]
    stop serve
    stop backend
}

@test "-L: a session that fails resets its connection, and others go on" {
    start_service echo
    start_forward PORT -L 127.0.0.1:0 --resume-timeout 0.2 "$SERVICE"
    run -0 timeout 20 nc -N 127.0.0.1 "$PORT" <<<words
    [[ $output == words ]]
    kill -KILL "$(pid_of serve)"
    wait_exit serve
    run -0 "$PYTHON" -c '
import socket, sys
try:
    link = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    print("end" if link.recv(1) == b"" else "data")
except ConnectionResetError:
    print("reset")' "$PORT"
    [[ $output == reset ]]
    wait_log forward 'connection 2: ended after .* s, 0 bytes up, 0 down: connection: it could not be made '
    alive forward
}

@test "-L: a local program that resets its connection: the backend sees no orderly end" {
    start_service greet
    start_forward PORT -L 127.0.0.1:0 "$SERVICE"
    run -0 "$PYTHON" -c '
import socket, struct, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
link.sendall(b"words")
link.recv(8)
link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
link.close()' "$PORT"
    wait_log forward 'connection 1: ended after .* down: local connection: Connection reset by peer'
    wait_log serve 'ended after .*: inner TLS: the peer ended the session with alert internal_error \(80\)'
    wait_log backend 'connection 1: cut \(Connection reset by peer\)'
}

@test "-L: a signal ends running sessions in order" {
    start_service greet
    start_forward PORT -L 127.0.0.1:0 "$SERVICE"
    mkfifo "$DIR/in"
    exec {in}<>"$DIR/in"
    start program bash -c "nc 127.0.0.1 $PORT <'$DIR/in'"
    wait_log program '^welcome$'
    kill -INT "$(pid_of forward)"
    wait_exit forward 5
    [[ $STOP_STATUS == 0 ]]
    exec {in}>&-
    wait_log serve 'ended after .*: closed by both sides$'
    wait_log backend '^connection 1: ended, 0 bytes'
}

@test "-L: a local port in use" {
    start_backend mute
    refuses 6 client -L "$BACKEND" "http://$BACKEND" -- \
        "atls-client: cannot listen on $BACKEND: Address already in use"
}

@test "-L: a port file is whole or not there" {
    start_service echo
    start forward "$ATLS_BIN/atls-client" -L 127.0.0.1:0 -L 127.0.0.1:0 --cacert "$CERTS/ca.pem" \
        --servername service.test --port-file "$DIR/ports" "$SERVICE"
    wait_for 10 test -e "$DIR/ports"
    run -0 grep -cEx '[1-9][0-9]*' "$DIR/ports"
    [[ $output == 2 ]]
}

# ---- usage ------------------------------------------------------------------------------------

usage_error() { # WORDS OPTION...
    run -2 --separate-stderr bare_client "${@:2}"
    [[ $output == '' ]]
    only_said "atls-client: $1" "Try 'atls-client --help' for more information."
}

@test "usage: one line that names what is wrong, and a pointer" {
    usage_error "unknown option '--frobnicate'" --frobnicate
    usage_error "unknown option '-Z'" -Z
    usage_error 'missing operand' --check
    usage_error "superfluous operand 'http://b'" http://a http://b
    usage_error '--json goes with --check' --json http://a
    usage_error '--check and -L exclude each other' --check -L 0 http://a
    usage_error '--port-file goes with -L' --port-file x http://a
    usage_error '--key goes with --cert' --key x http://a
    usage_error "option '--max-time' needs a value" --max-time
    usage_error "option '--max-time': 'soon' is not a number of seconds from 0.01 to 31536000" -m soon http://a
    usage_error "option '--body-size': '12x' is not a size from 1k to 1M" --body-size 12x http://a
    usage_error "option '--encoding': 'xml' is not one of auto, json, octet-stream, atls" --encoding xml http://a
    usage_error "option '--check' takes no value" --check=yes http://a
    usage_error "option '--cacert' given more than once" --cacert a --cacert b http://a
}

@test "usage: what is no http or https URL" {
    local url
    for url in ftp://service.test/ file:///etc/passwd 'http://a b/' http:// 'http://[::1'; do
        run -2 --separate-stderr bare_client --cacert "$CERTS/ca.pem" "$url"
        [[ $output == '' ]]
        only_said "atls-client: '${url//\[/\\[}' is *" "hint: see 'atls-client --help'"
    done
}

@test "usage: a port that is none" {
    local port
    for port in x 65536 127.0.0.1: ::1:80; do
        run -2 --separate-stderr client -L "$port" http://service.test
        only_said "atls-client: -L '$port' is not \[ADDR:\]PORT or unix:PATH" "hint: see 'atls-client --help'"
    done
}

@test "usage: help and version go to standard output" {
    local word
    for word in --help -h; do
        run -0 --separate-stderr bare_client $word
        [[ ${lines[0]} == 'Usage: atls-client '* && $stderr == '' ]]
    done
    run -0 --separate-stderr bare_client -V
    [[ $output =~ ^'atls-client '[0-9.]+' (GnuTLS '.*', libcurl '.*\)$ && $stderr == '' ]]
}

@test "files that cannot be read: exit code 6" {
    refuses 6 bare_client --cacert "$DIR/nothing" http://service.test -- \
        "atls-client: cannot read CA file '$DIR/nothing': No such file or directory"
    : >"$DIR/empty"
    refuses 6 bare_client --cacert "$DIR/empty" http://service.test -- \
        "atls-client: cannot read CA file '$DIR/empty': it is empty"
    refuses 6 client --cert "$CERTS/service.pem" http://service.test -- \
        "atls-client: cannot read key file '$CERTS/service.pem': *" 'hint: give the file of the key with --key'
}
