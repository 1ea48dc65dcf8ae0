#!/usr/bin/env bats
# The input forms of atls-dump, each written by the real program over a genuine session: they all give
# the bytes that the client's own capture has. `pieces` prints what a form gives.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

PIECES=$ATLS_ROOT/.build/plain/tests/lib/pieces
HAR_DUMP=/usr/share/doc/mitmproxy/examples/contrib/har_dump.py

# What start_retry starts.
# shellcheck disable=SC2034
_proxy() { # PORT UPSTREAM_URL
    COMMAND=(mitmdump --mode "reverse:$2" --listen-host 127.0.0.1 --listen-port "$1"
        --set "confdir=$DIR/mitmproxy" --set keep_host_header=true
        --save-stream-file "$DIR/flows" --scripts "$HAR_DUMP" --set "hardump=$DIR/session.har")
}

_capturing() { grep -qs 'istening on\|Capturing on\|File: ' "$DIR/$1.log"; }

# One session in each encoding, recorded by all at once, in $DIR/ENCODING.
record() { # ENCODING
    local DIR=$DIR/$1
    mkdir -p "$DIR/pids"
    start_backend echo
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/served"
    start_retry PROXY_PORT proxy _proxy "http://127.0.0.1:$SERVICE_PORT"
    start tcpdump tcpdump -i lo -U -w "$DIR/tcpdump.pcap" "tcp port $SERVICE_PORT"
    start dumpcap dumpcap -q -i lo -f "tcp port $SERVICE_PORT" -w "$DIR/dumpcap.pcapng"
    wait_for 20 _capturing tcpdump
    wait_for 20 _capturing dumpcap
    client --encoding "$1" --capture "$DIR/client" "http://127.0.0.1:$PROXY_PORT/" <"$IN" >"$DIR/out"
    cmp "$IN" "$DIR/out"
    stop proxy # which writes the HAR
    stop serve
    stop backend
    "$PIECES" -b "$DIR/client" >"$DIR/streams"
    wait_for 20 same_streams "$DIR/tcpdump.pcap"
    wait_for 20 same_streams "$DIR/dumpcap.pcapng"
    stop tcpdump
    stop dumpcap
}

