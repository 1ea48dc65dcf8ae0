#!/usr/bin/env bats
# atls-dump: what it says of sessions that openssl, GnuTLS and our own tools made. That the forms of
# input are read is in dump-input.bats.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..
. "$root/tests/lib/common.bash"
. "$root/tests/lib/tls_samples.bash"

dump=$root/bin/atls-dump
sample=$root/tests/data/rfc8448

setup_file() {
    use_dir "$BATS_FILE_TMPDIR"
    tls_samples
    mkdir "$DIR/www"
    head -c 3000 /dev/urandom >"$DIR/www/file"
    make_cert ca service localhost
    start_app "$DIR/www"
    start_tool SERVICE service "$root/bin/atls-serve" -l 127.0.0.1:0 --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" -b "127.0.0.1:$APP_PORT"
    for encoding in json octet-stream atls; do
        for version in 1.2 1.3; do
            printf 'GET /file HTTP/1.0\r\n\r\n' | SSLKEYLOGFILE=$DIR/tool.keys "$root/bin/atls-client" -q --carriage base \
                --encoding $encoding --tls-max $version --capture "$DIR/$encoding-$version" \
                --cacert "$CERTS/ca.pem" "http://localhost:$SERVICE/" >"$DIR/$encoding-$version.got"
        done
    done
    printf 'GET /file HTTP/1.0\r\n\r\n' | SSLKEYLOGFILE=$DIR/tool.keys "$root/bin/atls-client" -q --carriage stream \
        --capture "$DIR/stream" --cacert "$CERTS/ca.pem" "http://localhost:$SERVICE/" >"$DIR/stream.got"
}

teardown_file() { stop_all; }

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# The records of an RFC 8448 handshake in the order in which they were sent.
rfc8448() { # NAME
    local side offset len file
    while read -r side offset len; do
        file=$([[ $side == c ]] && echo client.bin || echo server.bin)
        tail -c +$((offset + 1)) "$sample/$1/$file" | head -c "$len"
    done <"$sample/$1/segments"
}

# ---- beside others ------------------------------------------------------------------------------

@test "it agrees with tshark on sessions of openssl and GnuTLS, field by field" {
    run -0 python3 "$root/tests/lib/compare_tshark.py" "$DIR/all.pcap" "$DIR/keys" "$dump"
    echo "# $output" >&3
}

@test "every sample is opened, but for the suite that GnuTLS does not have" {
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --fields session,seal,content_type "$DIR/all.pcap"
    (($(wc -l <<<"$output") > 200))
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --sessions --json "$DIR/all.pcap"
    run -0 jq -r 'select(.end != "closed") | .cipher_suite.name' <<<"$output"
    [[ $output == TLS_RSA_WITH_ARIA_128_GCM_SHA256 ]]
}

@test "what was said is what is opened" {
    local number=0 name
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --plaintext plain --sessions --json "$DIR/all.pcap"
    while read -r name; do
        number=$((number + 1))
        name=${name%.example}
        [[ $name != ARIA* ]] || continue
        file=$(printf 'plain/%06d-up.bin' "$number")
        grep -qx "hello $name" "$file"
        if [[ $name == g1* ]]; then
            grep -aq "hello $name" "${file/up/down}"
        else
            grep -aqx "$(rev <<<"hello $name")" "${file/up/down}"
        fi
    done < <(jq -r .name <<<"$output")
    ((number > 30))
}

