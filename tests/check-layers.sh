#!/usr/bin/env bash
# check-layers.sh BUILD_DIR: arrows between the layers go down only, by the symbols of the objects
# below BUILD_DIR and by the #include lines of the sources. TAP.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
. tests/lib/tap.bash

# What each may use, itself included. A tool may use every layer, and no other tool.
declare -A below=(
    [core]='core'
    [trust]='core trust'
    [explain]='core trust explain'
    [net]='core trust net'
    [cli]='core trust cli'
)
layers='core trust explain net cli'
# These do no I/O: of libc they get memory, strings and arithmetic; no descriptor, clock,
# environment, thread or printing.
pure=' core trust explain '
libc='mem(chr|cmp|cpy|mem|move|rchr|set)|(__)?explicit_bzero(_chk)?|str[a-z]+|(c|m|re)alloc|free'
libc+='|reg(comp|exec|free)|reallocarray|qsort|bsearch|v?snprintf|gmtime_r|timegm|inet_(pton|ntop)'
libc+='|__(mem|str|stp)[a-z]+_chk|__v?snprintf_chk|__stack_chk_fail|__errno_location'
libc+='|__ctype_(b|tolower|toupper)_loc|__isoc(99|23)_strto[a-z]+|__assert_fail|abort'
libc+='|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|gcov)_.*'
libc_but='strerror.*|strsignal'
libraries='(gnutls|nettle|_?wslay)_.*'

shopt -s nullglob
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Where the sources are: objects that have none any more do not count.
root=.

objects() { # BUILD DIR
    local source object
    for source in "$root/$2"/*.c; do
        object=$1/$2/$(basename "${source%.c}").o
        if [[ -e $object ]]; then printf '%s\n' "$object"; fi
    done
}

# All that the layers and tools define, as "SYMBOL PART", PART being core, net, cmd/NAME ...
definitions() { # BUILD
    local dir
    for dir in "$root"/lib/*/ "$root"/cmd/*/; do
        dir=${dir%/} dir=${dir#"$root"/}
        objects "$1" "$dir" | xargs -r nm -A --defined-only --extern-only --format=posix |
            awk -v part="${dir#lib/}" '{ print $2, part }'
    done
}

# bad_symbols BUILD PART ALLOWED: what PART's objects use against the rules, a line each.
bad_symbols() {
    local build=$1 part=$2 dir=lib/$2
    if [[ $part == cmd/* ]]; then dir=$part; fi
    definitions "$build" >"$scratch/definitions"
    objects "$build" "$dir" | xargs -r nm -A -u --format=posix |
        awk -v allowed=" $3 " -v strict="$([[ $pure == *" $part "* ]] && echo 1)" \
            -v outside="^($libc|$libraries)\$" -v refused="^($libc_but)\$" '
            NR == FNR { home[$1] = home[$1] " " $2; next }
            $2 in home {
                count = split(home[$2], homes)
                for (i = 1; i <= count; i++)
                    if (index(allowed, " " homes[i] " ")) next
                print $1, $2, "is defined in" home[$2]
                next
            }
            strict && ($2 !~ outside || $2 ~ refused) { print $1, $2, "is not for this layer" }
        ' "$scratch/definitions" -
}

# bad_includes ROOT PART ALLOWED: the same for #include "..." lines. A name without a slash is a
# neighbour's, or the public header.
bad_includes() {
    local dir=$1/lib/$2
    if [[ $2 == cmd/* ]]; then dir=$1/$2; fi
    find "$dir" -name '*.[ch]' -exec grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + |
        awk -F'"' -v allowed=" $3 " '{
            part = $2
            sub("/[^/]*$", "", part)
            if (index($2, "..")) print
            else if (index($2, "/") && !index(allowed, " " part " ")) print
        }'
}

check() { # NAME FUNCTION ARGUMENT...
    local name=$1
    shift
    "$@" >"$scratch/found"
    tap "$([[ -s $scratch/found ]] && echo 1 || echo 0)" "$name" "$scratch/found"
}

# Each source has its object, else nothing is proven of it.
unbuilt() { # BUILD DIR
    local source
    for source in "$2"/*.c; do
        if [[ ! -e $1/${source%.c}.o || $1/${source%.c}.o -ot $source ]]; then
            printf '%s\n' "$1/${source%.c}.o is missing or older than its source"
        fi
    done
}

# ---- the check itself can fail ----------------------------------------------------------------

offend() { # PART FILE TEXT
    mkdir -p "$scratch/src/$1" "$scratch/build/$1"
    printf '%s\n' "$3" >"$scratch/src/$1/$2.c"
    "${CC:-cc}" -I"$scratch/src/lib" -c -o "$scratch/build/$1/$2.o" "$scratch/src/$1/$2.c"
}

expect() { # NAME PATTERN FUNCTION ARGUMENT...
    local name=$1 pattern=$2 rc=0
    shift 2
    "$@" >"$scratch/found"
    if [[ -n $pattern ]]; then
        grep -Eq "$pattern" "$scratch/found" || rc=1
    elif [[ -s $scratch/found ]]; then
        rc=1
    fi
    tap "$rc" "self-check: $name" "$scratch/found"
}

self_check() {
    local b=$scratch/build s=$scratch/src root=$scratch/src
    mkdir -p "$s/lib/net"
    : >"$s/lib/net/x.h"
    offend lib/net x 'int atls_x(void); int atls_x(void) { return 1; }'
    offend lib/trust t 'int atls_x(void); int atls_t(void); int atls_t(void) { return atls_x(); }'
    offend lib/core c '#include <time.h>
        long atls_c(void); long atls_c(void) { return (long)time(0); }'
    offend lib/cli i '#include "net/x.h"
        int atls_x(void); int atls_i(void); int atls_i(void) { return atls_x(); }'
    offend lib/explain e '#include <string.h>
        unsigned long atls_e(const char *t); unsigned long atls_e(const char *t) { return strlen(t); }'
    offend cmd/one o 'int tool_o(void); int tool_o(void) { return 1; }'
    offend cmd/two o 'int tool_o(void); int main(void) { return tool_o(); }'
    expect 'core with a clock is found' 'time is not for this layer' bad_symbols "$b" core core
    expect 'trust that calls net is found' 'atls_x is defined in net' \
        bad_symbols "$b" trust "${below[trust]}"
    expect 'cli that calls net is found' 'atls_x is defined in net' \
        bad_symbols "$b" cli "${below[cli]}"
    expect 'cli that includes net is found' 'net/x.h' bad_includes "$s" cli "${below[cli]}"
    expect 'a tool that calls another is found' 'tool_o is defined in cmd/one' \
        bad_symbols "$b" cmd/two "$layers cmd/two"
    expect 'what is allowed is not found' '' bad_symbols "$b" explain "${below[explain]}"
}

build=${1:?usage: check-layers.sh BUILD_DIR}
self_check
for dir in lib/*/ cmd/*/; do
    part=${dir%/} part=${part#lib/}
    if [[ $part == cmd/* ]]; then
        allowed="$layers $part"
    else
        allowed=${below[$part]:-}
    fi
    if [[ -z $allowed ]]; then
        printf '# no rule for lib/%s\n' "$part"
        tap 1 "$part is a known layer"
        continue
    fi
    check "$part: each object is of its source" unbuilt "$build" "${dir%/}"
    check "$part: symbols go down only" bad_symbols "$build" "$part" "$allowed"
    check "$part: includes go down only" bad_includes . "$part" "$allowed"
done
tap_done
