# What bench.sh measures: each carrier leaves a local port that leads to the application.
# shellcheck disable=SC2034  # the other parts of bench.sh read what is set here

declare -A title=(
    [direct]='nothing between (plain TCP)' [post]='libcurl POSTs, the ceiling'
    [atls]='atls, stream, http' [atls-ws]='atls, ws, http' [atls-base]='atls, base, http'
    [atls-json]='atls, stream, json, http' [atls-https]='atls, stream, https outside'
    [atls-base-https]='atls, base, https outside'
    [stunnel]='stunnel4, direct TLS' [socat]='socat, direct TLS' [httptunnel]='httptunnel, no TLS'
    [openssl]='openssl s_client'
    [far-atls]='atls, stream, http' [far-atls-ws]='atls, ws, http'
    [far-atls-base]='atls, base, http' [far-stunnel]='stunnel4, direct TLS'
)
# What can be missing: package and program.
declare -A package=([stunnel]=stunnel4 [socat]=socat [httptunnel]=httptunnel [openssl]=openssl)
declare -A program=([stunnel]=stunnel4 [socat]=socat [httptunnel]=htc [openssl]=openssl)
# Ours: scheme, encoding, and the options of the client besides.
declare -A way=([atls]='http atls --carriage stream' [atls-ws]='http atls --carriage ws'
    [atls-base]='http atls --carriage base' [atls-json]='http json --carriage stream'
    [atls-https]='https atls --carriage stream' [atls-base-https]='https atls --carriage base'
    [far-atls]='http atls --carriage stream' [far-atls-ws]='http atls --carriage ws'
    [far-atls-base]='http atls --carriage base')
carriers=(direct post atls atls-ws atls-base atls-json atls-https atls-base-https stunnel socat
    httptunnel far-atls far-atls-ws far-atls-base far-stunnel)

# By carrier: the port to connect to, and the names of its processes as start() knows them.
declare -A port url client server broken
missing=()
trust=() # of atls-client
STUNNEL_PORT=

# far-NAME is NAME with a path of FAR_MS round trip between its two ends.
between() { # NAME: NEAR_PORT leads to SERVER_PORT
    if [[ $1 == far-* ]]; then
        start_tool NEAR_PORT "$1-path" "$BENCH_PROGRAMS/far" "$SERVER_PORT" \
            --delay $((FAR_MS / 2)) --window $((FAR_WINDOW_MIB << 20))
    else
        NEAR_PORT=$SERVER_PORT
    fi
}

start_atls() { # NAME SCHEME ENCODING [OPTION...]
    local name=$1 scheme=$2 encoding=$3 outer=()
    shift 3
    if [[ $scheme == https ]]; then
        outer=(--outer-cert "$CERTS/bench.pem" --outer-key "$CERTS/bench.key")
    fi
    start_tool SERVER_PORT "$name-server" "$ATLS_BIN/atls-serve" --listen 127.0.0.1:0 \
        --cert "$CERTS/bench.pem" --key "$CERTS/bench.key" "${outer[@]}" --grace 0 \
        --max-sessions $((2 * MANY)) --max-sessions-per-address $((2 * MANY)) \
        --backend "127.0.0.1:$APP_PORT" && between "$name" || return
    url[$name]=$scheme://127.0.0.1:$NEAR_PORT
    start_tool CLIENT_PORT "$name-client" "$ATLS_BIN/atls-client" -v --forward 127.0.0.1:0 \
        "${trust[@]}" --encoding "$encoding" "$@" "${url[$name]}" || return
    port[$name]=$CLIENT_PORT
}

stunnel_command() { # PORT SIDE TARGET NAME, with the suite that GnuTLS chooses for atls
    local conf=$DIR/$4-$2.conf
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
    local kind=${1#far-}
    if ! type -P "${program[$kind]}" >/dev/null; then
        miss "${title[$kind]} (package ${package[$kind]}, program ${program[$kind]})"
        return 1
    fi
    start_retry SERVER_PORT "$1-server" "${kind}_command" server "$APP_PORT" "$1" &&
        between "$1" &&
        start_retry CLIENT_PORT "$1-client" "${kind}_command" client "$NEAR_PORT" "$1" || return
    if [[ $1 == stunnel ]]; then STUNNEL_PORT=$SERVER_PORT; fi
    port[$1]=$CLIENT_PORT
}

start_carrier() { # NAME
    local words
    client[$1]=$1-client
    server[$1]=$1-server
    case $1 in
    direct) port[direct]=$APP_PORT ;;
    post)
        start_tool SERVER_PORT post-server "$BENCH_PROGRAMS/post" serve || return
        port[post]=$SERVER_PORT
        ;;
    *)
        if ours "$1"; then
            read -ra words <<<"${way[$1]}"
            start_atls "$1" "${words[@]}"
        else
            start_peer "$1"
        fi
        ;;
    esac
}

# Named once, on whatever path.
miss() {
    local known
    for known in "${missing[@]}"; do [[ $known != "$1" ]] || return 0; done
    missing+=("$1")
}

ours() { [[ -n ${way[$1]:-} ]]; }
