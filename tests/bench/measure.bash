# One measurement of one carrier, noted as a line of its round.
# shellcheck disable=SC2154,SC2004  # bench.sh sets what is read here

# ---- what a carrier's processes use -------------------------------------------------------------

# CPU seconds of NAME's process group so far, children that ended included.
cpu() {
    local group
    group=$(pid_of "$1" 2>/dev/null) || { echo 0 && return; }
    cat /proc/[0-9]*/stat 2>/dev/null |
        awk -v group="$group" -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, "") }
            $3 == group { sum += $12 + $13 + $14 + $15 } END { print sum / hz }' || :
}

pids() {
    local group
    group=$(pid_of "$1" 2>/dev/null) || return 0
    cat /proc/[0-9]*/stat 2>/dev/null |
        awk -v group="$group" '{ pid = $1; sub(/.*\) /, "") } $3 == group { print pid }' || :
}

# The peak begins anew at what is resident now.
reset_rss() {
    local pid
    for pid in $(pids "$1"); do echo 5 2>/dev/null >"/proc/$pid/clear_refs" || :; done
}

rss() { # MiB, all its processes
    local pid
    for pid in $(pids "$1"); do cat "/proc/$pid/status" 2>/dev/null || :; done |
        awk '/^VmHWM:/ { sum += $2 } END { print sum / 1024 }'
}

# ---- measuring ----------------------------------------------------------------------------------

calc() { awk "BEGIN { print $1 }"; }

# note WORK CARRIER METRIC VALUE: one line of this round.
note() { printf '%s\t%s\t%s\t%s\t%s\n' "$round" "$@" >>"$RAW"; }

# The works that a carrier is there for.
works_of() {
    case $1 in
    far-*) echo far-up far-down ;;
    post) echo up down ;;
    httptunnel) echo up down ping first ;;
    openssl) echo spawn ;;
    atls | atls-ws) echo up down ping first spawn few many huge-up huge-down ;;
    atls*) echo up down ping first spawn ;;
    stunnel) echo up down ping first few many ;;
    *) echo up down ping first ;;
    esac
}

mib_of() { # WORK CARRIER
    case $1 in
    far-*) if [[ $2 == *-base ]]; then echo "$FAR_BASE_MIB"; else echo "$FAR_MIB"; fi ;;
    huge-*) echo "$HUGE_MIB" ;;
    *) echo "$MIB" ;;
    esac
}

run_work() { # WORK CARRIER: the program's words in said
    local to=${port[$2]:-} bytes
    bytes=$(($(mib_of "$1" "$2") << 20))
    case $1 in
    up | down | far-up | far-down | huge-up | huge-down)
        case $2 in
        post) said=$("$BENCH_PROGRAMS/post" "$1" "$to" "$bytes") ;;
        *) said=$("$APP" "${1#*-}" "$to" "$bytes") ;;
        esac
        ;;
    ping) said=$("$APP" ping "$to" "$PINGS" 1) ;;
    first) said=$("$APP" first "$to" "$SESSIONS") ;;
    few) said=$("$BENCH_PROGRAMS/many" "$to" 10 "$MANY_SECONDS") ;;
    many) said=$("$BENCH_PROGRAMS/many" "$to" "$MANY" "$MANY_SECONDS") ;;
    spawn) said=$(spawn "$2") ;;
    esac 2>>"$DIR/app-errors.log"
}

# What a person starts by hand: one process a session, from fork() to the first byte.
spawn() {
    local command words
    if ours "$1"; then
        read -ra words <<<"${way[$1]}"
        command=("$ATLS_BIN/atls-client" -q "${trust[@]}" --encoding "${words[@]:1}" "${url[$1]}")
    else
        command=(openssl s_client -quiet -no_ign_eof -verify_return_error -CAfile
            "$CERTS/ca.pem" -verify_hostname bench.test -servername bench.test
            -connect "127.0.0.1:$STUNNEL_PORT")
    fi
    "$APP" spawn "$SESSIONS" "${command[@]}" 2>>"$DIR/spawn-$1.log"
}

measure() { # WORK CARRIER
    local work=$1 name=$2 c=${client[$2]:-} s=${server[$2]:-} c0 s0 c1 s1 said
    [[ " $(works_of "$name") " == *" $work "* && -z ${broken[$work $name]:-} ]] || return 0
    if [[ $work == huge-* ]] && ((round > 1)); then return 0; fi # for its memory
    reset_rss "$c"
    reset_rss "$s"
    c0=$(cpu "$c") s0=$(cpu "$s")
    if ! run_work "$work" "$name"; then
        broken[$work $name]=$(tail -n 1 "$DIR/app-errors.log")
        return
    fi
    c1=$(cpu "$c") s1=$(cpu "$s")
    case $work in
    up | down | far-* | huge-*) note_bulk ;;
    ping) note_words p50 p99 count ;;
    few | many)
        note_words p50 p99 count lost
        note_cpu "1000 / $MANY_SECONDS"
        ;;
    first | spawn) note_setup ;;
    esac
}

# The notes of a measurement, in measure()'s words.
note_words() { # METRIC...
    local metric values
    read -ra values <<<"$said"
    for metric; do
        note "$work" "$name" "$metric" "${values[0]}"
        values=("${values[@]:1}")
    done
}

note_cpu() { # FACTOR
    note "$work" "$name" client-cpu "$(calc "($c1 - $c0) * $1")"
    note "$work" "$name" server-cpu "$(calc "($s1 - $s0) * $1")"
}

note_bulk() {
    local mib
    mib=$(mib_of "$work" "$name")
    note "$work" "$name" MB/s "$(calc "$mib * 1048576 / 1e6 / $said")"
    [[ $name != direct && $name != post ]] || return 0
    note_cpu "1024 / $mib"
    note "$work" "$name" client-rss "$(rss "$c")"
    note "$work" "$name" server-rss "$(rss "$s")"
}

note_setup() {
    local value
    while read -r value; do
        if [[ $value == cpu* ]]; then
            note "$work" "$name" client-cpu "$(calc "${value#* } * 1000 / $SESSIONS")"
        else
            note "$work" "$name" ms "$(calc "$value / 1000")"
        fi
    done <<<"$said"
    [[ $name != direct ]] || return 0
    if [[ $work == first ]]; then
        note_cpu "1000 / $SESSIONS"
    else
        note "$work" "$name" server-cpu "$(calc "($s1 - $s0) * 1000 / $SESSIONS")"
    fi
}
