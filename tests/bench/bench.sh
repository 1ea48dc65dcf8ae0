#!/usr/bin/env bash
# bench.sh: what base carriage costs, beside what Debian ships for the like, all over loopback.
#
#   BENCH_MIB (256)      size of a bulk transfer
#   BENCH_ROUNDS (5)     in each round everything is measured once, one after the other
#   BENCH_PINGS (1000)   round trips a round
#   BENCH_SESSIONS (10)  set-ups a round
#   BENCH_ONLY           carriers to measure, by their names in the table (stunnel is the reference)
#   ATLS_BIN (bin)       where the tools are
#
# The table goes to standard output and, with spread and method of each figure, to
# .build/bench.tsv; what each round gave to .build/bench-rounds.tsv. A peer that is not installed or
# fails is named as that. Fails if one of our own rows does.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/../.."
. tests/lib/common.bash

MIB=${BENCH_MIB:-256}
ROUNDS=${BENCH_ROUNDS:-5}
PINGS=${BENCH_PINGS:-1000}
SESSIONS=${BENCH_SESSIONS:-10}
ATLS_BIN=${ATLS_BIN:-bin}
APP=.build/plain/tests/bench/app
TSV=.build/bench.tsv
RAW=.build/bench-rounds.tsv

unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY SSLKEYLOGFILE \
    GNUTLS_SYSTEM_PRIORITY_FILE

declare -A title=(
    [direct]='nothing between (plain TCP)'
    [atls]='atls, http' [atls-json]='atls, json, http' [atls-https]='atls, https outside'
    [stunnel]='stunnel4, direct TLS' [socat]='socat, direct TLS' [httptunnel]='httptunnel, no TLS'
    [openssl]='openssl s_client'
)
# What can be missing: package and program.
declare -A package=([stunnel]=stunnel4 [socat]=socat [httptunnel]=httptunnel [openssl]=openssl)
declare -A program=([stunnel]=stunnel4 [socat]=socat [httptunnel]=htc [openssl]=openssl)
# By carrier: the port to connect to, and the names of its processes as start() knows them.
declare -A port client server broken
missing=()

# ---- carriers: each START function leaves a local port that leads to the application -----------

trust=() # of atls-client

start_atls() { # NAME SCHEME ENCODING
    local outer=()
    if [[ $2 == https ]]; then
        outer=(--outer-cert "$CERTS/bench.pem" --outer-key "$CERTS/bench.key")
    fi
    start_tool SERVER_PORT "$1-server" "$ATLS_BIN/atls-serve" --listen 127.0.0.1:0 \
        --cert "$CERTS/bench.pem" --key "$CERTS/bench.key" "${outer[@]}" --grace 0 \
        --backend "127.0.0.1:$APP_PORT" || return
    url[$1]=$2://127.0.0.1:$SERVER_PORT
    start_tool CLIENT_PORT "$1-client" "$ATLS_BIN/atls-client" -v --forward 127.0.0.1:0 \
        "${trust[@]}" --encoding "$3" "${url[$1]}" || return
    port[$1]=$CLIENT_PORT
}
declare -A url

stunnel_command() { # PORT SIDE TARGET, with the suite that GnuTLS chooses for atls
    local conf=$DIR/stunnel-$2.conf
    printf '%s\n' 'foreground = yes' 'syslog = no' 'debug = notice' "[$2]" \
        "accept = 127.0.0.1:$1" "connect = 127.0.0.1:$3" 'sslVersion = TLSv1.3' \
        'ciphersuites = TLS_AES_256_GCM_SHA384' 'curves = P-256' 'sessionResume = no' >"$conf"
    if [[ $2 == client ]]; then
        printf '%s\n' 'client = yes' "CAfile = $CERTS/ca.pem" 'verifyChain = yes' \
            'checkHost = bench.test' >>"$conf"
    else
        printf '%s\n' "cert = $CERTS/bench.pem" "key = $CERTS/bench.key" >>"$conf"
    fi
    COMMAND=(stunnel4 "$conf")
}

