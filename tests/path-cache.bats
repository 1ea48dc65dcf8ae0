#!/usr/bin/env bats
# --path-cache: what one run found on its way, the next one begins with; and what is wrong heals.
# shellcheck disable=SC2119  # a helper without its options

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    . tests/lib/common.bash
    . tests/lib/atls.bash
    begin_file
    export DATA=$DIR/data
    make_pki
    make_data "$DATA" $((1 << 20))
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    . tests/lib/common.bash
    . tests/lib/atls.bash
    begin_test
    CACHE=$DIR/paths
}

teardown() { end_test; }

teardown_file() {
    . tests/lib/common.bash
    . tests/lib/atls.bash
    end_file
}

runs() { # CLIENT-OPTION...
    carry 0 "$DATA" "$DIR/out" client -v --path-cache "$CACHE" "$@" && same "$DATA" "$DIR/out"
}
start_relay() { # FAULT...
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/fault_relay.py --to "${SERVICE##*:}" --seed 1 "$@"
    RELAY=http://127.0.0.1:$RELAY_PORT
}
entry() { jq -e ".paths | to_entries[] | select(.key == \"$1\") | .value | $2" "$CACHE"; }
remembers() { said 'atls-client: remembered of *'; }

@test "a service that knows no ATLS-Stream: the next run begins in base carriage" {
    start_peer
    runs "$PEER"
    said '*cannot work here: *'
    [[ $(stat -c %a "$CACHE") == 600 ]]
    entry "$PEER" '.carriage == "base" and .since > 0'
    runs "$PEER"
    remembers
    unsaid '*cannot work here: *'
    said '*; encoding atls, base carriage, *'
    no_violations
}

@test "a box that strips ATLS-Stream, and one that refuses large bodies" {
    start_service echo
    start_relay strip=0 limit=20000
    runs "$RELAY"
    said '*cannot work here: *' '*a body was refused for its size: *'
    entry "$RELAY" '.carriage == "stream" and .encoding == "json" and .body_max < 20000'
    runs "$RELAY"
    remembers
    unsaid '*cannot work here: *' '*a body was refused for its size: *'
    said '*; encoding json, stream carriage, *'
}

@test "what is a day old counts no more" {
    start_service echo
    printf '{"schema": "atls-path-cache/1", "paths": {"%s": {"since": %d, "carriage": "base"}}}' \
        "$SERVICE" $(($(date +%s) - 25 * 3600)) >"$CACHE"
    runs "$SERVICE"
    unsaid 'atls-client: remembered of *'
    said '*; encoding atls, stream carriage, *'
    entry "$SERVICE" '.carriage == "stream"'
}

@test "a wrong entry: what it says works less well, or goes" {
    start_service echo
    printf '{"schema": "atls-path-cache/1", "paths": {"%s": {"since": %d, "carriage": "base",
        "encoding": "json", "body_max": 1, "poll_ms": -7, "requests_at_once": 99999}}}' \
        "$SERVICE" "$(date +%s)" >"$CACHE"
    runs "$SERVICE"
    said '*; encoding json, base carriage, *'
    start_peer
    printf '{"schema": "atls-path-cache/1", "paths": {"%s": {"since": %d, "carriage": "stream",
        "encoding": "json"}}}' "$PEER" "$(date +%s)" >"$CACHE"
    runs "$PEER"
    entry "$PEER" '.carriage == "base"'
}

@test "a file that is no good is a warning, and left alone" {
    start_service echo
    printf 'my notes\n' >"$CACHE"
    runs "$SERVICE"
    said "atls-client: warning: --path-cache '$CACHE' is not used: it is no atls-path-cache/1 in JSON"
    [[ $(<"$CACHE") == 'my notes' ]]
    CACHE=$DIR/nowhere/paths
    runs "$SERVICE"
    said "atls-client: warning: --path-cache '$CACHE' is not used: *"
}

@test "many runs at once: none loses another's entry" {
    start_service echo
    port=${SERVICE##*:}
    for i in {1..8}; do
        start "client$i" "$ATLS_BIN/atls-client" --path-cache "$CACHE" --check --cacert "$CERTS/ca.pem" \
            --servername service.test --resolve "host$i.test:$port:127.0.0.1" "http://host$i.test:$port"
    done
    for i in {1..8}; do
        wait_exit "client$i" 30
        [[ $STOP_STATUS == 0 ]]
    done
    jq -e '.paths | length == 8' "$CACHE"
    [[ $(find "$DIR" -name 'paths.*' | wc -l) == 1 ]]
}

@test "a proxy makes another path, and its password is not written down" {
    start_service echo
    start_tool PROXY_PORT proxy "$PYTHON" tests/lib/proxy.py
    runs --proxy "http://me:secret@127.0.0.1:$PROXY_PORT" "$SERVICE"
    runs "$SERVICE"
    jq -e '.paths | keys | length == 2 and any(contains(" via http://127.0.0.1:"))' "$CACHE"
    run -1 grep secret "$CACHE"
}
