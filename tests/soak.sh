#!/usr/bin/env bash
# atls-serve at its limit of SOAK_SESSIONS (200) for SOAK_SECONDS (600), with SOAK_PEERS (100) at a
# time that come, stall, cut and leave: what `make soak` runs. Afterwards its descriptors are exactly
# what they were before the first peer, and its own memory (RssAnon, which leaves out the libraries'
# code) is within SOAK_KIB (2048) of it. The last line has the figures.
#
# ATLS_BIN, as in tests/lib/atls.bash.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/common.bash
. tests/lib/atls.bash

seconds=${SOAK_SECONDS:-600}
peers=${SOAK_PEERS:-100}
slack=${SOAK_KIB:-2048}
sessions=${SOAK_SESSIONS:-200}
# Of the service, in seconds; and how long it keeps the last words of finished sessions and, in the
# end, the memory that they had (LINGER_MS, TRIM_MS).
handshake=4 idle=5 request=3 linger=70

use_dir
_catch_reports
trap 'stop_all || :; rm -rf "$DIR"' EXIT

status_of() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"; }
descriptors() {
    local fds=("/proc/$pid/fd"/*)
    printf '%s\n' "${#fds[@]}"
}
has_descriptors() { (($(descriptors) == $1)); }
memory_within() { (($(status_of RssAnon) <= $1)); }

fail() {
    printf 'soak: %s\n' "$*"
    tail -n 5 "$DIR/serve.log"
    exit 1
}

make_ca ca
make_cert ca service service.test
start_backend echo
start_serve SERVE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" --max-sessions "$sessions" \
    --handshake-timeout "$handshake" --idle-timeout "$idle" --request-timeout "$request" --quiet
pid=$(pid_of serve)
open=$(descriptors)
before=$(status_of RssAnon)

rc=0
"$PYTHON" tests/lib/soak_load.py --port "$SERVE_PORT" --cacert "$CERTS/ca.pem" \
    --seconds "$seconds" --peers "$peers" --patience "$handshake" || rc=$?
alive serve || fail 'atls-serve is gone'
((rc == 0)) || fail 'not all peers came to an end that the protocol knows'
peak=$(status_of VmHWM)

# Until all sessions are over and all connections closed, and then until they are forgotten.
wait_for $((idle + handshake + request + 20)) has_descriptors "$open" ||
    fail "descriptors: $open before, $(descriptors) now"
wait_for $((linger + 30)) memory_within $((before + slack)) ||
    fail "memory: $before KiB before, $(status_of RssAnon) KiB now"
after=$(status_of RssAnon)
stop serve || fail 'atls-serve did not end'
[[ $STOP_STATUS == 0 ]] || fail "atls-serve ended with $STOP_STATUS"
printf 'soak: %s s, %s peers at a time, %s sessions at most: memory %s KiB before, %s KiB after (resident at most %s KiB, with code); descriptors %s before and after\n' \
    "$seconds" "$peers" "$sessions" "$before" "$after" "$peak" "$open"