@test "a key update and what comes behind it are opened" {
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --fields message,seal "$DIR/all.pcap"
    grep -q $'^key_update\topened' <<<"$output"
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --plaintext plain -q "$DIR/all.pcap"
    grep -aqx 'again v13-update' plain/*-up.bin
}

@test "certificates are those that were sent" {
    "$dump" --keylog "$DIR/keys" --certs certs "$DIR/all.pcap" >all
    local name digest
    for name in ecdsa rsa ed25519 chain; do
        digest=$(openssl x509 -in "$CERTS/$name.pem" -outform DER | sha256sum | cut -d' ' -f1)
        run -0 openssl x509 -in "certs/$digest.pem" -noout -subject
        [[ $output == *"CN = $name" ]]
    done
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --json "$DIR/all.pcap"
    run -0 jq -rs '[.[].messages[]? | .certificates[]? | select(.subject == "CN=chain")][0]
        | .alternative_names[59].value, .issuer, .key.pin' <<<"$output"
    [[ ${lines[0]} == host60.example && ${lines[1]} == CN=middle ]]
    pin=$(openssl x509 -in "$CERTS/chain.pem" -noout -pubkey | openssl pkey -pubin -outform DER |
        openssl dgst -sha256 -binary | base64)
    [[ ${lines[2]} == "sha256//$pin" ]]
}

# ---- our own sessions -----------------------------------------------------------------------------

@test "sessions of atls-client and atls-serve read right in each encoding, and --check passes" {
    local encoding version
    for encoding in json octet-stream atls; do
        for version in 1.2 1.3; do
            capture=$DIR/$encoding-$version
            run -0 --separate-stderr "$dump" --check --keylog "$DIR/tool.keys" "$capture"
            [[ -z $output && -z $stderr ]]
            run -0 --separate-stderr "$dump" --check "$capture"
            run -0 --separate-stderr "$dump" --keylog "$DIR/tool.keys" --plaintext "plain-$encoding-$version" \
                --sessions --json "$capture"
            [[ $(jq -r '.version.name, .name, .end' <<<"$output") == "TLS $version"$'\nlocalhost\nclosed' ]]
            cmp "plain-$encoding-$version/000001-down.bin" "$DIR/$encoding-$version.got"
            [[ $(<"plain-$encoding-$version/000001-up.bin") == $'GET /file HTTP/1.0\r\n\r' ]]
        done
    done
}

@test "--check finds each planted deviation, and none in the good ones" {
    local file name count=0
    python3 "$root/tests/lib/deviate.py" "$DIR/atls-1.3" .
    cat "$DIR/tool.keys" >>keys
    for file in good.*.har; do
        run -0 --separate-stderr "$dump" --check --keylog keys "$file"
        [[ -z $output ]]
    done
    for file in *.har; do
        name=${file%%.*}
        [[ $name != good ]] || continue
        run -1 --separate-stderr "$dump" --check --keylog keys "$file"
        [[ -z $stderr ]]
        grep -q ": $name: " <<<"$output" || { echo "# $file: $output" && false; }
        run -1 --separate-stderr "$dump" --check --json --keylog keys "$file"
        jq -se --arg rule "$name" 'any(.finding == $rule and .text and .input)' <<<"$output" >/dev/null
        count=$((count + 1))
    done
    ((count >= 80))
    # Each rule of the manual page is planted; id_changed below, in another form.
    run -0 diff <(find . -name '*.har' ! -name 'good.*' -printf '%f\n' | cut -d. -f1 | sort -u) \
        <(sed -n '/^.Sh CHECKS/,/^.Sh JSON/s/^\.Cm //p' "$root/man/atls-dump.1" | tr -d ' .' | tr , '\n' |
            grep -v -e '^$' -e '^id_changed$' | sort -u)
}

@test "--check finds requests that did not wait for their answer" {
    cp -r "$DIR/json-1.2" both
    # The second request stands before the first answer.
    awk 'NR == 2 { held = $0; next } { print } NR == 3 { print held }' "$DIR/json-1.2/index.jsonl" >both/index.jsonl
    run -1 --separate-stderr "$dump" --check both
    [[ $output == *': concurrent: '* ]]
}

@test "--check finds another id in a session of stream carriage" {
    cp -r "$DIR/stream" other
    run -0 --separate-stderr "$dump" --check --keylog "$DIR/tool.keys" other
    [[ -z $output ]]
    sed -E '3s/id=(\\")[^\\]*/id=\10123456789abcdefghijkl/' "$DIR/stream/index.jsonl" >other/index.jsonl
    run -1 cmp -s "$DIR/stream/index.jsonl" other/index.jsonl
    run -1 --separate-stderr "$dump" --check --keylog "$DIR/tool.keys" other
    [[ $output == *': id_changed: '* ]]
}

# ---- views ----------------------------------------------------------------------------------------

