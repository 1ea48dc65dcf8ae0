# The rounds' notes as a table, as TSV and as JSON.
# shellcheck disable=SC2154,SC2004  # bench.sh sets what is read here

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
                peer = k[1] == "spawn" ? "openssl" : k[1] ~ /^far-/ ? "far-stunnel" : "stunnel"
                ref = k[1] OFS peer OFS k[3]
                print k[1], k[2], k[3], centre(k[1], k[3], all[key]),
                    ratio(key, ref, k[1], k[3]), v[1], v[n], n
            }
        }' "$RAW"
}

declare -A unit=([MB/s]=MB/s [client-cpu]=s/GiB [server-cpu]=s/GiB [client-rss]=MiB
    [server-rss]=MiB [p50]=us [p99]=us [count]=1 [lost]=1 [ms]=ms)
declare -A how=(
    [up]='application client to application server, first write until the server has the last byte'
    [down]='request until the client has the last byte'
    [far-up]="the same over a path of $FAR_MS ms round trip, $FAR_WINDOW_MIB MiB of socket buffers"
    [far-down]="the same over a path of $FAR_MS ms round trip, $FAR_WINDOW_MIB MiB of socket buffers"
    [huge-up]='the same, once, for the memory that it takes'
    [huge-down]='the same, once, for the memory that it takes'
    [client-cpu]='user+system of all processes of the client side, /proc/PID/stat before and after'
    [server-cpu]='the same of the server side'
    [client-rss]='VmHWM of /proc/PID/status, reset before the transfer'
    [server-rss]='VmHWM of /proc/PID/status, reset before the transfer'
    [ping]="$PINGS times 1 byte there and back in one session, or what 5 s allow"
    [count]='round trips made'
    [few]="10 sessions at once, an echo of 100 bytes a second each, for $MANY_SECONDS s"
    [many]="$MANY sessions at once, an echo of 100 bytes a second each, for $MANY_SECONDS s"
    [lost]='sessions that ended, or whose echo did not come'
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
        case $work in
        first | spawn) u=${u/s\/GiB/ms} ;;
        few | many) u=${u/s\/GiB/ms\/s} ;;
        esac
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
    for carrier in "${present[@]}"; do
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

write_json() {
    awk -F '\t' 'function text(s) { gsub(/["\\]/, "\\\\&", s); return "\"" s "\"" }
        function number(s) { return s ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ ? s : "null" }
        NR == 1 { print "["; next }
        { printf "%s  {\"work\": %s, \"carrier\": %s, \"metric\": %s, \"unit\": %s, \"value\": %s, " \
            "\"ratio\": %s, \"least\": %s, \"most\": %s, \"values\": %s}", NR == 2 ? "" : ",\n", text($1),
            text($2), text($3), text($4), number($5), number($6), number($7), number($8), number($9) }
        END { print "\n]" }' "$TSV"
}

table() {
    local work mib=$MIB
    local bulk=(MB/s:5:%.0f MB/s:6:%.2f client-cpu:5:%.2f client-cpu:6:%.2f server-cpu:5:%.2f
        server-cpu:6:%.2f client-rss:5:%.1f server-rss:5:%.1f)
    local setup=(ms:5:%.2f ms:6:%.2f client-cpu:5:%.2f server-cpu:5:%.2f server-cpu:6:%.2f)
    local many=(p50:5:%.0f p50:6:%.2f p99:5:%.0f p99:6:%.2f lost:5:%.0f client-cpu:5:%.1f
        server-cpu:5:%.1f)
    for work in up down far-up far-down huge-up huge-down; do
        [[ " $WORKS " == *" $work "* ]] || continue
        if [[ $work == far-* ]]; then mib="$FAR_MS ms, $FAR_MIB"; fi
        if [[ $work == huge-* ]]; then mib=$HUGE_MIB; fi
        heading "bulk ${work#*-}, $mib MiB" MB/s ratio 'client CPU' ratio 'server CPU' ratio \
            'client RSS' 'server RSS'
        rows "$work" "${bulk[@]}"
    done
    heading 'round trip, 1 byte' 'median us' ratio 'p99 us' ratio made
    rows ping p50:5:%.0f p50:6:%.2f p99:5:%.0f p99:6:%.2f count:5:%.0f
    heading '10 sessions, 1 echo/s each' 'median us' ratio 'p99 us' ratio lost 'client CPU' 'server CPU'
    rows few "${many[@]}"
    heading "$MANY sessions, 1 echo/s each" 'median us' ratio 'p99 us' ratio lost 'client CPU' 'server CPU'
    rows many "${many[@]}"
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
    printf 'CPU: s/GiB, of a set-up ms each, of many sessions ms/s; %s.\n' "${how[client-cpu]}"
    printf 'RSS: peak, MiB; %s.\n' "${how[client-rss]}"
    printf 'round trip: %s; median of the rounds.\n' "${how[ping]}"
    printf 'set-up: full handshake with verified certificate (ECDSA P-256), %s of each.\n' \
        "$((SESSIONS * ROUNDS))"
    printf '  running client: %s.\n  new process: %s.\n' "${how[first]#*: }" "${how[spawn]#*: }"
    printf 'HTTP exchanges up to and including the first bytes of the application: %s\n' "$exchanges"
    printf 'All over loopback; every carrier has the same application at both ends. With "%s ms" a relay lets\n' \
        "$FAR_MS"
    printf 'each byte arrive %s ms later, at most %s MiB of them on their way (tests/bench/far.c).\n' \
        $((FAR_MS / 2)) "$FAR_WINDOW_MIB"
    for name in "${missing[@]}"; do printf 'missing: %s\n' "$name"; done
    for name in chisel wstunnel crowbar; do
        if [[ -z $(apt-cache madison "$name" 2>/dev/null) ]]; then
            printf 'not in this Debian: %s\n' "$name"
        fi
    done
    printf 'as TSV, with spread: %s; as JSON: %s; each round: %s\n' "$TSV" "$JSON" "$RAW"
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
    [[ -e $DIR/atls-server.log ]] || return 0
    sed -n 's/.*: open from .*, \([0-9]*\) exchanges$/\1/p' "$DIR/atls-server.log" | sort -n | uniq -c |
        awk '{ printf "%s%s (%s sessions)", sep, $2, $1; sep = ", " }'
}

