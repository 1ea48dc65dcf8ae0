#!/usr/bin/env bash
# The two independent peers against each other: TAP on standard output, exit status 1 if anything failed.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-/usr/bin/python3}
tmp=$(mktemp -d)
pids=()
count=0
failed=0

cleanup() {
    if ((${#pids[@]})); then
        kill "${pids[@]}" 2>/dev/null
        wait "${pids[@]}" 2>/dev/null
    fi
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# result STATUS NAME: a line of TAP; on failure what the peers said follows.
result() {
    count=$((count + 1))
    if (($1 == 0)); then
        printf 'ok %d - %s\n' "$count" "$2"
    else
        failed=$((failed + 1))
        printf 'not ok %d - %s\n' "$count" "$2"
        sed 's/^/# client: /' "$tmp/said" 2>/dev/null
        sed 's/^/# server: /' "$tmp/served" 2>/dev/null
    fi
}

# serve OPTIONS...: starts a server; leaves its port in $port and its violations in $tmp/violations.
serve() {
    rm -f "$tmp/port" "$tmp/violations"
    mkfifo "$tmp/port"
    : >"$tmp/violations"
    "$python" "$here/atls_peer_server.py" --cert "$tmp/leaf.pem" --key "$tmp/leaf.key" --port-file "$tmp/port" \
        --violations "$tmp/violations" "$@" 2>"$tmp/served" &
    pids+=($!)
    exec 3<>"$tmp/port"
    if ! read -r -t 20 port <&3; then
        echo "Bail out! the server did not start"
        cat "$tmp/served" >&2
        exit 1
    fi
    exec 3>&-
}

# stop: ends the server that serve() started last; false unless it ended with 0.
stop() {
    local pid=${pids[-1]}
    unset 'pids[-1]'
    kill "$pid" && wait "$pid"
}

# client URL OPTIONS...: output in $tmp/out, words in $tmp/said.
client() {
    "$python" "$here/atls_peer_client.py" "$@" --cacert "$tmp/ca.pem" --servername service.test --count \
        --out "$tmp/out" 2>"$tmp/said"
}

same() { [[ $(sha256sum <"$1") == "$(sha256sum <"$2")" ]]; }
clean() { [[ ! -s $tmp/violations ]]; }

# ends CODE SERVER-OPTIONS -- CLIENT-OPTIONS: a short echo ends with this exit code.
ends() {
    local want=$1 options=()
    shift
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    serve "${options[@]}"
    client "http://127.0.0.1:$port" --in "$tmp/short" --half-close "$@"
    local got=$?
    echo "(exit code $got)" >>"$tmp/said"
    [[ $got == "$want" ]] && clean && stop && { [[ $want != 0 ]] || same "$tmp/short" "$tmp/out"; }
    local status=$? words="server ${options[*]-}, client $*"
    result "$status" "exit code $want: ${words//"$tmp/"/}"
}

certificate() { # NAME SUBJECT-ALTERNATIVE-NAME
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -addext "subjectAltName=$2" \
        -keyout "$tmp/$1.key" -out "$tmp/$1.csr" 2>/dev/null &&
        openssl x509 -req -in "$tmp/$1.csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -days 2 -copy_extensions copy \
            -out "$tmp/$1.pem" 2>/dev/null
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=test CA" -days 2 \
    -keyout "$tmp/ca.key" -out "$tmp/ca.pem" 2>/dev/null &&
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=other CA" -days 2 \
        -keyout "$tmp/other.key" -out "$tmp/other.pem" 2>/dev/null &&
    certificate leaf DNS:service.test && certificate user DNS:user.test && certificate outer IP:127.0.0.1 &&
    head -c 1048576 /dev/urandom >"$tmp/big" && echo "a few words" >"$tmp/short"
[[ -s $tmp/short ]] || {
    echo "Bail out! no certificates"
    exit 1
}

for scheme in http https; do
    outer=()
    strict=()
    if [[ $scheme == https ]]; then
        outer=(--outer-cert "$tmp/outer.pem" --outer-key "$tmp/outer.key")
        strict=(--outer-cacert "$tmp/ca.pem" --expect-secure)
    fi
    serve "${outer[@]}"
    for encoding in json octet-stream atls; do
        for tls in 1.2 1.3; do
            client "$scheme://127.0.0.1:$port" "${strict[@]}" --encoding "$encoding" --tls "$tls" --in "$tmp/big" \
                --expect-bytes 1048576 && same "$tmp/big" "$tmp/out" && clean &&
                grep -q " first_data=$([[ $tls == 1.2 ]] && echo 3 || echo 2)$" "$tmp/said"
            result $? "echo of 1 MiB, $encoding, TLS $tls, $scheme"
        done
    done
    stop && clean
    result $? "server over $scheme ended with 0"
done

serve --app hash
for encoding in json octet-stream atls json-as-atls; do
    for tls in 1.2 1.3; do
        client "http://127.0.0.1:$port/atls" --encoding "$encoding" --tls "$tls" --in "$tmp/big" --cut 1000 --half-close &&
            [[ $(<"$tmp/out") == "$(sha256sum <"$tmp/big" | cut -d ' ' -f 1)" ]] && clean
        result $? "bodies of 1000 bytes, $encoding, TLS $tls, to a hash"
    done
done
stop

serve
for encoding in json octet-stream atls; do
    client "http://127.0.0.1:$port" --encoding "$encoding" --in "$tmp/big" --repeat --expect-bytes 1048576 &&
        same "$tmp/big" "$tmp/out" && clean
    result $? "every request twice, $encoding"
    client "http://127.0.0.1:$port" --encoding "$encoding" --in "$tmp/short" --cut 1 --half-close &&
        same "$tmp/short" "$tmp/out" && clean
    result $? "byte by byte, $encoding"
done
stop

serve --app "send:$tmp/big" --hold 0.2
client "http://127.0.0.1:$port" --in /dev/null && same "$tmp/big" "$tmp/out" && clean && stop
result $? "a file sent by the server, which closes first"
serve --app greet:welcome --hold 0.2 --tls 1.2
client "http://127.0.0.1:$port" --in /dev/null --expect-bytes 7 && [[ $(<"$tmp/out") == welcome ]] && clean && stop
result $? "the server speaks first"

ends 0 --cacert "$tmp/ca.pem" -- --cert "$tmp/user.pem" --key "$tmp/user.key"
ends 4 --cacert "$tmp/ca.pem" -- --tls 1.3
ends 4 --cacert "$tmp/ca.pem" -- --tls 1.2
ends 4 --cert "$tmp/other.pem" --key "$tmp/other.key" -- --encoding json
ends 4 --cert "$tmp/user.pem" --key "$tmp/user.key" --
ends 4 --tls 1.2 -- --tls 1.3
ends 3 --delay 5 -- --timeout 0.5
ends 0 --encodings json --strict-json -- --encoding json
ends 5 --encodings json,atls -- --encoding octet-stream
ends 5 --misbehave html200 --
ends 3 --misbehave status:503 --
ends 5 --misbehave status:302 --
ends 3 --misbehave status-after:2:429 --
ends 5 --misbehave 422-after:2 -- --encoding json
ends 5 --misbehave no-session --
ends 5 --misbehave no-session -- --encoding json
ends 5 --misbehave truncate-tls --
for k in 1 2 3; do
    ends 0 --misbehave lose-answer:$k -- --tls 1.2
done
ends 4 --misbehave alert:1 --
ends 4 --misbehave alert:2 -- --encoding json
ends 5 --misbehave gzip --
ends 5 --misbehave strip-cookie --
ends 0 --misbehave strip-cookie -- --encoding json
ends 5 --max-body 10 --

echo "1..$count"
((failed == 0))
