# Helpers for the bats files and for demo.sh. Source it; it changes no shell option.
#
#   use_dir [DIR]                where logs and pids go: DIR, or bats' own for the file, or a new one
#   start NAME CMD...            in the background; output in $DIR/NAME.log
#   start_tool "VAR..." NAME CMD...   the same with --port-file; each VAR gets one port it reported
#   start_retry VAR NAME FN ARG...    foreign program: FN PORT ARG... sets COMMAND; VAR gets the port
#   stop NAME, stop_all          TERM, then KILL after STOP_SECONDS; STOP_STATUS is the exit status
#   alive NAME, pid_of NAME, wait_exit NAME [SECONDS], wait_log NAME REGEX [SECONDS]
#   free_port, listening PORT [NAME], wait_port PORT [NAME], wait_for SECONDS CMD...
#   recipe_text NAME             a configuration of FRONTS in atls-serve(8), as it is read there
#   make_ca NAME [ALG [ISSUER]], make_cert CA NAME SANS [DAYS|expired [ALG]]   in $CERTS
#
# Nothing here waits for a time to pass: each wait is for an event and has a bound.

STOP_SECONDS=${STOP_SECONDS:-10}
COMMAND=()

say_error() { printf '%s\n' "$*" >&2; }

# Sets DIR; the first call also decides where certificates are (CERTS), so that a test's own DIR
# still sees what setup_file made.
use_dir() {
    DIR=${1:-${BATS_FILE_TMPDIR:-}}
    if [[ -z $DIR ]]; then
        DIR=$(mktemp -d "${TMPDIR:-/tmp}/atls.XXXXXX") || return
    fi
    CERTS=${CERTS:-$DIR/certs}
    export DIR CERTS
    mkdir -p "$DIR/pids" "$CERTS"
}

# ---- waiting --------------------------------------------------------------------------------

# The pause of a polling loop: a read from a pipe that nobody writes to.
nap() { read -rt "$1" <> <(:) || :; }

# wait_for SECONDS CMD...: runs CMD until it succeeds, or fails when the time is over.
wait_for() {
    local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/[.,]/} < end)) || return 1
        nap 0.05
    done
}

wait_log() { # NAME REGEX [SECONDS]
    wait_for "${3:-10}" grep -Eaqs -e "$2" "$DIR/$1.log" && return
    say_error "$1: no line matches '$2' in its log:"
    cat "$DIR/$1.log" >&2
    return 1
}

# ---- processes ------------------------------------------------------------------------------

# When a process began, in ticks since boot; fails if it is gone or a zombie.
_born() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086  # the fields after the name
    set -- ${stat##*) }
    [[ $1 != [ZX] ]] && printf '%s\n' "${20}"
}

_close_descriptors() {
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        if ((fd > 2 && fd < 255)); then exec {fd}>&-; fi
    done
}

# In a process group of its own, with bats' descriptors (3 and more) closed.
start() {
    local name=$1 pid
    shift
    (_close_descriptors && exec setsid "$@") </dev/null >"$DIR/$name.log" 2>&1 &
    pid=$!
    printf '%s %s\n' "$pid" "$(_born "$pid")" >"$DIR/pids/$name"
}

pid_of() {
    local pid rest
    read -r pid rest <"$DIR/pids/$1" && printf '%s\n' "$pid"
}

# Whether the very process runs that start began; a later one with its number does not count.
alive() {
    local pid born
    { read -r pid born <"$DIR/pids/$1"; } 2>/dev/null || return 1
    [[ -n $born && $(_born "$pid") == "$born" ]]
}

_ended() { ! alive "$1"; }

# Waits for its end; STOP_STATUS is the exit status, or empty if another shell started it.
wait_exit() {
    local pid
    STOP_STATUS=
    wait_for "${2:-$STOP_SECONDS}" _ended "$1" || return 1
    pid=$(pid_of "$1") || return 0
    wait "$pid" 2>/dev/null && STOP_STATUS=0 || STOP_STATUS=$?
    if ((STOP_STATUS == 127)); then STOP_STATUS=; fi
}

stop() {
    local name=$1 pid rc=0
    pid=$(pid_of "$name") || return 0
    if alive "$name"; then
        kill -TERM "$pid" 2>/dev/null || :
        if ! wait_exit "$name"; then
            say_error "$name (pid $pid) did not end within $STOP_SECONDS s of SIGTERM: killed"
            kill -KILL "$pid" 2>/dev/null || :
            wait_exit "$name" || :
            rc=1
        fi
    else
        wait_exit "$name" || :
    fi
    kill -KILL -- "-$pid" 2>/dev/null || : # what it left behind in its group
    rm -f "$DIR/pids/$name"
    return "$rc"
}