socat_command() { # PORT SIDE TARGET
    local here=bind=127.0.0.1,fork,reuseaddr,nodelay tls13=openssl-min-proto-version=TLS1.3
    if [[ $2 == client ]]; then
        COMMAND=(socat -b 65536 "TCP-LISTEN:$1,$here"
            "OPENSSL:127.0.0.1:$3,cafile=$CERTS/ca.pem,commonname=bench.test,nodelay,$tls13")
    else
        COMMAND=(socat -b 65536
            "OPENSSL-LISTEN:$1,$here,cert=$CERTS/bench.pem,key=$CERTS/bench.key,verify=0,$tls13"
            "TCP:127.0.0.1:$3,nodelay")
    fi
}

httptunnel_command() { # PORT SIDE TARGET
    if [[ $2 == client ]]; then
        COMMAND=(htc --no-daemon --forward-port "$1" "127.0.0.1:$3")
    else
        COMMAND=(hts --no-daemon --forward-port "127.0.0.1:$3" "127.0.0.1:$1")
    fi
}

start_peer() { # NAME
    if ! type -P "${program[$1]}" >/dev/null; then
        missing+=("${title[$1]} (package ${package[$1]}, program ${program[$1]})")
        return 1
    fi
    start_retry SERVER_PORT "$1-server" "$1_command" server "$APP_PORT" &&
        start_retry CLIENT_PORT "$1-client" "$1_command" client "$SERVER_PORT" || return
    if [[ $1 == stunnel ]]; then STUNNEL_PORT=$SERVER_PORT; fi
    port[$1]=$CLIENT_PORT
}
STUNNEL_PORT=

start_carrier() { # NAME
    client[$1]=$1-client
    server[$1]=$1-server
    case $1 in
    direct) port[direct]=$APP_PORT ;;
    atls) start_atls atls http atls ;;
    atls-json) start_atls atls-json http json ;;
    atls-https) start_atls atls-https https atls ;;
    *) start_peer "$1" ;;
    esac
}

ours() { [[ $1 == atls* ]]; }

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

# note WORK CARRIER METRIC VALUE: one line of this round.
note() { printf '%s\t%s\t%s\t%s\t%s\n' "$round" "$@" >>"$RAW"; }

bytes=$((MIB << 20))

run_work() { # WORK CARRIER: the app's words in said
    case $1 in
    up | down) said=$("$APP" "$1" "${port[$2]}" "$bytes") ;;
    ping) said=$("$APP" ping "${port[$2]}" "$PINGS" 100) ;;
    first) said=$("$APP" first "${port[$2]}" "$SESSIONS") ;;
    spawn) said=$(spawn "$2") ;;
    esac 2>>"$DIR/app-errors.log"
}

# What a person starts by hand: one process a session, from fork() to the first byte.
spawn() {
    local command
    case $1 in
    atls*) command=("$ATLS_BIN/atls-client" -q "${trust[@]}" --encoding "${encoding[$1]}"
        "${url[$1]}") ;;
    openssl) command=(openssl s_client -quiet -no_ign_eof -verify_return_error -CAfile
        "$CERTS/ca.pem" -verify_hostname bench.test -servername bench.test
        -connect "127.0.0.1:$STUNNEL_PORT") ;;
    esac
    "$APP" spawn "$SESSIONS" "${command[@]}" 2>>"$DIR/spawn-$1.log"
}
declare -A encoding=([atls]=atls [atls-json]=json [atls-https]=atls)

