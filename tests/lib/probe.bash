# Origins and boxes for the tests of atls-probe, on top of common.bash, boxes.bash and boxes2.bash.
#
#   make_origins          the certificates of all origins; "public" and "public2" are the public CAs
#   start_origins         ORIGIN_PORT: nginx, which has a certificate for each name by SNI
#   hosted VAR NAME FN ARG...   start_retry, where all names of the tests are 127.0.0.1
#   probe OPTION...       atls-probe within 60 s, with "public" and "public2" as the public roots; and
#                         INSTALLED, a file, among the roots that were added here
#   row CASE OPTION...    runs it alone, with --canary and with what is expected (EXPECT), and adds the
#                         verdicts to .build/probe.tsv; ALONE, CANARY and EXPECTED are then JSON

PROBE_TABLE=$ATLS_ROOT/.build/probe.tsv
NAMES=(service canary expired notyet wrong nosan noaia missing revoked stapled rsa1024 sha1 private self)

# _dated CA NAME SANS FROM TO [LINE...]: as make_cert, with dates and more lines of extensions.
_dated() {
    local base=$CERTS/$2 ext=$'basicConstraints = CA:false\nextendedKeyUsage = serverAuth'
    ext+=$'\nauthorityKeyIdentifier = keyid'
    if [[ ! -e $base.key ]]; then _key ecdsa "$base.key" || return; fi
    if [[ -n $3 ]]; then ext+=$'\nsubjectAltName = '$(_sans "$3"); fi
    local line
    for line in "${@:6}"; do ext+=$'\n'$line; done
    openssl req -new -config /dev/null -key "$base.key" -subj "/CN=$2" -out "$base.csr" &&
        _sign "$1" "$base.csr" "$base.leaf" "$ext" "$(_date "$4")" "$(_date "$5")" &&
        cat "$base.leaf" "$CERTS/$1.chain" >"$base.pem"
}

make_origins() {
    local aia
    make_ca public rsa && make_ca public2 && make_ca inter ecdsa public && make_ca private-ca || return
    start_retry CA_PORT ca _ca_site || return
    aia="authorityInfoAccess = caIssuers;URI:http://127.0.0.1:$CA_PORT/inter.cer"
    _dated inter service service.test -1hour +30days "$aia"
    _dated public2 canary canary.test -1hour +30days
    _dated inter expired expired.test -3days -1day
    _dated inter notyet notyet.test +1day +30days
    _dated inter wrong www.wrong.test -1hour +30days
    _dated inter other somebody-else.test -1hour +30days
    _dated inter nosan.test '' -1hour +30days
    _dated inter missing missing.test -1hour +30days "$aia"
    cat "$CERTS/missing.leaf" >"$CERTS/missing.pem"
    _dated inter revoked revoked.test -1hour +30days \
        "crlDistributionPoints = URI:http://127.0.0.1:$CA_PORT/inter.crl"
    _dated inter stapled stapled.test -1hour +30days
    _dated private-ca private private.test -1hour +30days
    openssl genrsa -out "$CERTS/rsa1024.key" 1024 2>/dev/null
    _dated inter rsa1024 rsa1024.test -1hour +30days
    openssl req -x509 -config /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=self.test \
        -addext subjectAltName=DNS:self.test -days 30 -keyout "$CERTS/self.key" -out "$CERTS/self.pem" 2>/dev/null
    _sha1 sha1.test
    openssl x509 -in "$CERTS/inter.pem" -outform DER -out "$CERTS/inter.cer"
    _revoke "$CERTS/revoked.leaf" "$CERTS/stapled.leaf"
    cat "$CERTS/public.pem" "$CERTS/public2.pem" >"$CERTS/roots.pem"
}

_sha1() { # NAME
    local base=$CERTS/sha1
    _key ecdsa "$base.key" && openssl req -new -config /dev/null -key "$base.key" -subj "/CN=$1" -out "$base.csr" &&
        openssl x509 -req -sha1 -in "$base.csr" -CA "$CERTS/inter.pem" -CAkey "$CERTS/inter.key" -days 30 \
            -extfile <(printf '%s\n' "subjectAltName = DNS:$1" 'extendedKeyUsage = serverAuth') \
            -out "$base.leaf" 2>/dev/null && cat "$base.leaf" "$CERTS/inter.pem" >"$base.pem"
}

# A revocation list of inter's with the certificates, and an OCSP response for the last of them.
_revoke() {
    local dir=$CERTS/revocation file serial
    mkdir -p "$dir"
    : >"$dir/index"
    printf '%s\n' '[ca]' 'default_ca = it' '[it]' "database = $dir/index" 'default_md = sha256' \
        'default_crl_days = 7' >"$dir/conf"
    for file; do
        serial=$(openssl x509 -in "$file" -noout -serial | cut -d= -f2)
        printf 'R\t%s\t%s\t%s\tunknown\t/CN=x\n' "$(date -u -d +30days +%y%m%d%H%M%SZ)" \
            "$(date -u +%y%m%d%H%M%SZ)" "$serial" >>"$dir/index"
    done
    openssl ca -gencrl -config "$dir/conf" -cert "$CERTS/inter.pem" -keyfile "$CERTS/inter.key" \
        -out "$dir/crl.pem" 2>/dev/null &&
        openssl crl -in "$dir/crl.pem" -outform DER -out "$CERTS/inter.crl" &&
        openssl ocsp -index "$dir/index" -CA "$CERTS/inter.pem" -rsigner "$CERTS/inter.pem" -rkey "$CERTS/inter.key" \
            -issuer "$CERTS/inter.pem" -cert "$file" -reqout "$dir/request" -text >/dev/null 2>&1
    openssl ocsp -index "$dir/index" -CA "$CERTS/inter.pem" -rsigner "$CERTS/inter.pem" -rkey "$CERTS/inter.key" \
        -reqin "$dir/request" -respout "$CERTS/stapled.ocsp" -ndays 7 >/dev/null 2>&1
}

