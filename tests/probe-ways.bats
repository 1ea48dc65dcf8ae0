#!/usr/bin/env bats
# atls-probe in a network of its own, where each host has its address: IPv4 and IPv6 of one name, several
# addresses of one name, whom a probe speaks to at all, and the recipes of its manual page.

# shellcheck disable=SC2030,SC2031,SC2034  # run sets output and stderr anew in each test; helpers read variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/atls
load lib/probe

setup_file() {
    begin_file
    make_ca public rsa && make_ca inter ecdsa public && make_ca forger
    _dated inter service 'service.test,both.test,other.test,many.test' -1hour +30days
    _dated forger forged 'both.test,other.test,many.test' -1hour +30days
    _dated inter recipes 'registry.example,github.com,update.example' -1hour +30days
    _dated inter expired expired.test -3days -1day
    _dated forger portal login.elsewhere.test -1hour +30days
    _dated public canary canary.test -1hour +30days
    _dated inter missing missing.test -1hour +30days 'authorityInfoAccess = caIssuers;URI:http://192.0.2.3/inter.cer' \
        'crlDistributionPoints = URI:http://192.0.2.3/inter.crl'
    cp "$CERTS/missing.leaf" "$CERTS/missing.pem"
    openssl x509 -in "$CERTS/inter.pem" -outform DER -out "$CERTS/inter.cer"
    _revoke "$CERTS/canary.leaf"
    cp "$CERTS/public.pem" "$CERTS/roots.pem"
    start_world
}

setup() {
    begin_test
    INSTALLED=
}

teardown() { end_test; }
teardown_file() { end_file; }

# ---- the network ----------------------------------------------------------------------------------

# All hosts are addresses of loopback there, which is also where everything else leads.
read -rd '' WORLD_SH <<'SH' || :
set -e
mount --bind "$1" /etc
ip link set lo up
for host in 1 2 3 4 5 6 7; do ip addr add "192.0.2.$host/32" dev lo; done
for host in 1 2; do ip addr add "2001:db8::$host/128" dev lo nodad; done
ip route add default dev lo
ip -6 route add default dev lo
echo ready
exec tail -f /dev/null
SH

start_world() {
    cp -a /etc "$DIR/etc"
    printf '%s\n' '192.0.2.1 service.test missing.test portal.test' '192.0.2.2 canary.test' \
        '192.0.2.1 registry.example github.com update.example expired.test' '192.0.2.7 www.example.org nobody.test' \
        '192.0.2.8 login.elsewhere.test' '192.0.2.1 both.test' '2001:db8::2 both.test' '192.0.2.5 other.test' \
        '2001:db8::1 other.test' '192.0.2.5 many.test' '192.0.2.1 many.test' '192.0.2.6 many.test' >"$DIR/etc/hosts"
    mkdir "$DIR/etc/device"
    cp "$CERTS/public.pem" "$DIR/etc/device/roots.pem"
    chmod 755 "$DIR"
    start world unshare -n -m sh -c "$WORLD_SH" sh "$DIR/etc"
    wait_log world '^ready$'
    WORLD=$(pid_of world)
    export WORLD
    _sites >"$DIR/conf"
    start sites nsenter -t "$WORLD" -n /usr/sbin/nginx -p "$DIR" -e stderr -c "$DIR/conf"
    wait_log sites 'start worker process '
}

# The ports are of this network alone.
_sites() {
    local path
    printf '%s\n' 'daemon off;' "pid $DIR/nginx.pid;" 'error_log stderr notice;' 'worker_processes 1;'
    if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
    printf '%s\n' 'events { worker_connections 512; }' 'http {' 'access_log off;'
    for path in client_body proxy fastcgi uwsgi scgi; do printf '%s_temp_path %s/%s;\n' "$path" "$DIR" "$path"; done
    _site service '192.0.2.1 [2001:db8::1] 192.0.2.6' 'service.test both.test other.test many.test'
    _site forged '192.0.2.5 [2001:db8::2]' 'both.test other.test many.test'
    _site canary 192.0.2.2 canary.test
    _site missing 192.0.2.1 missing.test
    _site portal 192.0.2.1 portal.test 'return 302 http://login.elsewhere.test/;'
    _site recipes 192.0.2.1 'registry.example github.com update.example'
    _site expired 192.0.2.1 expired.test
    printf '%s\n' 'server {' 'listen 192.0.2.3:80;' "root $CERTS;" '}' '}'
}

_site() { # CERT ADDRESSES NAMES [LINE]
    local address
    printf 'server {\n'
    for address in $2; do printf 'listen %s:443 ssl;\n' "$address"; done
    printf '%s\n' "server_name $3;" "ssl_certificate $CERTS/$1.pem;" "ssl_certificate_key $CERTS/$1.key;" \
        "${4:-return 200 \"origin\\n\";}" '}'
}

