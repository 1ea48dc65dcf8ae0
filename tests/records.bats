#!/usr/bin/env bats
# What is written down of sessions: --report and --capture.
# shellcheck disable=SC2154,SC2030,SC2031  # run sets them; each test has its own

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

setup_file() {
    begin_file
    make_pki
    printf 'hello\n' >"$DIR/in"
    export IN=$DIR/in
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

# bodies DIR DIRECTION: all of them, in order, as one stream.
bodies() {
    jq -r "select(.direction == \"$2\") | .file" "$1/index.jsonl" | (cd "$1" && xargs cat)
}

@test "--report: a line for a session that went well, and for one that did not" {
    start_service echo
    run -0 --separate-stderr client --report "$DIR/report" "$SERVICE" <"$IN"
    jq -e '.schema == "atls-client-report/1" and .ok and .carriage == "stream" and .bytes_up == 6 and
        .bytes_down == 6 and .exchanges >= 2 and .inner.valid and .encoding == "atls"
        and .handshake_ms >= 0 and (has("outer") | not)' "$DIR/report"
    carry 4 "$IN" "$DIR/out" bare_client --cacert "$CERTS/ca.pem" --servername other.test --report "$DIR/report" "$SERVICE"
    jq -e '(.ok | not) and .exit_code == 4 and .inner.fault == "wrong_name" and
        (.error | startswith("inner TLS: ")) and .bytes_down == 0' "$DIR/report"
    run -0 --separate-stderr client --check --report "$DIR/report" "$SERVICE"
    jq -e '.ok and .inner.valid' "$DIR/report"
}

@test "--report: both layers' chains, as they were shown" {
    local layer
    cat "$CERTS/front.pem" "$CERTS/outer-ca.pem" >"$DIR/outer.pem"
    cat "$CERTS/service.pem" "$CERTS/ca.pem" >"$DIR/inner.pem"
    start_backend echo
    start_tool PORT serve "$ATLS_BIN/atls-serve" -l 127.0.0.1:0 -b "$BACKEND" --grace 0 --cert "$DIR/inner.pem" \
        --key "$CERTS/service.key" --outer-cert "$DIR/outer.pem" --outer-key "$CERTS/front.key"
    run -0 --separate-stderr client --report "$DIR/report" "https://127.0.0.1:$PORT" <"$IN"
    for layer in outer inner; do
        jq -e ".$layer.chain | length == 2" "$DIR/report"
        diff <(jq -r ".$layer.chain[].der" "$DIR/report") \
            <(awk '/BEGIN/ { next } /END/ { print ""; next } { printf "%s", $0 }' "$DIR/$layer.pem")
        [[ $(jq -r ".$layer.chain[0].sha256" "$DIR/report") == \
            "$(openssl x509 -in "$DIR/$layer.pem" -outform DER | sha256sum | cut -d' ' -f1)" ]]
    done
}

@test "--report: a line for each connection of -L" {
    start_service echo
    start_tool PORT forward "$ATLS_BIN/atls-client" -L 0 --report "$DIR/report" \
        --cacert "$CERTS/ca.pem" --servername service.test "$SERVICE"
    run -0 --separate-stderr timeout 10 nc -N 127.0.0.1 "$PORT" <"$IN"
    run -0 --separate-stderr timeout 10 nc -N 127.0.0.1 "$PORT" <"$IN"
    stop forward
    [[ $(jq -s 'map(select(.ok and .bytes_up == 6)) | length' "$DIR/report") == 2 ]]
}

@test "--report, --capture: where nothing can be written" {
    start_service echo
    carry 6 "$IN" "$DIR/out" client --report "$DIR/none/report" "$SERVICE"
    only_said "atls-client: cannot write report '$DIR/none/report': No such file or directory"
    carry 0 "$IN" "$DIR/out" client --report /dev/full "$SERVICE"
    said "atls-client: cannot write report '/dev/full': No space left on device"
    carry 6 "$IN" "$DIR/out" client --capture "$DIR/none/capture" "$SERVICE"
    only_said "atls-client: cannot capture to '$DIR/none/capture': No such file or directory"
    carry 0 "$IN" "$DIR/out" client --capture "$DIR/capture" "$SERVICE"
    carry 6 "$IN" "$DIR/out" client --capture "$DIR/capture" "$SERVICE"
    only_said "atls-client: cannot capture to '$DIR/capture': it holds a capture already"
}

@test "--capture: both sides wrote down the same bodies, and nobody else may read them" {
    local encoding side
    for encoding in atls octet-stream json; do
        start_backend echo
        start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/s-$encoding"
        run -0 --separate-stderr client --encoding "$encoding" --capture "$DIR/c-$encoding" \
            "http://127.0.0.1:$SERVICE_PORT/" <"$IN"
        [[ $output == hello ]]
        stop serve
        stop backend
        for side in up down; do
            cmp <(bodies "$DIR/c-$encoding" "$side") <(bodies "$DIR/s-$encoding" "$side")
            [[ -n $(bodies "$DIR/c-$encoding" "$side" | head -c 1 | od -An -tx1) ]]
        done
        [[ $(stat -c %a "$DIR/c-$encoding" "$DIR/c-$encoding/000001-up.body" "$DIR/c-$encoding/index.jsonl") \
            == $'700\n600\n600' ]]
        jq -es 'map(.schema == "atls-capture/1" and (.time | endswith("Z")) and .n > 0) | all' \
            "$DIR/c-$encoding/index.jsonl"
        jq -es '[.[] | .bytes] | add > 500' "$DIR/s-$encoding/index.jsonl"
        # A request and its answer share a number; an answer has a status.
        jq -es '[.[] | select(.direction == "down")] | map(.status == 200) | all' \
            "$DIR/c-$encoding/index.jsonl"
        jq -es 'group_by(.request) | map(length == 2) | all' "$DIR/c-$encoding/index.jsonl"
    done
    ! grep -rq hello "$DIR"/c-* "$DIR"/s-* || false
}

@test "--capture: the service's own index has no whole session name" {
    local id
    start_backend echo
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --capture "$DIR/capture"
    run -0 --separate-stderr client --encoding json "http://127.0.0.1:$SERVICE_PORT/" <"$IN"
    id=$(jq -r .session "$DIR/capture/000002-down.body")
    ((${#id} == 22))
    [[ $(jq -rs '[.[] | .session // empty] | unique | .[]' "$DIR/capture/index.jsonl") == "${id:0:6}" ]]
}
