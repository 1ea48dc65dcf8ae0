#!/usr/bin/env bash
# bench.sh: what a carriage costs, beside what Debian ships for the like, all over loopback.
#
#   BENCH_MIB (256)      size of a bulk transfer
#   BENCH_ROUNDS (5)     in each round everything is measured once, one after the other
#   BENCH_PINGS (1000)   round trips a round
#   BENCH_SESSIONS (10)  set-ups a round
#   BENCH_MANY (1000)    sessions at once, for BENCH_MANY_SECONDS (5)
#   BENCH_FAR_MS (100)   round trip of the long path, with BENCH_FAR_WINDOW_MIB (8) under way, for
#                        BENCH_FAR_MIB (64), BENCH_FAR_BASE_MIB (8) by base carriage
#   BENCH_HUGE_MIB (4096) size of the one transfer each way whose memory is looked at
#   BENCH_ONLY           carriers to measure, by their names in carriers.bash (stunnel is the
#                        reference, far-stunnel on the long path)
#   BENCH_WORKS          what to measure: up down far-up far-down huge-up huge-down ping first few
#                        many spawn
#   ATLS_BIN (bin)       where the tools are
#
# The table goes to standard output and, with spread and method of each figure, to
# .build/bench.tsv and .build/bench.json; what each round gave to .build/bench-rounds.tsv; what is
# asked of the carriages, and whether they have it, to .build/bench-targets.tsv and .json. A peer
# that is not installed or fails is named as that. Fails if one of our own rows does.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/../.."
. tests/lib/common.bash

MIB=${BENCH_MIB:-256}
ROUNDS=${BENCH_ROUNDS:-5}
PINGS=${BENCH_PINGS:-1000}
SESSIONS=${BENCH_SESSIONS:-10}
MANY=${BENCH_MANY:-1000}
MANY_SECONDS=${BENCH_MANY_SECONDS:-5}
FAR_MS=${BENCH_FAR_MS:-100}
FAR_MIB=${BENCH_FAR_MIB:-64}
FAR_BASE_MIB=${BENCH_FAR_BASE_MIB:-8}
FAR_WINDOW_MIB=${BENCH_FAR_WINDOW_MIB:-8}
HUGE_MIB=${BENCH_HUGE_MIB:-4096}
WORKS=${BENCH_WORKS:-up down far-up far-down huge-up huge-down ping first few many spawn}
ATLS_BIN=${ATLS_BIN:-bin}
BENCH_PROGRAMS=.build/plain/tests/bench
APP=$BENCH_PROGRAMS/app
TSV=.build/bench.tsv
JSON=.build/bench.json
TARGETS=.build/bench-targets.tsv
RAW=.build/bench-rounds.tsv

unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY SSLKEYLOGFILE \
    GNUTLS_SYSTEM_PRIORITY_FILE

. tests/bench/carriers.bash
. tests/bench/measure.bash
. tests/bench/table.bash
. tests/bench/targets.bash

need() {
    if [[ ! -x $1 ]]; then
        say_error "bench: $1 is not built"
        exit 1
    fi
}

begin() {
    need "$APP"
    need "$ATLS_BIN/atls-client"
    need "$ATLS_BIN/atls-serve"
    ulimit -Sn "$(ulimit -Hn)"
    load=$(cut -d ' ' -f 1 /proc/loadavg)
    use_dir ''
    trap 'stop_all; rm -rf "$DIR"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    make_ca ca
    make_cert ca bench bench.test
    trust=(--cacert "$CERTS/ca.pem" --servername bench.test)
    mkdir -p "${RAW%/*}"
    : >"$RAW"
    start_tool APP_PORT app "$APP" serve
}

# Sets present, the carriers that run; each of ours must.
start_carriers() {
    local name
    present=()
    for name in ${BENCH_ONLY:-${carriers[*]}}; do
        if start_carrier "$name"; then
            present+=("$name")
        elif ours "$name"; then
            say_error "bench: $name did not start"
            exit 1
        elif type -P "${program[${name#far-}]}" >/dev/null; then
            miss "${title[$name]} (did not start)"
        fi
    done
    # The peer that a person starts by hand talks to stunnel's server.
    if [[ -n $STUNNEL_PORT ]]; then
        server[openssl]=stunnel-server
        present+=(openssl)
    else
        miss "${title[openssl]} (its server is stunnel4's)"
    fi
}

begin
start_carriers
for ((round = 1; round <= ROUNDS; round++)); do
    printf 'round %s of %s\n' "$round" "$ROUNDS" >&2
    for work in $WORKS; do
        for carrier in "${present[@]}"; do measure "$work" "$carrier"; done
    done
done

exchanges=$(count_exchanges)
write_tsv >"$TSV"
write_json >"$JSON"
write_targets
versions
table
print_targets
legend
for key in "${!broken[@]}"; do
    if ours "${key#* }"; then exit 1; fi
done
