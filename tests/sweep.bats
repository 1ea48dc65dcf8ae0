#!/usr/bin/env bats
# The connection between atls-client and atls-serve is cut behind every byte of a small session, up and
# down, by FIN and by RST in turn: each ends as the protocol says, and nothing stays behind in the
# service, which is one process for them all.
#
# SWEEP_STRIDE (1) leaves positions out, for slow builds; SWEEP_KIND (both in turn) is fin or rst.

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls

IDLE=6

setup_file() {
    # A position is a session, and there are more than a thousand.
    export BATS_TEST_TIMEOUT=${SWEEP_TIMEOUT:-300}
    begin_file
    make_ca ca
    make_cert ca service service.test 30 ed25519
    export CUTTER=$ATLS_ROOT/tests/lib/cutter.py
    start_tool APP_PORT app "$PYTHON" "$CUTTER" app --port-file "$DIR/app.port"
}

setup() { begin_test; }
teardown() { end_test; }
teardown_file() { end_file; }

descriptors() {
    local fds=("/proc/$1/fd"/*)
    printf '%s\n' "${#fds[@]}"
}

has_descriptors() { (($(descriptors "$1") == $2)); }

# Every position of DIRECTION in ENCODING; then the service is as it was.
sweeps() { # DIRECTION ENCODING
    local pid before kind=()
    start_serve SERVE_PORT --listen 127.0.0.1:0 --backend "127.0.0.1:$APP_PORT" \
        --idle-timeout "$IDLE" --handshake-timeout 4 --request-timeout "$IDLE" --max-sessions 3000
    pid=$(pid_of serve)
    before=$(descriptors "$pid")
    if [[ -n ${SWEEP_KIND:-} ]]; then kind=(--kind "$SWEEP_KIND"); fi
    "$PYTHON" "$CUTTER" sweep --direction "$1" --to "$SERVE_PORT" --request "$DIR/request" \
        --stride "${SWEEP_STRIDE:-1}" "${kind[@]}" -- "$ATLS_BIN/atls-client" --carriage base --encoding "$2" \
        --cacert "$CERTS/ca.pem" --servername service.test --max-time 60 --resume-timeout 8
    alive serve
    wait_for $((3 * IDLE)) has_descriptors "$pid" "$before" || {
        printf 'descriptors: %s before, %s after\n' "$before" "$(descriptors "$pid")"
        ls -l "/proc/$pid/fd"
        return 1
    }
    kill -TERM "$pid"
    wait_exit serve
    [[ $STOP_STATUS == 0 ]]
    wait_log serve 'going down: 0 sessions '
}

@test "upstream cut behind every byte: atls" { sweeps up atls; }
@test "upstream cut behind every byte: json" { sweeps up json; }
@test "downstream cut behind every byte: atls" { sweeps down atls; }
@test "downstream cut behind every byte: json" { sweeps down json; }
