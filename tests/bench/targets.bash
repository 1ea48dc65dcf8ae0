# What is asked of the carriages, beside what was measured: a line each, and as JSON.
# shellcheck disable=SC2154  # bench.sh and table.bash set what is read here

# A figure to compare: WORK/CARRIER/METRIC, whose metric cpu is that of both sides.
figure() {
    local work carrier metric
    IFS=/ read -r work carrier metric <<<"$1"
    awk -F '\t' -v work="$work" -v carrier="$carrier" -v metric="$metric" '
        $1 == work && $2 == carrier && ($3 == metric || metric == "cpu" && $3 ~ /^(client|server)-cpu$/) {
            sum += $5; found = 1 }
        END { if (found) print sum }' "$TSV"
}

# target TITLE OURS PEER RELATION FACTOR: OURS >= or <= FACTOR times PEER, both as for figure(). PEER
# may be a number. What was not measured has no line.
target() {
    local ours peer=$3
    ours=$(figure "$2")
    if [[ $peer == */* ]]; then peer=$(figure "$peer"); fi
    [[ -n $ours && -n $peer ]] || return 0
    awk -v OFS='\t' -v title="$1" -v ours="$ours" -v peer="$peer" -v relation="$4" -v factor="$5" '
        BEGIN {
            ratio = peer > 0 ? ours / peer : 0
            met = peer > 0 && (relation == ">=" ? ratio >= factor : ratio <= factor)
            print title, ours, peer, ratio, relation, factor, met ? "met" : "SHORT"
        }'
}

bulk_targets() { # CARRIER SHARE: of the throughput of stunnel
    local way
    for way in up down; do
        target "$1 $way, MB/s: stunnel" "$way/$1/MB/s" "$way/stunnel/MB/s" '>=' "$2"
    done
}

# Of plain HTTP, whose inner TLS is the only one.
plain_targets() { # CARRIER
    local way
    bulk_targets "$1" 1
    for way in up down; do
        target "$1 $way, CPU s/GiB: stunnel" "$way/$1/cpu" "$way/stunnel/cpu" '<=' 1.2
        target "$1 $way, MB/s: httptunnel" "$way/$1/MB/s" "$way/httptunnel/MB/s" '>=' 2.5
    done
}

all_targets() {
    local way carrier
    plain_targets atls
    plain_targets atls-ws
    bulk_targets atls-https 0.65
    for way in up down; do
        target "json $way, MB/s: binary" "$way/atls-json/MB/s" "$way/atls/MB/s" '>=' 0.5
    done
    target 'echo p50 us, ws: stunnel' ping/atls-ws/p50 ping/stunnel/p50 '<=' 1.2
    target 'echo p50 us, stream: stunnel' ping/atls/p50 ping/stunnel/p50 '<=' 2
    target 'set-up, server CPU ms: stunnel' first/atls/server-cpu first/stunnel/server-cpu '<=' 1.3
    for carrier in far-atls far-atls-ws; do
        for way in up down; do
            target "$carrier $way, MB/s: base" "far-$way/$carrier/MB/s" "far-$way/far-atls-base/MB/s" '>=' 20
            target "$carrier $way, MB/s: stunnel" "far-$way/$carrier/MB/s" "far-$way/far-stunnel/MB/s" '>=' 0.75
        done
    done
    for carrier in atls atls-ws; do
        target "$carrier, $MANY sessions lost" "many/$carrier/lost" 1 '<=' 0
        target "$carrier, $MANY sessions, p99 us: 10" "many/$carrier/p99" "few/$carrier/p99" '<=' 2
        for way in up down; do
            target "$carrier $way $HUGE_MIB MiB, client RSS: 64 MiB" "huge-$way/$carrier/client-rss" 64 '<=' 1
        done
    done
}

write_targets() {
    all_targets >"$TARGETS"
    jq -R -s 'split("\n") | map(select(. != "") | split("\t") | {target: .[0], ours: (.[1] | tonumber),
        peer: (.[2] | tonumber), ratio: (.[3] | tonumber), relation: .[4], factor: (.[5] | tonumber),
        met: (.[6] == "met")})' "$TARGETS" >"${TARGETS%.tsv}.json"
}

print_targets() {
    local title ours peer ratio relation factor met
    printf '\n%-46s%11s%11s%9s%10s\n' 'asked of it' ours against ratio asked
    while IFS=$'\t' read -r title ours peer ratio relation factor met; do
        printf '  %-44s%11.2f%11.2f%9.2f%5s %4s  %s\n' "$title" "$ours" "$peer" "$ratio" \
            "$relation" "$factor" "$met"
    done <"$TARGETS"
    printf 'as TSV: %s; as JSON: %s\n' "$TARGETS" "${TARGETS%.tsv}.json"
}
