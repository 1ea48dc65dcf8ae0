#!/usr/bin/env bash
# Each fuzz target, built before with FLAVOUR=fuzz, for FUZZ_RUNS (one million) executions from its
# seeds in tests/fuzz/NAME: what `make fuzz` runs. FUZZ_TARGETS ("engine trust") chooses some. What
# a run learned is kept below .build/fuzz/corpus for the next one; an input that shows a fault lies
# in .build/fuzz/findings, the target's own words in .build/fuzz/NAME.log. Fails if there is one.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."

build=.build/fuzz
runs=${FUZZ_RUNS:-1000000}
# Most inputs allocate a few hundred KiB: a large quarantine costs more in caches than it finds.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=8}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
unset SSLKEYLOGFILE GNUTLS_SYSTEM_PRIORITY_FILE

stat() { sed -n "s/^stat::$1: *//p" "$2"; } # NAME LOG

fuzz() { # TARGET
    local name=$1 log=$build/$1.log corpus=$build/corpus/$1 rc=0 start=$SECONDS
    mkdir -p "$corpus"
    "$build/tests/fuzz/fuzz_$name" -runs="$runs" -timeout=120 -print_final_stats=1 \
        -artifact_prefix="$build/findings/$name-" "$corpus" "tests/fuzz/fuzz_$name" \
        >"$log" 2>&1 || rc=$?
    printf '%-12s %8s executions in %5d s, %6s a second: ' "$name" \
        "$(stat number_of_executed_units "$log")" $((SECONDS - start)) \
        "$(stat average_exec_per_sec "$log")"
    if ((rc == 0)); then
        printf 'no finding\n'
        return
    fi
    printf 'exit status %d\n' "$rc"
    grep -E 'ERROR: |SUMMARY: |Test unit written to|runtime error: ' "$log" || tail -n 5 "$log"
    return 1
}

mkdir -p "$build/findings"
targets=(tests/fuzz/fuzz_*.c)
targets=("${targets[@]#tests/fuzz/fuzz_}")
read -ra targets <<<"${FUZZ_TARGETS:-${targets[*]%.c}}"
failed=0
for name in "${targets[@]}"; do
    fuzz "$name" || failed=$((failed + 1))
done
if ((failed > 0)); then printf 'findings are in %s\n' "$build/findings"; fi
((failed == 0))