measure() { # WORK CARRIER
    local c=${client[$2]:-} s=${server[$2]:-} c0 s0 c1 s1 said value p50 p99 count
    if [[ -n ${broken[$1 $2]:-} ]]; then return; fi
    if [[ $1 == up || $1 == down ]]; then
        reset_rss "$c"
        reset_rss "$s"
    fi
    c0=$(cpu "$c") s0=$(cpu "$s")
    if ! run_work "$1" "$2"; then
        broken[$1 $2]=$(tail -n 1 "$DIR/app-errors.log")
        return
    fi
    c1=$(cpu "$c") s1=$(cpu "$s")
    case $1 in
    up | down)
        note "$1" "$2" MB/s "$(awk "BEGIN { print $bytes / 1e6 / $said }")"
        [[ $2 != direct ]] || return 0
        note "$1" "$2" client-cpu "$(awk "BEGIN { print ($c1 - $c0) * 1024 / $MIB }")"
        note "$1" "$2" server-cpu "$(awk "BEGIN { print ($s1 - $s0) * 1024 / $MIB }")"
        note "$1" "$2" client-rss "$(rss "$c")"
        note "$1" "$2" server-rss "$(rss "$s")"
        ;;
    ping)
        read -r p50 p99 count <<<"$said"
        note ping "$2" p50 "$p50"
        note ping "$2" p99 "$p99"
        note ping "$2" count "$count"
        ;;
    first | spawn)
        while read -r value; do
            if [[ $value == cpu* ]]; then
                note "$1" "$2" client-cpu "$(awk "BEGIN { print ${value#* } * 1000 / $SESSIONS }")"
            else
                note "$1" "$2" ms "$(awk "BEGIN { print $value / 1000 }")"
            fi
        done <<<"$said"
        [[ $2 != direct ]] || return 0
        if [[ $1 == first ]]; then
            note first "$2" client-cpu "$(awk "BEGIN { print ($c1 - $c0) * 1000 / $SESSIONS }")"
        fi
        note "$1" "$2" server-cpu "$(awk "BEGIN { print ($s1 - $s0) * 1000 / $SESSIONS }")"
        ;;
    esac
}

# ---- the table ----------------------------------------------------------------------------------

# From the rounds: work, carrier, metric, median or mean, ratio to stunnel, least, most, number. A
# ratio is the median of the rounds' ratios, so that a slow minute of the machine counts on both
# sides. CPU of a set-up is a mean: one session is below the tick of the kernel's clock.
summary() {
    awk -F '\t' -v OFS='\t' '
        function sorted(text, into,    n, i, j, t) {
            n = split(text, into, " ")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && into[j] + 0 < into[j - 1] + 0; j--) {
                    t = into[j]; into[j] = into[j - 1]; into[j - 1] = t
                }
            return n
        }
        function median(text,    n, v) {
            n = sorted(text, v)
            return n == 0 ? "" : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        }
        function mean(text,    n, v, i, sum) {
            n = split(text, v, " ")
            for (i = 1; i <= n; i++) sum += v[i]
            return n ? sum / n : ""
        }
        function centre(work, metric, text) {
            return work ~ /first|spawn/ && metric ~ /cpu/ ? mean(text) : median(text)
        }
        function ratio(key, ref, work, metric,    r, text, a, b) {
            if (work ~ /first|spawn/) {
                b = centre(work, metric, all[ref])
                return b > 0 ? centre(work, metric, all[key]) / b : "-"
            }
            for (r = 1; r <= rounds; r++) {
                a = median(one[key, r]); b = median(one[ref, r])
                if (a != "" && b > 0) text = text " " a / b
            }
            return text == "" ? "-" : median(text)
        }
        { key = $2 OFS $3 OFS $4; if (!(key in all)) order[++count] = key
          all[key] = all[key] " " $5; one[key, $1] = one[key, $1] " " $5
          if ($1 > rounds) rounds = $1 }
        END {
            for (i = 1; i <= count; i++) {
                key = order[i]; split(key, k, OFS)
                n = sorted(all[key], v)
                ref = k[1] OFS (k[1] == "spawn" ? "openssl" : "stunnel") OFS k[3]
                print k[1], k[2], k[3], centre(k[1], k[3], all[key]),
                    ratio(key, ref, k[1], k[3]), v[1], v[n], n
            }
        }' "$RAW"
}

