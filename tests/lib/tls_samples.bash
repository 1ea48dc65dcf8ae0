# tls_samples: sessions of openssl and gnutls in many ways, recorded in $DIR/all.pcap with the
# secrets in $DIR/keys. tls_more_samples: those that resume, renegotiate or are otherwise odd, in
# $DIR/more.pcap. Needs common.bash. Each session says "hello NAME" and hears it, reversed by
# openssl's server, as it is from GnuTLS's; what the client said is in $DIR/NAME.said. $MORE is said
# behind it, and "again NAME" when $MORE_SEEN was heard.

# session NAME REPLY SERVER_COMMAND... -- CLIENT_COMMAND...: PORT in them is replaced.
session() {
    local name=$1 reply=$2 port server=() status=0
    shift 2
    while [[ $1 != -- ]]; do server+=("$1") && shift; done
    shift
    port=$(free_port)
    start "server-$name" "${server[@]//PORT/$port}" || return
    wait_port "$port" "server-$name" || return
    converse "$name" "$name" "$reply" "$port" "$@" || status=1
    stop "server-$name" || :
    return "$status"
}

# converse NAME SERVER REPLY PORT CLIENT_COMMAND...: one session with the server that listens there,
# in $PCAP; $CONNECTIONS of it, if a client makes more of them.
converse() {
    local name=$1 log=server-$2.log reply=$3 port=$4 fd status=0 client
    shift 4
    client=("$@")
    rm -f "$DIR/relay.port" "$DIR/in" && mkfifo "$DIR/in" || return
    start "relay-$name" python3 "${BASH_SOURCE[0]%/*}/record_tls.py" "$DIR/relay.port" "$port" \
        "${PCAP:-$DIR/all.pcap}" "${CONNECTIONS:-1}"
    wait_for 20 test -e "$DIR/relay.port" || return
    read -r RELAY <"$DIR/relay.port"
    SSLKEYLOGFILE=$DIR/keys "${client[@]//PORT/$RELAY}" <"$DIR/in" >"$DIR/$name.out" 2>"$DIR/$name.err" 3>&- &
    local pid=$!
    exec {fd}>"$DIR/in"
    printf 'hello %s\n' "$name" | tee "$DIR/$name.said" >&"$fd"
    wait_for 20 grep -aq "$reply" "$DIR/$name.out" || status=1
    if [[ -n ${MORE:-} ]]; then
        printf '%s\n' "$MORE" >&"$fd"
        wait_for 20 grep -aEq "${MORE_SEEN:-$MORE}" "$DIR/$name.out" "$DIR/$name.err" || status=1
        # To gnutls-serv it is data like any other; openssl's letters and ^...^ are for the client.
        [[ $MORE != \*\** ]] || printf '%s\n' "$MORE" >>"$DIR/$name.said"
        printf 'again %s\n' "$name" | tee -a "$DIR/$name.said" >&"$fd"
        wait_for 20 grep -aq -e "$(rev <<<"again $name")" -e "again $name" "$DIR/$name.out" || status=1
    fi
    exec {fd}>&-
    wait "$pid" 2>/dev/null || :
    wait_exit "relay-$name" 20 || status=1
    if ((status)); then
        say_error "$name: $(cat "$DIR/$name.err" "$DIR/$log")"
    fi
    return "$status"
}

_serve() { # NAME: the certificate; the rest are options of s_server
    local name=$1
    shift
    server=(openssl s_server -quiet -rev -accept 127.0.0.1:PORT -cert "$CERTS/$name.pem"
        -key "$CERTS/$name.key" "$@")
}

_openssl() { # NAME CERT SERVER_OPTIONS -- CLIENT_OPTIONS
    local name=$1 cert=$2 server=() reply
    shift 2
    local options=()
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    shift
    _serve "$cert" "${options[@]}"
    reply=${REPLY_SEEN:-$(rev <<<"hello $name")}
    session "$name" "$reply" "${server[@]}" -- openssl s_client -connect 127.0.0.1:PORT \
        -servername "$name.example" -keylogfile "$DIR/keys" "$@"
}