inside() { nsenter -t "$WORLD" -n -m "$@"; }

# As probe of probe.bash, there.
probe_inside() {
    inside timeout -k 5 60 "$ATLS_BIN/atls-probe" --store "$CERTS/roots.pem" --public-roots "$CERTS/roots.pem" "$@"
}

# ---- IPv4, IPv6, and each address -------------------------------------------------------------------

@test "IPv4 and IPv6 of one name that differ" {
    # The system prefers IPv6, which is where the forger is.
    run -1 --separate-stderr probe_inside --json --depth full both.test
    jq -e '.address == "2001:db8::2" and .verdict == "intercepted" and .who == "CN=forger"' <<<"$output"
    jq -e '[.evidence[] | select(.kind == "way" and .weight == 80)] |
        any(.seen == "by IPv4: another certificate, which is vouched for, by '\''CN=inter'\''")' <<<"$output"
    run -0 --separate-stderr probe_inside --json -4 both.test
    jq -e '.address == "192.0.2.1"' <<<"$output"
    # The other way round: what was seen on this connection holds for it, and the other is told of.
    run -0 --separate-stderr probe_inside --json --depth full other.test
    jq -e '.address == "2001:db8::1" and .verdict == "direct"' <<<"$output"
    jq -e '[.evidence[] | select(.kind == "way" and .weight == 0)] |
        any(.seen == "by IPv4: another certificate, by '\''CN=forger'\''")' <<<"$output"
    run -7 --separate-stderr probe_inside -4 other.test
    # Of the family that was asked for alone.
    run -0 --separate-stderr probe_inside --json --depth full -4 both.test
    jq -e '[.evidence[] | select(.kind == "way")] == []' <<<"$output"
}

@test "IPv4 and IPv6 of one name that agree" {
    run -0 --separate-stderr probe_inside --json --depth full service.test
    jq -e '[.evidence[] | select(.kind == "way")] == []' <<<"$output"
    # With --connect-to, the other address is another way all the same.
    run -0 --separate-stderr probe_inside -6 --connect-to 'service.test:443:[2001:db8::1]:443' service.test
}

@test "addresses of one name that differ" {
    run -1 --separate-stderr probe_inside --json --depth full many.test
    jq -e '.address == "192.0.2.5" and .verdict == "intercepted"' <<<"$output"
    jq -e '[.evidence[] | select(.kind == "way") | [.weight, .seen]] == [
        [80, "at 192.0.2.1: another certificate, which is vouched for, by '\''CN=inter'\''"],
        [80, "at 192.0.2.6: another certificate, which is vouched for, by '\''CN=inter'\''"]]' <<<"$output"
    # Without that, one address is as good as another.
    run -7 --separate-stderr probe_inside many.test
    run -0 --separate-stderr probe_inside --resolve many.test:443:192.0.2.6 many.test
    run -7 --separate-stderr probe_inside --resolve many.test:443:192.0.2.5 many.test
}

# ---- whom a probe speaks to --------------------------------------------------------------------------

# contacted CODE "ADDRESS.PORT..." OPTION...: connections and datagrams of a probe go there, and nowhere else. A
# datagram to 192.0.2.9 is the last that counts.
contacted() {
    local found
    rm -f "$DIR/pcap"
    start tcpdump nsenter -t "$WORLD" -n tcpdump -Z root --immediate-mode -U -i lo -w "$DIR/pcap"
    wait_log tcpdump 'listening on'
    run -"$1" --separate-stderr probe_inside "${@:3}"
    inside bash -c 'echo >/dev/udp/192.0.2.9/9'
    wait_for 20 _marked
    stop tcpdump
    found=$(_packets | awk '/Flags \[S\],/ || !/Flags|ICMP/ { sub(/:$/, "", $5); print $5 }' | grep -vx 192.0.2.9.9 | sort -u | xargs)
    [[ $found == "$2" ]] || { echo "$found" && return 1; }
}

_packets() { tcpdump -nn -t -r "$DIR/pcap" 2>/dev/null | sed 's/^/- /'; }
_marked() { _packets | grep -qF '> 192.0.2.9.9: '; }

@test "nothing goes to any host but the target" {
    contacted 0 192.0.2.1.443 service.test
    contacted 0 192.0.2.1.443 --depth full service.test
    contacted 7 192.0.2.1.443 missing.test
    contacted 0 192.0.2.1.443 --atls https://service.test/
    contacted 3 '192.0.2.7.443 192.0.2.7.80' nobody.test
    contacted 3 192.0.2.7.443 --depth quick nobody.test
    contacted 0 192.0.2.1.443 --depth full -4 both.test
}