declare -A unit=([MB/s]=MB/s [client-cpu]=s/GiB [server-cpu]=s/GiB [client-rss]=MiB
    [server-rss]=MiB [p50]=us [p99]=us [count]=1 [ms]=ms)
declare -A how=(
    [up]='application client to application server, first write until the server has the last byte'
    [down]='request until the client has the last byte'
    [client-cpu]='user+system of all processes of the client side, /proc/PID/stat before and after'
    [server-cpu]='the same of the server side'
    [client-rss]='VmHWM of /proc/PID/status, reset before the transfer'
    [server-rss]='VmHWM of /proc/PID/status, reset before the transfer'
    [ping]="$PINGS times 100 bytes there and back in one session, or what 5 s allow"
    [count]='round trips made'
    [first]='running client (-L or the like): connect() until the first byte from the application'
    [spawn]='new client process: fork() until the first byte from the application on its output'
)

method() { # WORK METRIC
    printf '%s\n' "${how[$2]:-${how[$1]}}"
}

write_tsv() {
    local work carrier metric value ratio least most number u
    printf 'work\tcarrier\tmetric\tunit\tvalue\tratio\tleast\tmost\tvalues\thow\n'
    while IFS=$'\t' read -r work carrier metric value ratio least most number; do
        u=${unit[$metric]}
        if [[ $work == first || $work == spawn ]]; then u=${u/s\/GiB/ms}; fi
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$work" "$carrier" "$metric" "$u" \
            "$value" "$ratio" "$least" "$most" "$number" "$(method "$work" "$metric")"
    done < <(summary)
}

# field WORK CARRIER METRIC COLUMN FORMAT
field() {
    local value
    value=$(awk -F '\t' -v key="$1 $2 $3" -v column="$4" \
        '$1 " " $2 " " $3 == key { print $column }' "$TSV")
    # shellcheck disable=SC2059  # the format is what the caller chose
    if [[ $value == *[0-9]* ]]; then printf "$5" "$value"; else printf -- '-'; fi
}

rows() { # WORK METRIC:COLUMN:FORMAT...
    local work=$1 carrier spec metric column format
    shift
    for carrier in "${present[@]}" openssl; do
        if [[ -n ${broken[$work $carrier]:-} ]]; then
            printf '  %-28s failed: %s\n' "${title[$carrier]}" "${broken[$work $carrier]}"
            continue
        fi
        grep -qs "^$work"$'\t'"$carrier"$'\t' "$TSV" || continue
        printf '  %-28s' "${title[$carrier]}"
        for spec; do
            IFS=: read -r metric column format <<<"$spec"
            printf '%11s' "$(field "$work" "$carrier" "$metric" "$column" "$format")"
        done
        printf '\n'
    done
}

heading() { # TITLE COLUMN...
    printf '\n%-30s' "$1"
    shift
    printf '%11s' "$@"
    printf '\n'
}

table() {
    local work bulk=(MB/s:5:%.0f MB/s:6:%.2f client-cpu:5:%.2f client-cpu:6:%.2f server-cpu:5:%.2f
        server-cpu:6:%.2f client-rss:5:%.1f server-rss:5:%.1f)
    local setup=(ms:5:%.2f ms:6:%.2f client-cpu:5:%.2f server-cpu:5:%.2f server-cpu:6:%.2f)
    for work in up down; do
        heading "bulk $work, $MIB MiB" MB/s ratio 'client CPU' ratio 'server CPU' ratio 'client RSS' \
            'server RSS'
        rows "$work" "${bulk[@]}"
    done
    heading "round trip, 100 bytes" 'median us' ratio 'p99 us' ratio made
    rows ping p50:5:%.0f p50:6:%.2f p99:5:%.0f p99:6:%.2f count:5:%.0f
    heading 'set-up, running client' 'median ms' ratio 'client CPU' 'server CPU' ratio
    rows first "${setup[@]}"
    heading 'set-up, new process' 'median ms' ratio 'client CPU' 'server CPU' ratio
    rows spawn "${setup[@]}"
}