_gnutls() { # NAME CERT PRIORITY CLIENT_OPTIONS: $SERVE are options of the server
    local name=$1 cert=$2 priority=$3 server=()
    shift 3
    read -ra server <<<"${SERVE:-}"
    session "$name" "hello $name" gnutls-serv -q --echo -p PORT --priority "$priority" \
        --x509certfile "$CERTS/$cert.pem" --x509keyfile "$CERTS/$cert.key" \
        "${server[@]}" -- gnutls-cli --insecure --priority "$priority" -p PORT --sni-hostname "$name.example" "$@" 127.0.0.1
}

tls_samples() {
    local suite
    make_ca ca && make_ca rsaca rsa && make_ca middle ecdsa ca
    make_cert ca ecdsa localhost,127.0.0.1
    make_cert rsaca rsa localhost 30 rsa
    make_cert ca ed25519 localhost 30 ed25519
    make_cert middle chain "$(seq -s, -f 'host%g.example' 60)"
    _openssl v13 ecdsa -tls1_3 -- -alpn h2,http/1.1 || return
    _openssl v13-alpn rsa -tls1_3 -alpn http/1.1 -- -alpn h2,http/1.1 || return
    _openssl v13-ed25519 ed25519 -tls1_3 -- || return
    for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 \
        TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
        _openssl "$suite" ecdsa -tls1_3 -ciphersuites "$suite" -- -ciphersuites "$suite" || return
    done
    _openssl v13-retry ecdsa -tls1_3 -groups P-384 -- -groups X25519:P-384 || return
    _openssl v13-client rsa -tls1_3 -Verify 1 -CAfile "$CERTS/ca.pem" -- \
        -cert "$CERTS/ecdsa.pem" -key "$CERTS/ecdsa.key" || return
    _openssl v13-split chain -tls1_3 -max_send_frag 512 -- -max_send_frag 512 || return
    MORE=K MORE_SEEN=KEYUPDATE _openssl v13-update ecdsa -tls1_3 -- || return
    for suite in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-CCM8 ECDHE-ECDSA-AES128-CCM \
        ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-SHA384 ECDHE-ECDSA-CAMELLIA128-SHA256; do
        _openssl "$suite" ecdsa -tls1_2 -cipher "$suite" -- -cipher "$suite" || return
    done
    for suite in DHE-RSA-AES128-SHA256 AES256-SHA AES256-GCM-SHA384 CAMELLIA256-SHA ARIA128-GCM-SHA256; do
        _openssl "$suite" rsa -tls1_2 -cipher "$suite" -- -cipher "$suite" || return
    done
    _openssl v12-client rsa -tls1_2 -Verify 1 -CAfile "$CERTS/ca.pem" -- \
        -cert "$CERTS/ecdsa.pem" -key "$CERTS/ecdsa.key" || return
    _openssl v12-psk rsa -tls1_2 -psk 0123456789abcdef -nocert -cipher PSK-AES128-GCM-SHA256 -- \
        -psk 0123456789abcdef -cipher PSK-AES128-GCM-SHA256 || return
    _openssl v11 rsa -tls1_1 -cipher ALL@SECLEVEL=0 -- -cipher ALL@SECLEVEL=0 -tls1_1 || return
    _openssl v10 rsa -tls1 -cipher ALL@SECLEVEL=0 -- -cipher ALL@SECLEVEL=0 -tls1 || return
    _openssl v12-null rsa -tls1_2 -cipher NULL-SHA256@SECLEVEL=0 -- -cipher NULL-SHA256@SECLEVEL=0 || return
    _gnutls g13 ecdsa NORMAL:-VERS-ALL:+VERS-TLS1.3 || return
    _gnutls g12 rsa NORMAL:-VERS-ALL:+VERS-TLS1.2 || return
    _gnutls g12-cbc rsa 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC' || return
    _gnutls g12-mte rsa 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:%NO_ETM' || return
    _gnutls g12-3des rsa 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC' || return
}

