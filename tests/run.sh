#!/usr/bin/env bash
# All tests, built in every flavour: what `make test` runs. Each step is a TAP stream whose results
# are counted against its plan; what failed is shown, the rest is in .build/test/. A skipped test
# counts as failed. The last line is "N passed, N failed".
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."

logs=.build/test
passed=0
failed=0

# Prints what failed in the TAP stream FILE, and last "PASSED FAILED" of it.
judge() { # FILE EXIT-STATUS
    awk -v status="$2" -v shown=40 '
        function complain(what) { printf "%s# %s\n", held, what; held = ""; bad++ }
        /^ok / && !/# *[Ss][Kk][Ii][Pp]/ { good++; held = ""; after = 0; next }
        /^(not )?ok / { printf "%s%s\n", held, $0; held = ""; bad++; after = shown; next }
        /^1\.\.[0-9]+$/ { plans++; plan += substr($0, 4); next }
        after > 1 { print; after--; next }
        after == 1 { print "# ... the rest is in " FILENAME; after = -1 }
        !after { held = held $0 "\n" }
        END {
            results = good + bad
            if (plans != 1) complain(plans + 0 " plans instead of one")
            else if (plan != results) complain(results " results, but the plan is " plan)
            else if (results == 0) complain("no tests")
            if (status != 0 && bad == 0) complain("exit status " status)
            print good + 0, bad + 0
        }' "$1"
}

step() { # NAME CMD...
    local name=$1 log rc=0 verdict counts start=$SECONDS
    shift
    log=$logs/${name//[^a-z0-9]/-}.tap
    timeout --foreground -k 10 3600 "$@" >"$log" 2>&1 || rc=$?
    verdict=$(judge "$log" "$rc")
    counts=${verdict##*$'\n'}
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
    printf '%s: %d passed, %d failed (%d s)\n' "$name" "${counts% *}" "${counts#* }" \
        $((SECONDS - start))
    if [[ $verdict == *$'\n'* ]]; then printf '%s\n' "${verdict%$'\n'*}"; fi
}

build() { # FLAVOUR
    local log=$logs/build-$1.log
    if make -j2 --no-print-directory FLAVOUR="$1" build-tests >"$log" 2>&1; then
        return
    fi
    failed=$((failed + 1))
    printf '%s: the build failed\n' "$1"
    tail -n 40 "$log" | sed 's/^/# /'
    return 1
}

# The outer make's job server is not for us, and no proxy of the user's is in the way on loopback.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES FLAVOUR SSLKEYLOGFILE GNUTLS_SYSTEM_PRIORITY_FILE
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
export LC_ALL=C.UTF-8 BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
mkdir -p "$logs"
rm -f "$logs"/*

for flavour in plain clang asan clang-asan; do
    if build "$flavour"; then step "unit tests, $flavour" env FLAVOUR="$flavour" tests/run-unit.sh; fi
done
step 'valgrind' tests/valgrind.sh
step 'layers' tests/check-layers.sh .build/plain
step 'lint' tests/lint.sh
if [[ -e tests/peers/selftest.sh ]]; then step 'peers' tests/peers/selftest.sh; fi
shopt -s nullglob
step 'tools' bats --tap --jobs 2 --no-parallelize-within-files tests/*.bats
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
