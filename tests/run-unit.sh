#!/usr/bin/env bash
# The unit tests and the fuzz targets' seeds of one FLAVOUR, built before: one TAP stream.
# UNIT_UNDER is a command to run them under (see valgrind.sh), UNIT_JOBS (2) how many at a time.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/tap.bash

build=.build/${FLAVOUR:-plain}/tests
seconds=${UNIT_SECONDS:-300}
read -ra under <<<"${UNIT_UNDER:-}"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# Into $logs/NAME, and its exit status into NAME.rc.
run_program() { # NAME CMD...
    local name=$1 rc=0
    shift
    timeout --foreground "$seconds" "${under[@]}" "$@" >"$logs/$name" 2>&1 || rc=$?
    printf '%d\n' "$rc" >"$logs/$name.rc"
}

# The program's own results under numbers of this stream, and one more for the program itself: its
# plan fits, and it ended with 0.
report_program() {
    local name=$1 rc line plan='' results=0 failed=0
    rc=$(<"$logs/$name.rc")
    while IFS= read -r line; do
        case $line in
        'ok '*) tap 0 "$name: ${line#ok * - }" && results=$((results + 1)) ;;
        'not ok '*)
            tap 1 "$name: ${line#not ok * - }"
            results=$((results + 1)) failed=$((failed + 1))
            ;;
        1..*) plan=$plan${line#1..} ;;
        '#'*) printf '%s\n' "$line" ;;
        *) printf '# %s\n' "$line" ;;
        esac
    done <"$logs/$name"
    if ((failed > 0 && rc == 1)); then rc=0; fi
    if [[ $plan != "$results" || $results == 0 || $rc != 0 ]]; then
        printf '# plan %s, %d results, exit status %d\n' "${plan:-missing}" "$results" "$rc"
        tap 1 "$name: runs to its end"
    else
        tap 0 "$name: runs to its end"
    fi
}

shopt -s nullglob
units=(tests/unit/test_*.c)
units=("${units[@]##*/}")
fuzzers=(tests/fuzz/fuzz_*.c)
fuzzers=("${fuzzers[@]##*/}")
running=0
for name in "${units[@]%.c}" "${fuzzers[@]%.c}"; do
    if ((++running > ${UNIT_JOBS:-2})); then wait -n; fi
    case $name in
    fuzz_*) run_program "$name" "$build/fuzz/$name" "tests/fuzz/$name" ;;
    *) run_program "$name" "$build/unit/$name" ;;
    esac &
done
wait
for name in "${units[@]%.c}"; do report_program "$name"; done
for name in "${fuzzers[@]%.c}"; do tap "$(<"$logs/$name.rc")" "$name: seeds" "$logs/$name"; done
tap_done
