#!/usr/bin/env bats
# atls-probe before ports that are not what they should be, captive portals, and its own files and
# forms of output. What is found goes into .build/probe-hostile.tsv, for the second table of
# atls-probe(1).

# shellcheck disable=SC2030,SC2031,SC2034  # run sets output and stderr anew in each test; helpers read variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/boxes
load lib/boxes2
load lib/atls
load lib/probe

TABLE=$ATLS_ROOT/.build/probe-hostile.tsv

setup_file() {
    begin_file
    mkdir -p "$ATLS_ROOT/.build"
    rm -f "$TABLE"
    make_ca public rsa && make_ca loop-b && make_ca loop-a ecdsa loop-b
    make_cert public service service.test
    make_cert public canary canary.test
    cp "$CERTS/public.pem" "$CERTS/roots.pem"
    odd_chains
    start_retry ODD_PORT odd _odd
}

setup() {
    begin_test
    INSTALLED=
}

teardown() { end_test; }
teardown_file() { end_file; }

# Names with an escape sequence and a line end; issuers of each other; and 100 KiB of them.
odd_chains() {
    local evil=$'evil\e[31m\n.test' i
    openssl req -x509 -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -days 30 \
        -subj "/CN=$evil" -keyout "$CERTS/evil.key" -out "$CERTS/evil.pem" 2>/dev/null
    _key ecdsa "$CERTS/loop.key"
    openssl req -new -config /dev/null -key "$CERTS/loop.key" -subj /CN=loop -out "$CERTS/loop.csr"
    _sign loop-a "$CERTS/loop.csr" "$CERTS/loop.leaf" 'subjectAltName = DNS:loop.test' "$(_date -1hour)" "$(_date +9days)"
    # loop-b once more, below loop-a, with the same key.
    openssl req -new -config /dev/null -key "$CERTS/loop-b.key" -subj /CN=loop-b -out "$CERTS/loop-b.csr"
    _sign loop-a "$CERTS/loop-b.csr" "$CERTS/loop-b2.pem" $'basicConstraints = critical,CA:true\nsubjectKeyIdentifier = hash' \
        "$(_date -1hour)" "$(_date +9days)"
    cat "$CERTS/loop.leaf" "$CERTS/loop-a.pem" "$CERTS/loop-b2.pem" >"$CERTS/loop.pem"
    make_cert public long long.test
    { cat "$CERTS/long.pem" && for ((i = 0; i < 150; i++)); do cat "$CERTS/public.pem"; done; } >"$CERTS/longer.pem"
    mv "$CERTS/longer.pem" "$CERTS/long.pem"
    (($(openssl crl2pkcs7 -nocrl -certfile "$CERTS/long.pem" -outform DER | wc -c) > 102400))
}

_odd() { # PORT
    local dir=$DIR/odd path name
    mkdir -p "$dir"
    {
        printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;'
        if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
        printf '%s\n' 'events { worker_connections 512; }' 'http {' 'access_log off;' 'ssl_protocols TLSv1.2 TLSv1.3;'
        for path in client_body proxy fastcgi uwsgi scgi; do printf '%s_temp_path %s/%s;\n' "$path" "$dir" "$path"; done
        for name in service evil loop long canary; do _server "$1" "$name.test" "$name"; done
        printf '}\n'
    } >"$dir/conf"
    COMMAND=(/usr/sbin/nginx -p "$dir" -e stderr -c "$dir/conf")
}

odd() { # NAME OPTION...
    run -"${CODE:-7}" --separate-stderr probe --connect-to "$1.test:443:127.0.0.1:$ODD_PORT" "${@:2}" "$1.test"
}