setup_file() {
    begin_file
    make_pki
    export IN=$DIR/in RECORDS=$DIR
    seq 5000 >"$IN"
    record atls
    record octet-stream
    record json
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

encodings() { printf '%s\n' atls octet-stream json; }

# Whether FILE gives the streams of the client's own capture.
same_streams() { # FILE
    "$PIECES" -b "$1" 2>/dev/null | cmp -s - "$DIR/streams"
}

# expect_streams FILE: the same for the session of an encoding, and nothing is malformed.
expect_streams() { # ENCODING FILE
    run -0 --separate-stderr "$PIECES" -b "$2"
    [[ -z $stderr ]]
    diff <(cut -c1-200 "$RECORDS/$1/streams") <(cut -c1-200 <<<"$output")
    cmp "$RECORDS/$1/streams" - <<<"$output"
}

# The TLS bytes of a direction, out of the streams.
bytes_of() { # ENCODING DIRECTION
    sed -n "s/^1 $2 //p" "$RECORDS/$1/streams" | xxd -r -p
}

@test "the client's capture has both directions of one session, from hello to close" {
    local encoding
    for encoding in $(encodings); do
        [[ $(cut -d' ' -f1,2 "$RECORDS/$encoding/streams") == $'1 up\n1 down' ]]
        [[ $(bytes_of "$encoding" up | xxd -p -l 2) == 1603 ]]
        [[ $(bytes_of "$encoding" up | wc -c) -gt 23000 ]]
        jq -s -e '[.[] | select(.direction == "up") | .bytes] | add > 23000' "$RECORDS/$encoding/client/index.jsonl"
    done
}

@test "folder: what atls-serve captured" {
    local encoding
    for encoding in $(encodings); do expect_streams "$encoding" "$RECORDS/$encoding/served"; done
}

@test "pcap of tcpdump, pcapng of dumpcap and of editcap, repeated packets" {
    local encoding
    for encoding in $(encodings); do
        expect_streams "$encoding" "$RECORDS/$encoding/tcpdump.pcap"
        expect_streams "$encoding" "$RECORDS/$encoding/dumpcap.pcapng"
        editcap -F pcapng "$RECORDS/$encoding/tcpdump.pcap" "$DIR/edited"
        expect_streams "$encoding" "$DIR/edited"
        editcap -F nsecpcap "$RECORDS/$encoding/tcpdump.pcap" "$DIR/edited"
        expect_streams "$encoding" "$DIR/edited"
        mergecap -w "$DIR/merged" "$RECORDS/$encoding/tcpdump.pcap" "$RECORDS/$encoding/dumpcap.pcapng"
        expect_streams "$encoding" "$DIR/merged"
    done
}

@test "pcap: the number of a connection is tshark's, a session's times are the packets'" {
    local file=$RECORDS/atls/tcpdump.pcap stream
    run -0 --separate-stderr "$PIECES" "$file"
    [[ $(grep -o 'exchange=[0-9]*' <<<"$output" | uniq | head -n 2 | xargs) == 'exchange=1 exchange=2' ]]
    # The first request's first byte came in a packet of that time.
    [[ $(tshark -r "$file" -Y 'tcp.len > 0' -T fields -e frame.time_epoch 2>/dev/null | head -n 1 | cut -c1-17 | tr -d .) \
        == "$(sed -n '1s/.* time=\([0-9]*\) .*/\1/p' <<<"$output")" ]]
    # The body stands where the piece says.
    stream=$(sed -n '1s/.* offset=\([0-9]*\) len=\([0-9]*\).*/\1 \2/p' <<<"$output")
    tail -c "+$((${stream% *} + 1))" "$file" | head -c "${stream#* }" | cmp - <(bytes_of atls up | head -c "${stream#* }")
}

@test "pcap: packets cut short are told, and what is known of a stream has its place" {
    tcpdump -r "$RECORDS/atls/tcpdump.pcap" -w "$DIR/whole" 2>/dev/null
    editcap -s 400 "$DIR/whole" "$DIR/short"
    run -1 --separate-stderr "$PIECES" "$DIR/short"
    [[ $stderr == *'expected the next bytes of a TCP connection, found a gap of '*' bytes in 127.0.0.1:'* ]]
    [[ $(wc -l <<<"$output") -ge 4 ]]
}

@test "mitmproxy's flows" {
    local encoding
    for encoding in $(encodings); do expect_streams "$encoding" "$RECORDS/$encoding/flows"; done
}

@test "a HAR by mitmproxy's own exporter" {
    local encoding
    for encoding in $(encodings); do
        jq -e '.log.entries | length >= 2' "$RECORDS/$encoding/session.har"
        expect_streams "$encoding" "$RECORDS/$encoding/session.har"
    done
}

@test "raw bytes, on standard input too, and through every dump of them" {
    local direction want name
    for direction in up down; do
        bytes_of atls "$direction" >"$DIR/raw"
        want="1 unknown $(xxd -p "$DIR/raw" | tr -d '\n')"
        xxd "$DIR/raw" >"$DIR/xxd"
        xxd -p "$DIR/raw" >"$DIR/xxd-p"
        xxd -p "$DIR/raw" | tr -d '\n' >"$DIR/xxd-p-one-line"
        xxd -i "$DIR/raw" | sed '1d;$d' | sed '$d' >"$DIR/xxd-i"
        xxd -c 32 -g 4 "$DIR/raw" >"$DIR/xxd-g"
        hexdump -C "$DIR/raw" >"$DIR/hexdump-C"
        od -A x -t x1 -v "$DIR/raw" | sed 's/^/0/' >"$DIR/od"
        base64 "$DIR/raw" >"$DIR/base64"
        base64 -w 0 "$DIR/raw" >"$DIR/base64-one-line"
        basenc --base64url "$DIR/raw" | tr -d = >"$DIR/base64url"
        {
            printf -- '-----BEGIN TLS-----\n'
            openssl base64 -in "$DIR/raw"
            printf -- '-----END TLS-----\n'
        } >"$DIR/pem"
        for name in raw xxd xxd-p xxd-p-one-line xxd-i xxd-g hexdump-C od base64 base64-one-line base64url pem; do
            run -0 --separate-stderr "$PIECES" -b "$DIR/$name"
            [[ $output == "$want" && -z $stderr ]] || {
                echo "$direction $name: ${output:0:300} $stderr"
                false
            }
            cmp <("$PIECES" -b - <"$DIR/$name") <(printf '%s\n' "$want")
        done
    done
}

@test "hexdump's stars are filled in" {
    { printf '\x17\x03\x03\x40\x00' && head -c 300 /dev/zero && printf end; } >"$DIR/raw"
    hexdump -C "$DIR/raw" >"$DIR/hexdump"
    xxd -a "$DIR/raw" >"$DIR/xxd"
    grep -qx '\*' "$DIR/hexdump"
    grep -qx '\*' "$DIR/xxd"
    cmp <("$PIECES" -b "$DIR/hexdump") <("$PIECES" -b "$DIR/raw")
    cmp <("$PIECES" -b "$DIR/xxd") <("$PIECES" -b "$DIR/raw")
}

@test "json bodies: one behind the other, a line each, amid a log" {
    local bodies direction name
    mapfile -t bodies < <(jq -r .file "$RECORDS/json/client/index.jsonl")
    bodies=("${bodies[@]/#/$RECORDS/json/client/}")
    cat "${bodies[@]}" >"$DIR/joined"
    jq -c . "${bodies[@]}" >"$DIR/lines"
    sed 's/^/2026-11-25 12:00:00 [info] "body" /' "$DIR/lines" >"$DIR/log"
    jq . "${bodies[@]}" >"$DIR/pretty"
    # Which way later bodies went, nothing tells: all of one session, in order.
    for name in joined lines log pretty; do
        run -0 --separate-stderr "$PIECES" "$DIR/$name"
        [[ -z $stderr ]]
        [[ $(grep -o '^session=[^ ]*' <<<"$output" | sort -u | wc -l) == 1 ]]
        [[ $(grep -o 'direction=[a-z]*' <<<"$output" | head -n 2 | xargs) == 'direction=up direction=down' ]]
        diff <(grep -o ' len=[0-9]*' <<<"$output") \
            <("$PIECES" "$RECORDS/json/client" | grep -o ' len=[0-9]*')
    done
}

@test "curl: --trace has both directions, -i the answer" {
    local encoding type
    start_backend echo
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/served"
    for encoding in atls json; do
        type=application/atls
        if [[ $encoding == json ]]; then type+=+json; fi
        curl -sS -i --trace-time --trace "$DIR/$encoding.trace" --header "Content-Type: $type" \
            --data-binary "@$RECORDS/$encoding/client/000001-up.body" -o "$DIR/$encoding.http" \
            "http://127.0.0.1:$PORT/atls"
    done
    "$PIECES" -b "$DIR/served" >"$DIR/streams"
    [[ $(cut -d' ' -f1,2 "$DIR/streams" | xargs) == '1 up 1 down 2 up 2 down' ]]
    cmp <("$PIECES" -b "$DIR/atls.trace") <(head -n 2 "$DIR/streams")
    cmp <("$PIECES" -b "$DIR/json.trace") <(tail -n 2 "$DIR/streams" | sed 's/^2/1/')
    cmp <("$PIECES" -b "$DIR/atls.http") <(sed -n 2p "$DIR/streams")
    cmp <("$PIECES" -b "$DIR/json.http") <(sed -n '4s/^2/1/p' "$DIR/streams")
    run -0 --separate-stderr "$PIECES" "$DIR/atls.trace"
    [[ $output == *'direction=up'*'method=POST path=/atls type=application/atls status=0'*'direction=down'*'status=200'* ]]
    curl -sS --trace-ascii "$DIR/ascii" --data-binary hello -o "$DIR/none" "http://127.0.0.1:$PORT/atls"
    run -1 --separate-stderr "$PIECES" "$DIR/ascii"
    [[ $stderr == *'expected bytes in hex, as of curl --trace, found '* ]]
}

@test "curl through a server that chunks and zips" {
    start_backend echo
    start_serve PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/served"
    start_retry FRONT_PORT front _zipping "$PORT"
    start tcpdump tcpdump -i lo -U -w "$DIR/pcap" "tcp port $FRONT_PORT"
    wait_for 20 _capturing tcpdump
    curl -sS -i --trace "$DIR/trace" --header 'Content-Type: application/atls+json' --header 'Accept-Encoding: gzip' \
        --header 'Transfer-Encoding: chunked' --data-binary "@$RECORDS/json/client/000001-up.body" -o "$DIR/http" \
        "http://127.0.0.1:$FRONT_PORT/atls"
    grep -aqi '^Content-Encoding: gzip' "$DIR/http"
    grep -aqi '^Transfer-Encoding: chunked' "$DIR/http"
    "$PIECES" -b "$DIR/served" >"$DIR/streams"
    [[ $(wc -l <"$DIR/streams") == 2 ]]
    cmp <("$PIECES" -b "$DIR/trace") "$DIR/streams"
    cmp <("$PIECES" -b "$DIR/http") <(sed -n 2p "$DIR/streams")
    wait_for 20 same_streams "$DIR/pcap"
}

# shellcheck disable=SC2034
_zipping() { # PORT UPSTREAM_PORT
    local dir=$DIR/nginx
    mkdir -p "$dir"
    printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;' \
        "$(if ((EUID == 0)); then echo 'user root;'; fi)" 'events { worker_connections 64; }' \
        "http { access_log off; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;" \
        "client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;" \
        "uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;" \
        "server { listen 127.0.0.1:$1; location / { proxy_pass http://127.0.0.1:$2; } } }" >"$dir/conf"
    COMMAND=(nginx -c "$dir/conf" -e stderr)
}

@test "--from insists, and what is no capture is said to be none" {
    printf 'Dear Sir,\n' >"$DIR/letter"
    run -2 --separate-stderr "$PIECES" "$DIR/letter"
    [[ $stderr == *': no form of a capture is recognised' ]]
    run -1 --separate-stderr "$PIECES" --from hex "$DIR/letter"
    [[ $stderr == 'at 0: expected hex digits, found Dear Sir,' ]]
    mkdir "$DIR/empty"
    run -2 --separate-stderr "$PIECES" "$DIR/empty"
    [[ $stderr == *"is no capture of atls-client or atls-serve: index.jsonl: No such file or directory" ]]
    : >"$DIR/nothing"
    run -0 --separate-stderr "$PIECES" "$DIR/nothing"
    [[ -z $output$stderr ]]
}

@test "folder: an index that lies reads no other file" {
    printf 'secret' >"$DIR/secret"
    mkdir "$DIR/folder"
    ln -s "$DIR/secret" "$DIR/folder/link"
    {
        printf '{"request":1,"direction":"up","file":"../secret"}\n'
        printf '{"request":2,"direction":"up","file":"link"}\n'
        printf '{"request":3,"direction":"up","file":"none"}\n'
        printf '{"request":4}\nno json\n'
    } >"$DIR/folder/index.jsonl"
    run -1 --separate-stderr "$PIECES" "$DIR/folder"
    [[ $stderr == *"found '../secret': not a name"*"found 'link': "*"found 'none': No such file"*'expected an entry of atls-capture/1'*'expected a line of JSON'* ]]
    [[ $output != *secret* ]]
}

@test "memory stays flat on a long input of each streaming form" {
    local form
    for form in raw hex base64 json; do
        run -0 --separate-stderr timeout 100 "$PYTHON" -c '
import base64, json, resource, subprocess, sys
form, pieces = sys.argv[1:]
record = b"\x17\x03\x03\x40\x00" + bytes(16384)
block = {"raw": record * 4, "hex": (record.hex() + "\n").encode() * 2, "base64": base64.b64encode(record * 3),
    "json": b"{\"session\": \"S\", \"records\": \"" + base64.b64encode(record) + b"\"}\n"}[form]
child = subprocess.Popen([pieces, "-n", "-"], stdin=subprocess.PIPE)
for _ in range(64 * 1024 * 1024 // len(block)):
    child.stdin.write(block)
child.stdin.close()
print(child.wait(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$form" "$PIECES"
        echo "$form: $output"
        [[ ${output% *} == 0 && ${output#* } -lt 20000 ]]
    done
}
