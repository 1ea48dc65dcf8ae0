#!/usr/bin/env bash
# Formatter, static analysers, shell and manual page linters, and the sizes of files and functions.
# TAP; what a tool found follows as comments.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/tap.bash

file_max=400
function_max=60

mapfile -t sources < <(find lib cmd tests completions -name '*.c' | sort)
mapfile -t headers < <(find lib cmd tests completions -name '*.h' | sort)
mapfile -t products < <(find lib cmd -name '*.c' | sort)
mapfile -t shells < <(find tests -name '*.sh' -o -name '*.bash' | sort)
mapfile -t bats < <(find tests -name '*.bats' | sort)
mapfile -t completions < <(find completions -type f ! -name '*.[ch]' | sort)
mapfile -t pages < <(find man -name '*.[1-8]' | sort)
packages=(gnutls nettle libcurl libmicrohttpd jansson libevent_core libpcap zlib)
read -ra flags < <(pkg-config --cflags "${packages[@]}")
flags+=(-Ilib -I. -D_GNU_SOURCE '-DATLS_VERSION="0"')

# Each file that is too long, and each function: from { to } in the first column.
sizes() {
    awk -v file_max=$file_max -v function_max=$function_max '
        function close_file() { if (lines > file_max) { print name ": " lines " lines"; bad = 1 } }
        FNR == 1 { close_file(); name = FILENAME; start = 0 }
        { lines = FNR; if (/[^[:space:]]/ && !/^[{}#]/) last = $0 }
        /^{/ { start = FNR; head = last }
        /^}/ && start {
            if (FNR - start + 1 > function_max) {
                print FILENAME ":" start ": " FNR - start + 1 " lines: " head
                bad = 1
            }
            start = 0
        }
        END { close_file(); exit bad }' "$@"
}

# Every test of bats is a subshell of its own, and sees variables that helpers set by their name.
run_shellcheck() {
    local file rc=0
    shellcheck -x -P SCRIPTDIR "${shells[@]}" .ci/run || rc=1
    if ((${#bats[@]} > 0)); then
        shellcheck -x -P SCRIPTDIR -e SC2030,SC2031,SC2154 "${bats[@]}" || rc=1
    fi
    for file in "${completions[@]}"; do
        if [[ $file == *.bash ]]; then shellcheck -s bash "$file" || rc=1; fi
    done
    return "$rc"
}

syntax() {
    local file rc=0
    for file in "${completions[@]}"; do
        case $file in
        *.bash) bash -n "$file" || rc=1 ;;
        *.fish) fish --no-execute "$file" || rc=1 ;;
        *) zsh -n "$file" || rc=1 ;;
        esac
    done
    return "$rc"
}

run_mandoc() {
    ((${#pages[@]} == 0)) || mandoc -T lint -W warning "${pages[@]}"
}

# It reads no system header of itself, and the macros of this one look like syntax errors.
run_cppcheck() {
    local queue
    queue=$(printf '#include <sys/queue.h>\n' | cc -x c -M - | grep -o '/[^ ]*/sys/queue\.h')
    cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --std=c11 --library=posix,gnu --include="$queue" -j 2 -Ilib -I. -D_GNU_SOURCE '-DATLS_VERSION="0"' \
        "${sources[@]}"
}

# One file a run: version 14 mistakes every va_list of a second one. What led to a finding is left
# out here: run clang-tidy on the file for it.
run_clang_tidy() {
    printf '%s\0' "${sources[@]}" |
        xargs -0 -P 2 -I '{}' clang-tidy --quiet '{}' -- "${flags[@]}" -std=c17 2>&1 |
        { grep -E '(error|warning): |rror while' || :; }
}

some() { (($# > 0)); }

tap_run 'clang-format' clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"
tap_run "sizes: files to $file_max lines, functions to $function_max" sizes "${products[@]}"
tap_run 'shellcheck' run_shellcheck
tap_run 'there are completions' some "${completions[@]}"
tap_run 'completions are of their shells' syntax
tap_run 'there are manual pages' some "${pages[@]}"
tap_run 'mandoc -T lint' run_mandoc
tap_run 'cppcheck' run_cppcheck
tap_run 'clang-tidy' run_clang_tidy
tap_done