# note CASE JSON: verdict, exit code, and faults, or why there was no handshake, or who.
note() {
    jq -r --arg case "$1" '[$case, .verdict, (.exit_code | tostring), (.faults | join(" ")),
        (if .portal then "a portal, " + .who else .error // "" | sub(" \\(.*"; "") end)] | @tsv' <<<"$2" >>"$TABLE"
}

@test "a certificate with control characters in its names" {
    odd evil --explain
    [[ $output == *'evil\x1b[31m\x0a.test'* && $output != *$'\e'* ]]
    odd evil --tap
    [[ $output == 'not ok 1 - evil.test: undecided'* && $output != *$'\e'* && ${lines[-1]} == 1..1 ]]
    odd evil --json
    jq -e '.verdict == "undecided" and (.chain[0].subject | contains("\u001b[31m"))' <<<"$output"
    note 'control characters in names' "$output"
}

@test "a chain with a loop" {
    odd loop --json
    jq -e '.verdict == "undecided" and (.chain | length) == 3' <<<"$output"
    note 'a chain with a loop' "$output"
}

@test "a chain of 100 KiB" {
    CODE=4 odd long --json
    jq -e '.verdict == "direct" and .faults == ["malformed"] and .tls.chain_length == 151' <<<"$output"
    note 'a chain of 100 KiB' "$output"
}

# ---- ports --------------------------------------------------------------------------------------

# Listens and then, on each connection: "reset"s it, "hang"s, "close"s it, sends "garbage", what an "http" server
# says to a ClientHello, or a TLS record and then "stall"s.
read -rd '' PORT_PY <<'PYTHON' || :
import socket, struct, sys, threading

how, ports = sys.argv[1], sys.argv[3]
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
with open(ports, "w") as file:
    print(listener.getsockname()[1], file=file)
kept = []
while True:
    link = listener.accept()[0]
    if how == "reset":
        link.recv(1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    elif how == "close":
        link.recv(65536)
        link.close()
    elif how == "garbage":
        link.recv(65536)
        link.sendall(bytes(range(256)) * 64)
        kept.append(link)
    elif how == "http":
        link.recv(65536)
        link.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        kept.append(link)
    elif how == "stall":
        link.recv(65536)
        link.sendall(b"\x16\x03\x03\x40\x00\x02")
        kept.append(link)
    else:
        kept.append(link)
PYTHON

port() { # HOW CODE WORDS
    start_tool PORT "$1" "$PYTHON" -c "$PORT_PY" "$1"
    local to=(--connect-timeout 1 --connect-to "a.test:8443:127.0.0.1:$PORT" a.test:8443)
    run -"$2" --separate-stderr probe "${to[@]}"
    [[ ${lines[0]} == "a.test:8443: unreachable: $3" && -z $stderr ]] || { printf '%s\n' "$output" "$stderr" && return 1; }
    run -"$2" --separate-stderr probe --json "${to[@]}"
    note "$BATS_TEST_DESCRIPTION" "$output"
}

@test "a port that resets" { port reset 3 'TLS: the connection was reset amid the handshake'; }
@test "a port that closes" { port close 3 'TLS: the connection was closed amid the handshake'; }
@test "a port that hangs" { port hang 3 'TLS: the handshake was not done within 1.0 s'; }
@test "a port that stalls amid a record" { port stall 3 'TLS: the handshake was not done within 1.0 s'; }
@test "a port that sends garbage" { port garbage 5 'TLS: what answers there does not speak TLS'; }

@test "a port that speaks plain HTTP" { port http 5 'TLS: what answers there does not speak TLS'; }

@test "nobody there" {
    run -3 --separate-stderr probe --depth quick "127.0.0.1:$(free_port)"
    [[ ${lines[0]} == *': unreachable: connection: '* ]]
    run -3 --separate-stderr probe --json --depth quick "127.0.0.1:$(free_port)"
    note 'nobody there' "$output"
}

# ---- captive portals ------------------------------------------------------------------------------

_portal() { # PORT CERT-OR-EMPTY
    local dir=$DIR/portal path ssl=
    mkdir -p "$dir"
    if [[ -n $2 ]]; then ssl=ssl; fi
    {
        printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;'
        if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
        printf '%s\n' 'events { worker_connections 512; }' 'http {' 'access_log off;'
        for path in client_body proxy fastcgi uwsgi scgi; do printf '%s_temp_path %s/%s;\n' "$path" "$dir" "$path"; done
        printf '%s\n' 'server {' "listen 127.0.0.1:$1 $ssl;"
        if [[ -n $2 ]]; then printf '%s\n' "ssl_certificate $CERTS/$2.pem;" "ssl_certificate_key $CERTS/$2.key;"; fi
        printf '%s\n' 'location / { return 302 http://login.hotel.example/welcome; }' '}' '}'
    } >"$dir/conf"
    COMMAND=(/usr/sbin/nginx -p "$dir" -e stderr -c "$dir/conf")
}

@test "a captive portal behind its own certificate" {
    make_ca hotel && make_cert hotel login login.hotel.example
    start_retry PORTAL_PORT portal _portal login
    run -7 --separate-stderr probe --connect-to "service.test:443:127.0.0.1:$PORTAL_PORT" service.test
    [[ ${lines[0]} == "service.test: undecided: a captive portal, 'login.hotel.example'" ]]
    run -7 --separate-stderr probe --json --connect-to "service.test:443:127.0.0.1:$PORTAL_PORT" service.test
    note 'a portal, its own certificate' "$output"
}

@test "a captive portal that takes plain HTTP and refuses TLS" {
    start_retry PORTAL_PORT portal _portal ''
    start_tool RESET_PORT reset "$PYTHON" -c "$PORT_PY" reset
    run -7 --separate-stderr probe --json --connect-to "service.test:443:127.0.0.1:$RESET_PORT" \
        --connect-to "service.test:80:127.0.0.1:$PORTAL_PORT" service.test
    jq -e '.verdict == "undecided" and .portal and .who == "login.hotel.example" and (.error | startswith("TLS: "))' <<<"$output"
    note 'a portal, TLS refused' "$output"
}

@test "the second table of atls-probe(1) is what was found here" {
    sed -n '/^\.\\" ports, by/,/^\.\\" end of/{/^\.\\"/!p}' "$ATLS_ROOT/man/atls-probe.1" >"$DIR/page"
    "$ATLS_ROOT/tests/probe-table.sh" ports "$TABLE" >"$DIR/found"
    diff -u "$DIR/page" "$DIR/found"
}

# ---- many targets, forms of output, files --------------------------------------------------------

@test "many targets, from a file and from standard input" {
    local i
    for ((i = 0; i < 50; i++)); do echo "service.test:$((1000 + i)) # of 50"; done >"$DIR/targets"
    echo >>"$DIR/targets"
    to=()
    for ((i = 0; i < 52; i++)); do to+=(--connect-to "service.test:$((1000 + i)):127.0.0.1:$ODD_PORT"); done
    run -0 --separate-stderr probe --parallel 10 "${to[@]}" -f "$DIR/targets" service.test:1050
    ((${#lines[@]} == 51))
    [[ -z $stderr && $(grep -c ': direct$' <<<"$output") == 51 ]]
    run -0 probe --tap "${to[@]}" - <"$DIR/targets"
    [[ ${lines[0]} == 'ok 1 - service.test:'* && ${lines[-1]} == 1..50 ]]
    # What is worst of them counts.
    run -3 --separate-stderr probe --json "${to[@]}" --expect-ca "$CERTS/loop-b.pem" \
        --connect-to "loop.test:443:127.0.0.1:$ODD_PORT" service.test:1000 loop.test 127.0.0.1:1
    ((${#lines[@]} == 3))
    [[ $(jq -r .verdict <<<"$output" | sort | xargs) == 'direct undecided unreachable' ]]
    run -2 --separate-stderr probe 'https://a b/'
    run -2 --separate-stderr probe http://service.test
    run -2 --separate-stderr probe ''
    run -2 --separate-stderr probe
    run -6 --separate-stderr probe -f "$DIR/none"
}

@test "differences between the direct way and the proxy" {
    make_hosts
    start_retry BOX_PORT mitmproxy _hosted _connect
    run -1 --separate-stderr probe --json --depth full --proxy "http://127.0.0.1:$BOX_PORT" \
        --connect-to "service.test:443:127.0.0.1:$ODD_PORT" service.test
    jq -e '.evidence | map(select(.kind == "way" and .weight == 80 and (.seen | startswith("directly: ")))) | length == 1' <<<"$output"
    # The proxy of the environment, and the host that is not for it.
    run -1 env "https_proxy=http://127.0.0.1:$BOX_PORT" bash -c 'exec "$@"' bash "$ATLS_BIN/atls-probe" -q --store "$CERTS/roots.pem" \
        --public-roots "$CERTS/roots.pem" --connect-to "service.test:443:127.0.0.1:$ODD_PORT" service.test
    run -0 probe -q --proxy '' --connect-to "service.test:443:127.0.0.1:$ODD_PORT" service.test
}

@test "--issuers: a product of one's own" {
    printf 'Our box\tissuer.CN\tloop-.\tnote\n' >"$DIR/issuers"
    odd loop --issuers "$DIR/issuers"
    [[ ${lines[0]} == *"'Our box'"* ]]
    printf 'Our box\tissuer.CN\t(\n' >"$DIR/issuers"
    CODE=2 odd loop --issuers "$DIR/issuers"
    [[ $stderr == *'line 1: the pattern'* ]]
}

@test "--capture: the flights of the first handshake" {
    CODE=0 odd service --capture "$DIR/capture"
    jq -es 'map(.direction) | index("up") == 0 and index("down") == 1' "$DIR/capture/index.jsonl"
    # A ClientHello, a ServerHello.
    [[ $(head -c 1 "$DIR/capture/000001-up.body" | od -An -tx1) == ' 16' ]]
    [[ $(head -c 1 "$DIR/capture/000002-down.body" | od -An -tx1) == ' 16' ]]
}

@test "--watch: changes only, also after a restart" {
    local to=(--connect-to "service.test:443:127.0.0.1:$ODD_PORT")
    watching() { start watch timeout 60 "$ATLS_BIN/atls-probe" --store "$CERTS/roots.pem" --public-roots "$CERTS/roots.pem" \
        --watch 0.2 --state "$DIR/state" "$@" service.test; }
    watching "${to[@]}"
    wait_log watch '"verdict":"direct"' 20
    wait_for 20 test -s "$DIR/state"
    stop watch
    [[ $STOP_STATUS == 143 && $(wc -l <"$DIR/watch.log") == 1 ]]
    jq -e '.schema == "atls-probe-state/1" and (.targets | length) == 1' "$DIR/state"
    # Now another certificate is there: that is the only news.
    watching --connect-to "service.test:443:127.0.0.1:$ODD_PORT" --expect-ca "$CERTS/loop-b.pem"
    wait_log watch '"verdict":"undecided"' 20
    stop watch
    [[ $(wc -l <"$DIR/watch.log") == 1 ]]
    watching --connect-to "service.test:443:127.0.0.1:$ODD_PORT" --expect-ca "$CERTS/loop-b.pem" --known-keys "$DIR/keys"
    wait_for 20 test -s "$DIR/keys" # a round is done
    stop watch
    [[ ! -s $DIR/watch.log ]]
}

@test "--json and --watch fit their schema" {
    local schema=$ATLS_ROOT/man/atls-probe.schema.json file=$DIR/objects
    local to=(--connect-to "::127.0.0.1:$ODD_PORT")
    # Nothing there that is not in it, and all that is in it is there.
    probe --json --depth full --canary canary.test "${to[@]}" service.test evil.test loop.test long.test >"$file" || :
    probe --json --depth quick "127.0.0.1:$(free_port)" "127.0.0.1:$ODD_PORT" >>"$file" || :
    probe --json --depth quick --known-keys "$DIR/keys" --save "$DIR/saved" "${to[@]}" service.test evil.test >>"$file" || :
    probe --json --depth quick --known-keys "$DIR/keys" --baseline "$DIR/saved" "${to[@]}" evil.test >>"$file" || :
    start watch timeout 60 "$ATLS_BIN/atls-probe" --store "$CERTS/roots.pem" --public-roots "$CERTS/roots.pem" \
        --watch 0.2 "${to[@]}" service.test loop.test
    wait_for 20 _lines 2 "$DIR/watch.log"
    stop watch
    cat "$DIR/watch.log" >>"$file"
    run -0 "$PYTHON" "$ATLS_ROOT/tests/lib/json_schema.py" --closed "$schema" <"$file"
    [[ $output == 11 ]]
    # And it tells what does not fit.
    jq -c '.verdict = "perhaps"' "$DIR/watch.log" >"$file"
    run -1 "$PYTHON" "$ATLS_ROOT/tests/lib/json_schema.py" "$schema" <"$file"
    [[ $output == *'.verdict: perhaps' ]]
}

_lines() { (($(wc -l <"$2") >= $1)); }
