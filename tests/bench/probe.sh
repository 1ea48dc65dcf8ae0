#!/usr/bin/env bash
# atls-probe beside others on loopback, in interleaved rounds: one host against a bare GnuTLS
# handshake that reads the same store, gnutls-cli and openssl s_client; and many targets at once
# against openssl s_client in a loop. Markdown; the CPU seconds are those of user and system.
#
#   PROBE_ROUNDS (40), PROBE_TARGETS (1000)
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/../.."
. tests/lib/common.bash
. tests/lib/boxes.bash

ATLS_BIN=${ATLS_BIN:-bin}
ROUNDS=${PROBE_ROUNDS:-40}
TARGETS=${PROBE_TARGETS:-1000}
BARE=.build/plain/tests/bench/handshake
TIMEFORMAT='%R %U %S'
use_dir ''
trap 'stop_all; rm -rf "$DIR"' EXIT
make_ca ca
make_cert ca service service.test
mkdir "$DIR/www"
start_app "$DIR/www"
box_nginx_tls "$APP_PORT" "$CERTS/service.pem" "$CERTS/service.key"
bundle=/etc/ssl/certs/ca-certificates.crt
cat "$bundle" "$CERTS/ca.pem" >"$DIR/store.pem"
way=(--connect-to "::127.0.0.1:$NGINX_PORT" --store "$DIR/store.pem" --expect-ca "$CERTS/ca.pem")

declare -A command=(
    [bare]="$BARE $NGINX_PORT service.test $DIR/store.pem"
    [probe]="$ATLS_BIN/atls-probe -q ${way[*]} service.test"
    [gnutls-cli]="gnutls-cli --x509cafile $DIR/store.pem --sni-hostname service.test --verify-hostname service.test -p $NGINX_PORT 127.0.0.1"
    [openssl]="openssl s_client -CAfile $DIR/store.pem -servername service.test -connect 127.0.0.1:$NGINX_PORT"
)
names=(bare probe openssl)
if type -P gnutls-cli >/dev/null; then names+=(gnutls-cli); fi

# Appends "SECONDS CPU" of one run to $DIR/NAME.times.
measure() { # NAME
    local words
    read -ra words <<<"${command[$1]}"
    { time "${words[@]}" </dev/null >/dev/null 2>&1; } 2>&1 | awk '{ print $1, $2 + $3 }' >>"$DIR/$1.times"
}

median() { # FILE COLUMN
    awk -v column="$2" '{ print $column }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for ((i = 0; i < ROUNDS; i++)); do
    for name in "${names[@]}"; do measure "$name"; done
done
printf '| one host, median of %d | seconds | CPU seconds | beside the bare handshake |\n|---|---|---|---|\n' "$ROUNDS"
for name in "${names[@]}"; do
    awk -v name="$name" -v wall="$(median "$DIR/$name.times" 1)" -v cpu="$(median "$DIR/$name.times" 2)" \
        -v bare="$(median "$DIR/bare.times" 1)" \
        'BEGIN { printf "| %s | %.3f | %.3f | %.2f |\n", name, wall, cpu, bare ? wall / bare : 0 }'
done

for ((i = 0; i < TARGETS; i++)); do echo "host$i.service.test"; done >"$DIR/targets"
read -r wall user sys < <({ time "$ATLS_BIN/atls-probe" -q --depth quick --servername service.test "${way[@]}" \
    -f "$DIR/targets" >"$DIR/out" 2>&1; } 2>&1)
[[ $(grep -c ': direct' "$DIR/out") == "$TARGETS" ]]
memory=$(/usr/bin/python3 - "$ATLS_BIN/atls-probe" -q --depth quick --servername service.test "${way[@]}" -f "$DIR/targets" <<'PYTHON'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PYTHON
)
loops=$((TARGETS < 100 ? TARGETS : 100))
read -r openssl _ < <({ time for ((i = 0; i < loops; i++)); do
    openssl s_client -CAfile "$DIR/store.pem" -servername service.test -connect "127.0.0.1:$NGINX_PORT" </dev/null >/dev/null 2>&1
done; } 2>&1)
awk -v n="$TARGETS" -v wall="$wall" -v cpu="$(awk "BEGIN { print $user + $sys }")" -v memory="$memory" \
    -v openssl="$openssl" -v loops="$loops" 'BEGIN {
        printf "\n| %d targets | seconds | a second | most memory |\n|---|---|---|---|\n", n
        printf "| atls-probe, 64 at once | %.1f | %.0f | %.1f MiB |\n", wall, n / wall, memory / 1024
        printf "| openssl s_client in a loop (%d) | %.1f | %.0f | |\n", loops, openssl, loops / openssl
    }'