legend() {
    local name
    printf '\nRatios: to stunnel4, of the same round (set-up by a new process: to openssl s_client).\n'
    printf 'MB/s: 10^6 bytes. up: %s.\n' "${how[up]}"
    printf '  down: %s.\n' "${how[down]}"
    printf 'CPU: s/GiB, of a set-up ms each; %s.\n' "${how[client-cpu]}"
    printf 'RSS: peak, MiB; %s.\n' "${how[client-rss]}"
    printf 'round trip: %s; median of the rounds.\n' "${how[ping]}"
    printf 'set-up: full handshake with verified certificate (ECDSA P-256), %s of each.\n' \
        "$((SESSIONS * ROUNDS))"
    printf '  running client: %s.\n  new process: %s.\n' "${how[first]#*: }" "${how[spawn]#*: }"
    printf 'HTTP exchanges up to and including the first bytes of the application: %s\n' "$exchanges"
    printf 'All over loopback, with nothing between; every carrier has the same application at both ends.\n'
    for name in "${missing[@]}"; do printf 'missing: %s\n' "$name"; done
    for name in chisel wstunnel crowbar; do
        if [[ -z $(apt-cache madison "$name" 2>/dev/null) ]]; then
            printf 'not in this Debian: %s\n' "$name"
        fi
    done
    printf 'as TSV, with spread: %s; each round: %s\n' "$TSV" "$RAW"
}

versions() {
    local suite
    suite=$(sed -n '/inner TLS: /{s/.*inner TLS: \([^ ]*\) .*/\1/p;q}' "$DIR/atls-client.log" 2>/dev/null) || :
    printf '%s, %s cores, load before %s, now %s\n' \
        "$(sed -n '/^model name/{s/[^:]*: //p;q}' /proc/cpuinfo)" "$(nproc)" "$load" \
        "$(cut -d ' ' -f 1 /proc/loadavg)"
    printf 'inner TLS: %s; peers: TLS 1.3, AES-256-GCM, P-256\n' "${suite:-?}"
    printf '%s rounds, interleaved; medians\n' "$ROUNDS"
}

# The server says with which exchange the session stood, and the first application bytes came.
count_exchanges() {
    sed -n 's/.*: open from .*, \([0-9]*\) exchanges$/\1/p' "$DIR/atls-server.log" | sort -n | uniq -c |
        awk '{ printf "%s%s (%s sessions)", sep, $2, $1; sep = ", " }'
}

# ---- all of it ----------------------------------------------------------------------------------

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

begin
present=()
for carrier in ${BENCH_ONLY:-direct atls atls-json atls-https stunnel socat httptunnel}; do
    if start_carrier "$carrier"; then
        present+=("$carrier")
    elif ours "$carrier"; then
        say_error "bench: $carrier did not start"
        exit 1
    elif [[ " ${missing[*]} " != *" ${title[$carrier]} "* ]]; then
        missing+=("${title[$carrier]} (did not start)")
    fi
done
spawned=()
for carrier in "${present[@]}"; do
    if ours "$carrier"; then spawned+=("$carrier"); fi
done
if [[ -n $STUNNEL_PORT ]]; then
    server[openssl]=stunnel-server
    spawned+=(openssl)
else
    missing+=("${title[openssl]} (its server is stunnel4's)")
fi

for ((round = 1; round <= ROUNDS; round++)); do
    printf 'round %s of %s\n' "$round" "$ROUNDS" >&2
    for work in up down ping first; do
        for carrier in "${present[@]}"; do measure "$work" "$carrier"; done
    done
    for carrier in "${spawned[@]}"; do measure spawn "$carrier"; done
done

exchanges=$(count_exchanges)
write_tsv >"$TSV"
versions
table
legend
for key in "${!broken[@]}"; do
    if ours "${key#* }"; then exit 1; fi
done