# A server of openssl that echoes nothing, since -rev hears no early data: what is written to
# $DIR/said goes to the client.
_openssl_early() { # CERT OPTIONS...
    local cert=$1
    shift
    EARLY_PORT=$(free_port)
    rm -f "$DIR/said" && mkfifo "$DIR/said" || return
    # shellcheck disable=SC2016 # it is bash -c that expands them
    start server-early bash -c 'exec "$@" <>"$0"' "$DIR/said" openssl s_server -quiet \
        -accept "127.0.0.1:$EARLY_PORT" -cert "$CERTS/$cert.pem" -key "$CERTS/$cert.key" "$@"
    wait_port "$EARLY_PORT" server-early
}

# One that says the reply as soon as it has heard the client.
_early() { # NAME CLIENT_OPTIONS...
    local name=$1 pid status=0
    shift
    { wait_for 20 grep -aq "hello $name" "$DIR/server-early.log" &&
        echo "answer $name" >"$DIR/said"; } 3>&- &
    pid=$!
    converse "$name" early "answer $name" "$EARLY_PORT" openssl s_client \
        -connect 127.0.0.1:PORT -servername "$name.example" -keylogfile "$DIR/keys" "$@" || status=1
    wait "$pid" || status=1
    return "$status"
}

_resumable() { # NAME CERT SERVER_OPTIONS: a session, and one that resumes it
    local name=$1 cert=$2 server=() port status=0 each
    _serve "$cert" "${@:3}"
    port=$(free_port)
    start "server-$name" "${server[@]//PORT/$port}" && wait_port "$port" "server-$name" || return
    for each in "$name -sess_out" "$name-again -sess_in"; do
        converse "${each% *}" "$name" "$(rev <<<"hello ${each% *}")" "$port" openssl s_client \
            -connect 127.0.0.1:PORT -servername "${each% *}.example" -keylogfile "$DIR/keys" \
            "${each#* }" "$DIR/$name.session" || status=1
    done
    stop "server-$name" || :
    return "$status"
}

# An answer of OCSP for that certificate, in $DIR/staple.
_staple() { # CA NAME
    local ca=(-issuer "$CERTS/$1.pem" -CA "$CERTS/$1.pem" -rsigner "$CERTS/$1.pem" -rkey "$CERTS/$1.key")
    local serial
    serial=$(openssl x509 -in "$CERTS/$2.pem" -noout -serial) || return
    printf 'V\t%s\t\t%s\tunknown\t/CN=%s\n' "$(date -u -d +30days +%y%m%d%H%M%SZ)" "${serial#*=}" "$2" >"$DIR/index"
    openssl ocsp -index "$DIR/index" "${ca[@]}" -cert "$CERTS/$2.pem" -reqout "$DIR/ask" >/dev/null 2>&1 &&
        openssl ocsp -index "$DIR/index" "${ca[@]}" -reqin "$DIR/ask" -respout "$DIR/staple" -ndays 3 >/dev/null 2>&1
}

