#!/usr/bin/env bash
# setup.sh demo|test|bench|fuzz|soak: installs the Debian packages that are missing for the make
# target of that name.
# Removes no package and starts no daemon; with nothing missing it touches nothing.
set -euo pipefail

# A | means: the first, unless one of the others is there.
demo=(gcc libc6-dev make pkg-config libgnutls28-dev nettle-dev
    'libcurl4-gnutls-dev|libcurl4-openssl-dev' libmicrohttpd-dev libjansson-dev libevent-dev
    libpcap0.8-dev zlib1g-dev libwslay-dev
    sslsplit openssl curl)
test=("${demo[@]}" clang libclang-rt-14-dev bats parallel jq python3 mitmproxy nginx-light haproxy
    openssh-server openssh-client netcat-openbsd gnutls-bin shellcheck mandoc cppcheck clang-format
    clang-tidy zsh fish valgrind procps squid-openssl tinyproxy
    privoxy apache2-bin openjdk-17-jdk-headless iproute2 tcpdump tshark xxd bsdextrautils)
bench=("${demo[@]}" jq python3 stunnel4 socat httptunnel ssldump tshark)
fuzz=("${demo[@]}" clang libclang-rt-14-dev)
soak=("${demo[@]}" bats python3)
# Services that Debian would start at the next boot, by package.
declare -A services=([nginx-light]=nginx [haproxy]=haproxy [openssh-server]=ssh
    [stunnel4]=stunnel.target [squid-openssl]=squid [tinyproxy]=tinyproxy [privoxy]=privoxy)

policy=/usr/sbin/policy-rc.d
policy_made=
log=

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Sets the array missing.
find_missing() {
    local entry name
    missing=()
    for entry; do
        for name in ${entry//|/ }; do
            if installed "$name"; then continue 2; fi
        done
        missing+=("${entry%%|*}")
    done
}

become_root() {
    local sudo=(sudo)
    ((EUID != 0)) || return 0
    type -P sudo >/dev/null || die "root or sudo is needed to install: ${missing[*]}"
    if [[ ! -t 0 ]]; then sudo+=(-n); fi
    "${sudo[@]}" true 2>/dev/null || die "sudo gives no root; as root, install: ${missing[*]}"
    exec "${sudo[@]}" "$0" "$mode"
}

clean_up() {
    if [[ -n $policy_made ]]; then rm -f "$policy"; fi
    if [[ -n $log ]]; then rm -f "$log"; fi
}

# Debian's maintainer scripts ask this program before they start a service; 101 is no. One that is
# there already stays as it is.
forbid_daemons() {
    local new
    if [[ -e $policy || -L $policy ]]; then return; fi
    new=$(mktemp "$policy.XXXXXX") || die "$policy: cannot be written"
    printf '#!/bin/sh\n# temporary, by atls tests/setup.sh\nexit 101\n' >"$new"
    chmod 755 "$new"
    if ln "$new" "$policy" 2>/dev/null; then policy_made=1; fi
    rm -f "$new"
}

apt() {
    DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=120 \
        -o APT::Update::Error-Mode=any "$@" </dev/null >"$log" 2>&1
}
first_error() { sed -n 's/^E: //p' "$log" | head -n 1; }

# What apt would remove, from its own words.
to_be_removed() {
    awk '/^The following packages will be REMOVED/ { on = 1; next } on && /^ / { print; next }
        { on = 0 }' "$log" | tr -s ' \n' ' ' | sed 's/^ //; s/ $//'
}

# Which of them cannot be installed beside what is there.
conflicts() {
    local name gone
    for name in "${missing[@]}"; do
        apt -s --no-install-recommends install "$name" || continue
        gone=$(to_be_removed)
        if [[ -n $gone ]]; then printf '%s would remove %s; ' "$name" "$gone"; fi
    done
}

install_missing() {
    local options=(--no-install-recommends --no-remove) update_error='' error found
    type -P apt-get >/dev/null || die "no apt-get here; install: ${missing[*]}"
    log=$(mktemp)
    apt update || update_error=$(first_error)
    if ! apt -s "${options[@]}" install "${missing[@]}"; then
        error=$(first_error)
        found=$(conflicts)
        [[ -z $found ]] || die "conflict: ${found%; } (nothing was changed)"
        die "${update_error:+apt-get update: $update_error; }apt-get: $error"
    fi
    forbid_daemons
    printf 'setup: installing %s\n' "${missing[*]}"
    apt "${options[@]}" install "${missing[@]}" ||
        die "${update_error:+apt-get update: $update_error; }apt-get: $(first_error)"
}

# Not now, and not at the next boot either: the tests run their own.
disable_services() {
    local name
    type -P systemctl >/dev/null || return 0
    for name in "${missing[@]}"; do
        if [[ -n ${services[$name]:-} ]]; then
            systemctl -q disable "${services[$name]}" >/dev/null 2>&1 || :
        fi
    done
}

mode=${1:-}
case $mode in
demo) wanted=("${demo[@]}") ;;
test) wanted=("${test[@]}") ;;
bench) wanted=("${bench[@]}") ;;
fuzz) wanted=("${fuzz[@]}") ;;
soak) wanted=("${soak[@]}") ;;
*)
    printf 'usage: setup.sh demo|test|bench|fuzz|soak\n' >&2
    exit 2
    ;;
esac
type -P dpkg-query >/dev/null || die "not a Debian system; install the like of: ${wanted[*]}"
find_missing "${wanted[@]}"
if ((${#missing[@]} == 0)); then exit 0; fi
become_root
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
install_missing
disable_services
wanted=("${missing[@]}")
find_missing "${wanted[@]}"
((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
