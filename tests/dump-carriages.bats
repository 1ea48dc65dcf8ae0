#!/usr/bin/env bats
# atls-dump on sessions of atls-client and atls-serve in each carriage and encoding, as both captured
# them and as tcpdump did: --check passes, and what was said is what is opened.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

dump=$ATLS_ROOT/bin/atls-dump

_capturing() { grep -qs 'istening on' "$DIR/tcpdump.log"; }

setup_file() {
    local carriage encoding
    begin_file
    make_pki
    export IN=$DIR/in RECORDS=$DIR
    seq 20000 >"$IN"
    start_backend echo
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/served"
    start tcpdump tcpdump -i lo -U -B 16384 -w "$DIR/all.pcap" "tcp port $SERVICE_PORT"
    wait_for 20 _capturing
    while read -r carriage encoding; do
        SSLKEYLOGFILE=$DIR/keys client --carriage "$carriage" --encoding "$encoding" \
            --capture "$DIR/$carriage-$encoding" "http://127.0.0.1:$SERVICE_PORT/" <"$IN" >"$DIR/out"
        cmp "$IN" "$DIR/out"
    done < <(ways)
    stop serve
    # The last packets are the end of the last connection.
    wait_for 20 all_recorded
    stop tcpdump
    stop backend
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

ways() { printf '%s\n' {base,stream}' '{json,octet-stream,atls} 'ws atls'; }

all_recorded() {
    [[ $("$dump" --keylog "$RECORDS/keys" --sessions --json "$RECORDS/all.pcap" 2>/dev/null |
        jq -s 'map(select(.up.close_notify and .down.close_notify)) | length') == 7 ]]
}

# Both directions of one session, whole.
expect_said() { # PLAINTEXT_NAME
    cmp "$IN" "$1-up.bin"
    cmp "$IN" "$1-down.bin"
}

@test "what the client captured passes --check in each carriage and encoding, and is opened" {
    local carriage encoding capture
    while read -r carriage encoding; do
        capture=$RECORDS/$carriage-$encoding
        run -0 --separate-stderr "$dump" --check --keylog "$RECORDS/keys" "$capture"
        [[ -z $output && -z $stderr ]]
        "$dump" --keylog "$RECORDS/keys" --plaintext "$DIR/$carriage-$encoding" --sessions "$capture" >/dev/null
        expect_said "$DIR/$carriage-$encoding/000001"
    done < <(ways)
}

@test "what the service captured and what tcpdump saw passes, too, all sessions in one" {
    local from number
    for from in served all.pcap; do
        run -0 --separate-stderr "$dump" --check --keylog "$RECORDS/keys" "$RECORDS/$from"
        [[ -z $output && -z $stderr ]]
        "$dump" --keylog "$RECORDS/keys" --plaintext "$DIR/$from" --sessions "$RECORDS/$from" >/dev/null
        for number in 1 2 3 4 5 6 7; do expect_said "$DIR/$from/00000$number"; done
    done
}

@test "a body cut where a record's bytes look like json" {
    local way=$DIR/cut
    "$PYTHON" "$ATLS_ROOT/tests/lib/cut_like_json.py" "$RECORDS/stream-atls" "$way"
    run -0 --separate-stderr "$dump" --check --keylog "$RECORDS/keys" "$way"
    [[ -z $output && -z $stderr ]]
    "$dump" --keylog "$RECORDS/keys" --plaintext "$DIR/plain" --sessions "$way" >/dev/null
    expect_said "$DIR/plain/000001"
}

@test "a capture has the messages of a WebSocket, and says so" {
    local index=$RECORDS/ws-atls/index.jsonl
    jq -es 'all(.websocket == "text" or .websocket == "binary")
        and all(.schema == "atls-capture/1" and has("status") == false and .content_type == null)
        and (map(.request) | unique | length) == 1' "$index"
    # Each side begins with a dictionary; up and down come in both kinds.
    [[ $(jq -rs '.[0] | .direction + " " + .websocket' "$index") == 'up text' ]]
    [[ $(jq -rs '[.[] | select(.direction == "down")][0].websocket' "$index") == text ]]
    [[ $(jq -rs 'map(.direction + " " + .websocket) | unique | join(",")' "$index") == \
        'down binary,down text,up binary,up text' ]]
    [[ $(<"$RECORDS/ws-atls/000001-up.body") == id=\"*\",\ gen=* ]]
    [[ $(head -c 2 "$RECORDS/ws-atls/000002-up.body" | xxd -p) == 1603 ]]
    run -0 --separate-stderr "$dump" --json "$RECORDS/ws-atls"
    [[ $(jq -rs '.[0] | .session + " " + .direction + " " + (.exchange | tostring)' <<<"$output") == '1 up 1' ]]
}