stop_all() {
    local file rc=0
    for file in "$DIR/pids"/*; do
        if [[ -e $file ]]; then stop "${file##*/}" || rc=1; fi
    done
    return "$rc"
}

# ---- ports ----------------------------------------------------------------------------------

# The inodes of the sockets that listen on PORT, IPv4 and IPv6.
_listeners() {
    awk -v port="$(printf '%04X' "$1")" \
        '$4 == "0A" && $2 ~ (":" port "$") { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Whether a process of NAME's group holds the socket INODE.
_holds() {
    local group dir stat fd
    group=$(pid_of "$1")
    for dir in "/proc/$group" /proc/[0-9]*; do
        { read -r stat <"$dir/stat"; } 2>/dev/null || continue
        # shellcheck disable=SC2086  # the fields after the name
        set -- "$1" "$2" ${stat##*) }
        [[ $5 == "$group" ]] || continue
        [[ -r $dir/fd ]] || return 0 # not ours to look into: believe it
        for fd in "$dir"/fd/*; do
            [[ $(readlink "$fd") != "socket:[$2]" ]] || return 0
        done
    done
    return 1
}

# Whether something, or the started NAME, listens on PORT. Makes no connection.
listening() {
    local inode
    for inode in $(_listeners "$1"); do
        [[ -n ${2:-} ]] || return 0
        ! _holds "$2" "$inode" || return 0
    done
    return 1
}

_listening_or_dead() { listening "$1" "$2" || ! alive "$2"; }

# Waits until PORT listens; with NAME, until NAME does, and no longer than NAME lives.
wait_port() {
    if [[ -z ${2:-} ]]; then
        wait_for 10 listening "$1"
    else
        wait_for 20 _listening_or_dead "$1" "$2" && listening "$1" "$2"
    fi
}

# A port that nothing uses now, below those that the kernel gives to connections.
free_port() {
    local port try
    for ((try = 0; try < 100; try++)); do
        port=$((10000 + SRANDOM % 22000))
        if ! awk -v port="$(printf '%04X' "$port")" '$2 ~ (":" port "$") { found = 1 }
            END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    say_error 'no free port found'
    return 1
}

# start_retry VAR NAME FN ARG...: for programs that cannot report their port. FN PORT ARG... writes
# what configuration there is and sets COMMAND. A port taken meanwhile is replaced, five times.
start_retry() {
    local var=$1 name=$2 make=$3 port try
    shift 3
    for ((try = 0; try < 5; try++)); do
        port=$(free_port) && "$make" "$port" "$@" || return
        start "$name" "${COMMAND[@]}"
        if wait_port "$port" "$name"; then
            export "$var=$port"
            return
        fi
        stop "$name" || :
        grep -Eqi 'in use|cannot bind' "$DIR/$name.log" || break
    done
    say_error "$name did not start:"
    cat "$DIR/$name.log" >&2
    return 1
}

# start_tool "VAR..." NAME CMD...: CMD is a tool of ours; it gets --port-file, and each VAR one of
# the ports that it listens on, in its order.
start_tool() {
    local vars=$1 name=$2 fifo=$DIR/$2.port fd var line rc=0
    shift 2
    rm -f "$fifo"
    mkfifo "$fifo" && exec {fd}<>"$fifo" || return
    start "$name" "$@" --port-file "$fifo"
    for var in $vars; do
        line=
        wait_for 20 _read_or_dead "$fd" "$name"
        if [[ -z $line ]]; then
            say_error "$name did not report a port:"
            cat "$DIR/$name.log" >&2
            rc=1
            break
        fi
        export "$var=${line##*:}"
    done
    exec {fd}>&-
    rm -f "$fifo"
    return "$rc"
}

# The read is what waits; a dead tool ends it. A time-out may fall amid a line.
_read_or_dead() {
    local part rc=0
    read -rt 0.2 -u "$1" part || rc=1
    line+=$part
    ((rc == 0)) || ! alive "$2"
}

# ---- certificates, thrown away with DIR -------------------------------------------------------

_key() { # ALG FILE
    case $1 in
    ecdsa) set -- "$2" EC -pkeyopt ec_paramgen_curve:P-256 ;;
    rsa) set -- "$2" RSA -pkeyopt rsa_keygen_bits:2048 ;;
    p384) set -- "$2" EC -pkeyopt ec_paramgen_curve:P-384 ;;
    p521) set -- "$2" EC -pkeyopt ec_paramgen_curve:P-521 ;;
    ed25519) set -- "$2" ED25519 ;;
    ed448) set -- "$2" ED448 ;;
    pss) set -- "$2" RSA-PSS -pkeyopt rsa_keygen_bits:2048 ;;
    dsa) (umask 077 && openssl dsaparam -noout -genkey -out "$2" 2048 2>/dev/null) && return ;;
    *) say_error "no such key type: $1" && return 1 ;;
    esac
    local file=$1
    shift
    (umask 077 && openssl genpkey -algorithm "$@" -out "$file" 2>/dev/null)
}

_sans() { # a.example,192.0.2.1,::1 -> DNS:a.example,IP:192.0.2.1,IP:::1
    local san out=
    for san in ${1//,/ }; do
        if [[ $san == *:* || $san =~ ^[0-9.]+$ ]]; then
            out+=,IP:$san
        else
            out+=,DNS:$san
        fi
    done
    printf '%s\n' "${out#,}"
}

# openssl ca is the one command of OpenSSL 3.0 that can date a certificate into the past.
_sign() { # CA CSR OUT EXTENSIONS FROM TO
    local dir
    dir=$(mktemp -d "$CERTS/ca.XXXXXX") || return
    : >"$dir/index"
    printf '%s\n' '[ca]' 'default_ca = it' '[it]' "database = $dir/index" "new_certs_dir = $dir" \
        'rand_serial = yes' 'default_md = default' 'policy = any' 'unique_subject = no' \
        'email_in_dn = no' '[any]' 'commonName = optional' '[ext]' "$4" >"$dir/conf"
    openssl ca -batch -notext -config "$dir/conf" -extensions ext -cert "$CERTS/$1.pem" \
        -keyfile "$CERTS/$1.key" -in "$2" -out "$3" -startdate "$5" -enddate "$6" \
        >"$dir/log" 2>&1 || { cat "$dir/log" >&2 && return 1; }
    rm -rf "$dir"
}

_date() { date -u -d "$1" +%Y%m%d%H%M%SZ; }

# make_ca NAME [ALG [ISSUER]]: $CERTS/NAME.pem and .key, self-signed or an intermediate of ISSUER.
# Its subject is "CN=NAME".
make_ca() {
    local base=$CERTS/$1 ext
    _key "${2:-ecdsa}" "$base.key" || return
    ext=$'basicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign,cRLSign'
    ext+=$'\nsubjectKeyIdentifier = hash'
    if [[ -z ${3:-} ]]; then
        openssl req -x509 -config /dev/null -key "$base.key" -subj "/CN=$1" -days 30 \
            -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign \
            -addext subjectKeyIdentifier=hash -out "$base.pem" || return
        : >"$base.chain"
    else
        openssl req -new -config /dev/null -key "$base.key" -subj "/CN=$1" -out "$base.csr" &&
            _sign "$3" "$base.csr" "$base.pem" "$ext" "$(_date -1hour)" "$(_date +30days)" &&
            cat "$base.pem" "$CERTS/$3.chain" >"$base.chain" || return
    fi
}

# make_cert CA NAME SANS [DAYS|expired [ALG]]: $CERTS/NAME.pem (leaf, then intermediates) and
# NAME.key; SANS is a list of names and addresses with commas, and may be empty.
make_cert() {
    local base=$CERTS/$2 ext from to
    _key "${5:-ecdsa}" "$base.key" || return
    ext=$'basicConstraints = CA:false\nextendedKeyUsage = serverAuth,clientAuth'
    ext+=$'\nauthorityKeyIdentifier = keyid'
    if [[ -n $3 ]]; then ext+=$'\nsubjectAltName = '$(_sans "$3"); fi
    case ${4:-30} in
    expired) from=$(_date -3days) to=$(_date -1day) ;;
    *) from=$(_date -1hour) to=$(_date "+${4:-30}days") ;;
    esac
    openssl req -new -config /dev/null -key "$base.key" -subj "/CN=$2" -out "$base.csr" &&
        _sign "$1" "$base.csr" "$base.leaf" "$ext" "$from" "$to" &&
        cat "$base.leaf" "$CERTS/$1.chain" >"$base.pem" && rm -f "$base.leaf" "$base.csr"
}

# ---- configurations -----------------------------------------------------------------------------

recipe_text() { # NAME
    awk -v mark='.\\" recipe: '"$1" '$0 == mark { found = 1; next } found && /^\.Bd/ { on = 1; next }
        on && /^\.Ed/ { exit } on' "${BASH_SOURCE[0]%/*}/../../man/atls-serve.8" | sed 's/\\e/\\/g'
}

# ---- an ordinary application ------------------------------------------------------------------

# start_app DIR: plain HTTP on APP_PORT; GET answers the files of DIR, POST echoes.
start_app() {
    local httpd=${HTTPD:-${BASH_SOURCE[0]%/*}/../../.build/plain/tests/lib/httpd}
    start_tool APP_PORT app "$httpd" "$1"
}
