#!/usr/bin/env bash
# The unit tests and the fuzz targets' seeds of one FLAVOUR, built before: one TAP stream.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/tap.bash

build=.build/${FLAVOUR:-plain}/tests
seconds=${UNIT_SECONDS:-300}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# The program's own results under numbers of this stream, and one more for the program itself: its
# plan fits, and it ended with 0.
run_program() {
    local program=$1 name=${1##*/} log rc=0 line plan='' results=0 failed=0
    log=$(mktemp)
    timeout --foreground "$seconds" "$program" >"$log" 2>&1 || rc=$?
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
    done <"$log"
    rm -f "$log"
    if ((failed > 0 && rc == 1)); then rc=0; fi
    if [[ $plan != "$results" || $results == 0 || $rc != 0 ]]; then
        printf '# plan %s, %d results, exit status %d\n' "${plan:-missing}" "$results" "$rc"
        tap 1 "$name: runs to its end"
    else
        tap 0 "$name: runs to its end"
    fi
}

shopt -s nullglob
sources=(tests/unit/test_*.c)
for source in "${sources[@]}"; do
    name=${source##*/}
    run_program "$build/unit/${name%.c}"
done
for source in tests/fuzz/fuzz_*.c; do
    name=${source##*/} name=${name%.c}
    tap_run "$name: seeds" timeout --foreground "$seconds" "$build/fuzz/$name" "tests/fuzz/$name"
done
tap_done