tls_more_samples() {
    local PCAP=$DIR/more.pcap raw=$DIR/raw priority version issuer=ca each
    make_ca ca && make_cert ca ecdsa localhost,127.0.0.1
    make_ca rsaca rsa && make_cert rsaca rsa localhost 30 rsa
    _resumable v12-ticket rsa -tls1_2 || return
    _resumable v12-id rsa -tls1_2 -no_ticket || return
    _resumable v13-ticket ecdsa -tls1_3 || return
    MORE=R MORE_SEEN=RENEGOTIATING _openssl v12-renegotiation rsa -tls1_2 -client_renegotiation -- || return
    _staple ca ecdsa || return
    _openssl v12-staple ecdsa -tls1_2 -status_file "$DIR/staple" -- -status || return
    _openssl v13-staple ecdsa -tls1_3 -status_file "$DIR/staple" -- -status || return
    _openssl v13-psk rsa -tls1_3 -psk 0123456789abcdef -nocert -- -psk 0123456789abcdef \
        -ciphersuites TLS_AES_128_GCM_SHA256 || return

    _openssl_early ecdsa -tls1_3 -early_data || return
    printf 'early words\n' >"$DIR/early"
    _early v13-before -sess_out "$DIR/early.session" || return
    _early v13-early -sess_in "$DIR/early.session" -early_data "$DIR/early" || return
    # Its ticket was used: the server's protection against replay refuses it.
    _early v13-refused -sess_in "$DIR/early.session" -early_data "$DIR/early" || return
    stop server-early || :

    _openssl v12-npn rsa -tls1_2 -nextprotoneg http/1.1,foo -- -nextprotoneg foo || return
    _openssl v12-fragment rsa -tls1_2 -- -maxfraglen 1024 || return
    REPLY_SEEN='Verify return code: 20' _openssl v13-refuses ecdsa -tls1_3 -- -verify_return_error \
        -CAfile "$CERTS/rsaca.pem" || return
    for each in {1..10}; do
        make_ca "ca$each" ecdsa "$issuer" || return
        issuer=ca$each
    done
    make_cert "$issuer" long "$(seq -s, -f 'a-host-with-a-name-that-is-rather-long-%g.example' 250)" || return
    _openssl v12-long long -tls1_2 -cert_chain "$CERTS/$issuer.chain" -- || return
    _openssl v13-long long -tls1_3 -cert_chain "$CERTS/$issuer.chain" -- || return

    openssl pkey -in "$CERTS/ecdsa.key" -pubout -out "$raw" || return
    for priority in 1.2 1.3; do
        session "g$priority-raw" "hello g$priority-raw" gnutls-serv -q --echo -p PORT \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS$priority:+CTYPE-SRV-RAWPK" \
            --rawpkkeyfile "$CERTS/ecdsa.key" --rawpkfile "$raw" -- gnutls-cli --insecure \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS$priority:+CTYPE-SRV-RAWPK" -p PORT \
            --sni-hostname "g$priority-raw.example" 127.0.0.1 || return
        CONNECTIONS=2 _gnutls "g$priority-resumed" ecdsa "NORMAL:-VERS-ALL:+VERS-TLS$priority" --resume || return
    done
    for version in 1.2 1.3; do
        priority=NORMAL:-VERS-ALL:+VERS-TLS$version
        SERVE=--heartbeat MORE='**HEARTBEAT**' MORE_SEEN='Successfully executed' \
            _gnutls "g$version-heartbeat" rsa "$priority" --heartbeat || return
        SERVE=--require-client-cert _gnutls "g$version-rawclient" rsa \
            "$priority:-CTYPE-ALL:+CTYPE-SRV-X509:+CTYPE-CLI-RAWPK" \
            --rawpkkeyfile "$CERTS/ecdsa.key" --rawpkfile "$raw" || return
    done
    MORE='^renegotiate^' MORE_SEEN='negotiat' _gnutls g12-renegotiation rsa \
        NORMAL:-VERS-ALL:+VERS-TLS1.2 --inline-commands || return
    MORE='^rekey^' MORE_SEEN='Rekey was completed' _gnutls g13-rekey rsa "$priority" --inline-commands || return
    MORE='**REAUTH**' MORE_SEEN='Successfully executed' _gnutls g13-reauth rsa "$priority" \
        --post-handshake-auth --x509certfile "$CERTS/ecdsa.pem" --x509keyfile "$CERTS/ecdsa.key" || return
    SERVE='--earlydata --maxearlydata=100' CONNECTIONS=2 _gnutls g13-early rsa "$priority" \
        --resume --earlydata "$DIR/early" || return
    _gnutls g13-long long "$priority" || return
}