# What AIA and CRL addresses lead to.
_ca_site() { COMMAND=("$PYTHON" -m http.server --bind 127.0.0.1 --directory "$CERTS" "$1"); }

_server() { # PORT NAME CERT [LINE...]
    printf '%s\n' 'server {' "listen 127.0.0.1:$1 ssl;" "server_name $2;" "ssl_certificate $CERTS/$3.pem;" \
        "ssl_certificate_key $CERTS/$3.key;" "${@:4}" 'location / { return 200 "origin\n"; }' '}'
}

_origins() { # PORT
    local dir=$DIR/origins path name
    mkdir -p "$dir"
    {
        printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;'
        if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
        printf '%s\n' 'events { worker_connections 512; }' 'http {' 'access_log off;' \
            'ssl_ciphers DEFAULT@SECLEVEL=0;' 'ssl_protocols TLSv1.2 TLSv1.3;'
        for path in client_body proxy fastcgi uwsgi scgi; do
            printf '%s_temp_path %s/%s;\n' "$path" "$dir" "$path"
        done
        for name in service canary expired notyet wrong missing revoked private self rsa1024 sha1; do
            _server "$1" "$name.test" "$name"
        done
        _server "$1" other.test other
        _server "$1" nosan.test nosan.test
        _server "$1" stapled.test stapled 'ssl_stapling on;' "ssl_stapling_file $CERTS/stapled.ocsp;"
        printf '}\n'
    } >"$dir/conf"
    COMMAND=(/usr/sbin/nginx -p "$dir" -e stderr -c "$dir/conf")
}

start_origins() { start_retry ORIGIN_PORT origins _origins; }

# ---- boxes that look names up themselves --------------------------------------------------------

make_hosts() {
    printf '127.0.0.1 localhost\n' >"$DIR/hosts"
    printf '127.0.0.1 %s.test\n' "${NAMES[@]}" other >>"$DIR/hosts"
    chmod 755 "$DIR"
    chmod 644 "$DIR/hosts"
}

_hosted() { # PORT FN ARG...
    local port=$1 fn=$2
    "$fn" "$port" "${@:3}" || return
    # shellcheck disable=SC2016  # the inner shell's
    COMMAND=(unshare -m sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$DIR/hosts" "${COMMAND[@]}")
}

hosted() { # VAR NAME FN ARG...
    [[ -e $DIR/hosts ]] || make_hosts
    start_retry "$1" "$2" _hosted "${@:3}"
}

# box_squid_bump of boxes2.bash, with names.
hosted_bump() { # LINE...
    local ca=$CERTS/squid-ca
    if [[ ! -e $ca.pem ]]; then make_ca squid-ca rsa || return; fi
    rm -rf "$DIR/certgen"
    /usr/lib/squid/security_file_certgen -c -s "$DIR/certgen" -M 4MB >"$DIR/certgen.log" 2>&1 || return
    hosted BOX_PORT squid _squid \
        "ssl-bump tls-cert=$ca.pem tls-key=$ca.key generate-host-certificates=on" \
        "sslcrtd_program /usr/lib/squid/security_file_certgen -s $DIR/certgen -M 4MB" \
        'sslcrtd_children 1' "tls_outgoing_options cafile=$CERTS/roots.pem" \
        'acl step1 at_step SslBump1' 'acl step2 at_step SslBump2' "$@"
}

# ---- probing ------------------------------------------------------------------------------------

probe() {
    cat "$CERTS/roots.pem" ${INSTALLED:+"$INSTALLED"} >"$DIR/store.pem"
    timeout -k 5 60 "$ATLS_BIN/atls-probe" --store "$DIR/store.pem" --public-roots "$CERTS/roots.pem" "$@"
}

_cell() { jq -r '[.verdict, (.faults | join(" "))] | join(" ")' <<<"$1"; }

row() { # CASE OPTION...
    local canary=()
    ALONE=$(probe --json "${@:2}" || :)
    if [[ -n ${CANARY_OF:-} ]]; then canary=(--canary "$CANARY_OF"); fi
    CANARY=$(probe --json "${canary[@]}" "${@:2}" || :)
    # shellcheck disable=SC2153  # two names
    EXPECTED=$(probe --json "${EXPECT[@]}" "${@:2}" || :)
    printf '%s\t%s\t%s\t%s\n' "$1" "$(_cell "$ALONE")" "$(_cell "$CANARY")" "$(_cell "$EXPECTED")" >>"$PROBE_TABLE"
    printf '%s\n' "$ALONE" "$CANARY" "$EXPECTED" | jq -c 'del(.chain)'
}

# is JSON VERDICT [FAULTS]: what was found, and the exit code that goes with it.
is() {
    jq -e --arg verdict "$2" --arg faults "${3:-}" '.schema == "atls-probe/1" and .verdict == $verdict and
        (.faults | join(" ")) == $faults and .exit_code == (if $verdict == "intercepted" then 1
            elif $verdict == "undecided" then 7 elif $faults == "" then 0 else 4 end)' <<<"$1" >/dev/null ||
        { jq . <<<"$1" && return 1; }
}