@test "a line a record, by default" {
    rfc8448 simple-1rtt >in
    run -0 --separate-stderr "$dump" --keylog "$sample/simple-1rtt/keylog.txt" in
    [[ ${#lines[@]} == 9 && -z $stderr ]]
    [[ ${lines[0]} == 'up   @0 '*' client_hello name=server version=TLS 1.3 ja4=t13d'* ]]
    [[ ${lines[2]} == 'down @296 '*' encrypted_extensions, certificate, certificate_verify, finished' ]]
    [[ ${lines[7]} == *' alert 2, warning close_notify' ]]
    run -0 --separate-stderr "$dump" - <in
    [[ ${lines[0]} == 'up   @0 '* && ${lines[3]} == '?    @975 '*' sealed' ]]
}

@test "-v has the fields and their offsets, -vv all bytes" {
    rfc8448 client-auth >in
    run -0 --separate-stderr "$dump" -v --keylog "$sample/client-auth/keylog.txt" in
    grep -qx '        server_name (0)  15 bytes  @56  body +56' <<<"$output"
    [[ $(tail -c +57 in | head -c 15 | tail -c 6) == server ]]
    grep -qx '          subject: CN=ecdsa256' <<<"$output"
    grep -q '\.\.\. 71 bytes$' <<<"$output"
    run -0 --separate-stderr "$dump" -vv --keylog "$sample/client-auth/keylog.txt" in
    run ! grep -q '\.\.\. [0-9]* bytes$' <<<"$output"
}

@test "offsets of messages split over records are those of their bytes" {
    python3 - "$sample/simple-1rtt/client.bin" <<'PY'
import sys
body = open(sys.argv[1], "rb").read()[5:201]
with open("in", "wb") as out:
    for at in range(0, len(body), 20):
        part = body[at:at + 20]
        out.write(b"\x16\3\1" + len(part).to_bytes(2, "big") + part)
PY
    run -0 --separate-stderr "$dump" --json in
    run -0 jq -r '.messages[]? | .extensions[] | "\(.type.code) \(.offset)"' <<<"$output"
    [[ ${#lines[@]} == 9 ]]
    while read -r code offset; do
        [[ $(tail -c +$((offset + 1)) in | head -c 1 | od -An -tu1 | tr -d ' ') == $((code >> 8)) ]]
    done <<<"$output"
}

@test "JSON fits its schema" {
    local options
    for options in --json '--json --sessions' "--json --keylog $DIR/keys" '--json --check'; do
        # shellcheck disable=SC2086  # words
        "$dump" $options "$DIR/all.pcap" || true
    done >lines
    run -0 python3 "$root/tests/lib/json_schema.py" "$root/man/atls-dump.schema.json" <lines
    ((output > 500))
}

@test "fields: by name and by way, and only lines that have them" {
    rfc8448 simple-1rtt >in
    run -0 --separate-stderr "$dump" --fields offset,client_hello.supported_groups.groups,name,ja4 in
    [[ ${#lines[@]} == 1 ]]
    [[ $output == $'0\tx25519,secp256r1,secp384r1,secp521r1,ffdhe2048,ffdhe3072,ffdhe4096,ffdhe6144,ffdhe8192\tserver\tt13d'* ]]
    run -0 --separate-stderr "$dump" --fields offset,length in
    [[ ${#lines[@]} == 9 && ${lines[8]} == $'1428\t19' ]]
    run -2 --separate-stderr "$dump" --fields offset,nonsense in
    [[ $stderr == *"'nonsense' is no field"* ]]
}

@test "the ladder, as text and as SVG" {
    run -0 --separate-stderr "$dump" --ladder --keylog "$DIR/tool.keys" "$DIR/json-1.3"
    [[ ${lines[0]} == 'session '* && ${lines[1]} == ' client'*' server' ]]
    [[ ${lines[2]} == '   |  client_hello name=localhost version=TLS 1.3 '*'|' ]]
    [[ ${lines[3]} =~ ^\ \ \ \|-+\ [0-9]+\ bytes,\ exchange\ 1\ -+\>\|$ ]]
    grep -qE '^   \|<-+ [0-9]+ bytes, exchange 2( to 3)? -+\|$' <<<"$output"
    grep -qE '\|  \+0\.[0-9]{6} s$' <<<"$output"
    "$dump" --svg --keylog "$DIR/tool.keys" "$DIR/json-1.3" >picture.svg
    python3 -c 'import sys, xml.dom.minidom as x
d = x.parse(sys.argv[1])
assert len(d.getElementsByTagName("text")) > 10 and d.documentElement.tagName == "svg"' picture.svg
}

@test "--records gives the streams of TLS back" {
    rfc8448 simple-1rtt >in
    "$dump" -q --keylog "$sample/simple-1rtt/keylog.txt" --records out in >all
    cmp out/000001-up.bin "$sample/simple-1rtt/client.bin"
    cmp out/000001-down.bin "$sample/simple-1rtt/server.bin"
}

# ---- hostile and broken ---------------------------------------------------------------------------

@test "what is malformed is told with its place, and reading goes on" {
    { printf '\x15\3\3\0\2\2\x28'; printf 'JUNK'; printf '\x15\3\3\0\2\2\x50\x15\3\3\0\2\2\x50'; } >in
    run -1 --separate-stderr "$dump" in
    [[ ${#lines[@]} == 3 && ${lines[2]} == *'fatal internal_error' ]]
    [[ $stderr == *': at 7: expected the header of a TLS record, found 4a 55 4e 4b 15' ]]
    run -1 --separate-stderr "$dump" -q in
    [[ -z $stderr ]]
    head -c 150 "$sample/simple-1rtt/client.bin" >in
    run -1 --separate-stderr "$dump" in
    [[ $output == *'cut: 51 bytes are missing' ]]
}

@test "what a peer chose does not reach the terminal as it is" {
    python3 - "$sample/simple-1rtt/client.bin" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()[:201]
open("in", "wb").write(data.replace(b"server", b"\x1b[31\xff\n"))
PY
    for view in '' -v --json --sessions --ladder --svg '--fields name'; do
        # shellcheck disable=SC2086
        "$dump" $view in >out
        run ! grep -qaP '\x1b|\xff' out
        grep -qaF '[31' out
    done
    run -0 jq -r '.messages[0].extensions[0].names[0].name' < <("$dump" --json in)
    [[ $output == $'\x1b[31\\xff' ]]
}

@test "prefixes of captures are decoded by every view without a crash" {
    local len size status
    size=$(stat -c %s "$DIR/all.pcap")
    for ((len = 0; len < size; len += 1499)); do
        head -c "$len" "$DIR/all.pcap" >in
        for view in -v --json --check; do
            status=0
            "$dump" -q $view --keylog "$DIR/keys" in >out 2>err || status=$?
            ((status <= 1)) || { echo "# $len $view: $status $(<err)" && false; }
        done
    done
}

@test "memory stays flat" {
    head -c 20000000 /dev/zero | tr '\0' '\27' >zeros
    python3 - <<'PY'
record = b"\x17\3\3\x40\0" + bytes(16384)
with open("in", "wb") as out:
    for _ in range(4000):
        out.write(record)
hello = b"\x16\3\1\0\x2f\1\0\0\x2b\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0\0\0"
with open("hellos", "wb") as out:
    out.write(hello * 300000)
PY
    python3 - "$dump" <<'PY'
import os, resource, subprocess, sys
for name, status in (("in", 0), ("zeros", 1), ("hellos", 0)):
    done = subprocess.run([sys.argv[1], "--from", "raw", "-q", name], stdout=subprocess.DEVNULL)
    assert done.returncode == status, (name, done.returncode)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert peak < 16384, f"{peak} KiB"
PY
}

@test "the manual page's examples do what they say" {
    local line count=0
    rfc8448 simple-1rtt >capture.bin
    cat "$sample/simple-1rtt/keylog.txt" "$DIR/tool.keys" >keys.log
    cp -r "$DIR/json-1.3" capture && cp "$DIR/all.pcap" capture.pcap
    while read -r line; do
        run -0 --separate-stderr env PATH="$root/bin:$PATH" bash -c "$line"
        [[ -z $stderr ]]
        [[ $line == *--check* || -n $output ]]
        count=$((count + 1))
    done < <(sed -n 's/^\$ \(atls-dump .*\)/\1/p' "$root/man/atls-dump.1")
    ((count == 6))
}

@test "wrong usage and local faults have their codes" {
    run -2 --separate-stderr "$dump" --json -v x
    run -2 --separate-stderr "$dump" --plaintext d x
    run -2 --separate-stderr "$dump" --check --ladder x
    run -6 --separate-stderr "$dump" nowhere
    [[ $stderr == *nowhere* ]]
    run -6 --separate-stderr "$dump" --keylog nowhere "$sample/simple-1rtt/client.bin"
    run -6 --separate-stderr bash -c "'$dump' '$sample/simple-1rtt/client.bin' >/dev/full"
    [[ $stderr == *'standard output'* ]]
}