@test "a redirect is not followed" {
    contacted 7 192.0.2.1.443 portal.test
    [[ $output == *"a captive portal, 'login.elsewhere.test'"* ]]
}

@test "canaries, and what certificates name, if that is asked for" {
    contacted 0 '192.0.2.1.443 192.0.2.2.443' --canary canary.test service.test
    contacted 4 '192.0.2.1.443 192.0.2.3.80' --fetch missing.test
}

@test "nothing goes round a proxy" {
    contacted 3 192.0.2.4.8888 --proxy http://192.0.2.4:8888 service.test
    # But where all ways are asked for.
    contacted 3 192.0.2.4.8888 --depth full --proxy http://192.0.2.4:8888 service.test
}

# ---- recipes ------------------------------------------------------------------------------------------

# recipe NUMBER: that literal block of EXAMPLES in atls-probe(1), as a reader has it.
recipe() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$ATLS_ROOT/man/atls-probe.1" |
        awk -v wanted="$1" '/^\.Bd -literal/ { count++; inside = 1; next } /^\.Ed/ { inside = 0 }
            inside && count == wanted'
}

# as_it_stands ARG...: sh, for which atls-probe is one whose public roots are ours (ROOTS).
as_it_stands() {
    local roots=$CERTS/${ROOTS:-roots}.pem
    mkdir -p "$DIR/tools"
    printf '#!/bin/sh\nexec %q --store %q --public-roots %q "$@"\n' "$ATLS_BIN/atls-probe" "$roots" "$roots" \
        >"$DIR/tools/atls-probe"
    printf '#!/bin/sh\necho directly\n' >"$DIR/tools/update-directly"
    printf '#!/bin/sh\necho by ATLS\n' >"$DIR/tools/update-by-atls"
    chmod +x "$DIR/tools"/*
    inside env -C "$DIR" "PATH=$DIR/tools:$PATH" sh "$@"
}

@test "recipes: is this network clean, and a baseline" {
    recipe 1 | sed -n 's/^\$ //p' >"$DIR/clean"
    run -3 as_it_stands "$DIR/clean"
    [[ $output == 'www.example.org: unreachable: '* ]]
    recipe 2 | sed -n 's/^\$ //p' >"$DIR/baseline"
    (($(wc -l <"$DIR/baseline") == 2))
    run -0 as_it_stands -e "$DIR/baseline"
    jq -e '.target == "update.example:443"' "$DIR/good.jsonl"
    [[ $output == *'baseline '*' the same key: issued by '* ]]
}

# The command of a YAML step, as a parser of YAML has it.
step_of() { # RECIPE EXPRESSION
    recipe "$1" | "$PYTHON" -c 'import sys
from ruamel.yaml import YAML
step = YAML(typ="safe").load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}

@test "recipes: a job of GitLab's, and a step of GitHub's" {
    step_of 3 '"\n".join(step["network"]["script"])' >"$DIR/gitlab"
    step_of 4 'step[0]["run"]' >"$DIR/github"
    cmp "$DIR/gitlab" "$DIR/github"
    grep -qxF "    $(<"$DIR/github")" "$ATLS_ROOT/README.md"
    run -0 as_it_stands -e "$DIR/gitlab"
    [[ $(grep -c '^ok [12] - ' <<<"$output") == 2 && ${lines[-1]} == 1..2 ]]
    # To whom no public root vouches for them.
    ROOTS=forger run -7 as_it_stands -e "$DIR/github"
    [[ $(grep -c '^not ok [12] - ' <<<"$output") == 2 ]]
}

@test "recipes: a check for Nagios" {
    recipe 5 >"$DIR/check"
    [[ $(head -n 1 "$DIR/check") == '#!/bin/sh' ]]
    run -0 as_it_stands "$DIR/check" service.test
    run -2 as_it_stands "$DIR/check" --expect-ca "$CERTS/public.pem" -4 other.test
    run -1 as_it_stands "$DIR/check" expired.test
    run -1 as_it_stands "$DIR/check" portal.test
    run -3 as_it_stands "$DIR/check" nobody.test
    [[ ${#lines[@]} == 1 && $output == 'nobody.test: unreachable: '* ]]
    run -3 as_it_stands "$DIR/check" --no-such-option
}

@test "recipes: a device's boot script" {
    local roots=$BATS_FILE_TMPDIR/etc/device/roots.pem
    recipe 6 >"$DIR/boot"
    run -0 as_it_stands -e "$DIR/boot"
    [[ ${lines[-1]} == directly ]]
    # The device's own roots count, not the machine's.
    cp "$CERTS/forger.pem" "$roots"
    run -0 as_it_stands -e "$DIR/boot"
    cp "$CERTS/public.pem" "$roots"
    [[ ${lines[-1]} == 'by ATLS' ]]
}
