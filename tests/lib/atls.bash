# Helpers for the bats files about the tools, on top of common.bash: load that first.
#
#   ATLS_BIN (default bin) is where the tools are: .build/asan/bin for the sanitizers' build.
#
# Setting up and down:
#   begin_file, begin_test           in setup_file() and setup(): DIR is then the file's or the test's
#   end_test, end_file               stop all that was started; fail on a sanitizer's report
# In the background, each with its output in $DIR/NAME.log:
#   start_backend KIND [WHERE]       an application, see BACKEND_PY; BACKEND is its address
#   start_serve VARS OPTION...       atls-serve as SERVE_IDENTITY (service), without grace unless
#                                    given; VARS get the ports that it listens on
#   start_service KIND OPTION...     both, on plain http: SERVICE is its URL
#   start_peer OPTION...             the independent server; PEER is its URL. PEER_NAME (peer) names
#                                    it, PEER_IDENTITY (service) its certificate
#   start_client IN OUT OPTION...    atls-client from IN to OUT, with the trust of client. Without a
#                                    file IN, it is made a FIFO, open in INPUT_FD until end_input;
#                                    OUT - is client.log, where its words are, too
# In the foreground, never longer than 30 s:
#   bare_client, client OPTION...    atls-client; with trust in "ca" and the name service.test
#   serve OPTION...                  atls-serve
#   peer_client OPTION...            the independent client, with the same trust
#   carry CODE IN OUT CMD...         CMD from a file to a file, to end with CODE
# After `run --separate-stderr` or carry; PATTERN is one of bash, and matches a whole line:
#   only_said PATTERN...             standard error is these lines
#   said PATTERN..., unsaid PATTERN...   each is, or none is, a line of it

ATLS_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
ATLS_BIN=${ATLS_BIN:-bin}
if [[ $ATLS_BIN != /* ]]; then ATLS_BIN=$ATLS_ROOT/$ATLS_BIN; fi
PYTHON=${PYTHON:-/usr/bin/python3}
PEERS=$ATLS_ROOT/tests/peers

# What would change the tools' ways, and is the caller's.
unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY SSLKEYLOGFILE \
    GNUTLS_SYSTEM_PRIORITY_FILE

# ---- setting up and down ----------------------------------------------------------------------

_catch_reports() {
    export ASAN_OPTIONS="log_path=$DIR/sanitizer:quarantine_size_mb=8"
    export UBSAN_OPTIONS="log_path=$DIR/sanitizer:print_stacktrace=1"
}

begin_file() {
    use_dir
    _catch_reports
}

begin_test() {
    use_dir "$BATS_TEST_TMPDIR"
    _catch_reports
}

_stop_and_judge() {
    local file rc=0
    stop_all || rc=1
    for file in "$DIR"/sanitizer.*; do
        if [[ -e $file ]]; then
            cat "$file"
            rc=1
        fi
    done
    if grep -aEH 'runtime error:|ERROR: (Address|Leak)Sanitizer' "$DIR"/*.log 2>/dev/null; then rc=1; fi
    return "$rc"
}

end_test() {
    local file
    if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
        for file in "$DIR"/*.log; do
            if [[ -e $file ]]; then printf '%s:\n%s\n' "${file##*/}" "$(tail -n 30 "$file" | cut -c1-300)"; fi
        done
    fi
    _stop_and_judge
}

end_file() {
    DIR=$BATS_FILE_TMPDIR
    _stop_and_judge
}

# ---- processes --------------------------------------------------------------------------------

# An application: KIND WHERE --port-file FILE. WHERE is a port on 127.0.0.1, or unix:PATH. When a
# connection is over it prints how it ended, what came and its hash.
#   echo      sends what comes; the end, too
#   greet     the same, but speaks first
#   hash      sends the hash of all that came, at its end
#   bye       speaks and closes, and reads nothing
#   done      speaks and ends its direction, then reads
#   slow      reads slowly while it sends 16 MiB of zeros
#   mute      takes connections, and no more
#   http      prints a request's head, and answers 404
read -rd '' BACKEND_PY <<'PYTHON' || :
import hashlib, itertools, signal, socket, sys, threading, time

kind, where, ports = sys.argv[1], sys.argv[2], sys.argv[4]
first = {"greet": b"welcome\n", "bye": b"bye\n", "done": b"done\n"}.get(kind, b"")

def pour(link, cut): # a reset is told once: to whoever asks first, this side or the reader
    try:
        for _ in range(256):
            link.sendall(bytes(65536))
        link.shutdown(socket.SHUT_WR)
    except OSError as error:
        cut.append(error.strerror)

def http(link, _):
    with link, link.makefile("rb") as stream:
        head = list(iter(lambda: stream.readline().decode().strip(), ""))
        print(*head, sep="\n", flush=True)
        stream.read(sum(int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:")))
        link.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

def talk(link, number):
    digest, size, how = hashlib.sha256(), 0, "ended"
    cut = []
    other = threading.Thread(target=pour, args=(link, cut), daemon=True)
    try:
        link.sendall(first)
        if kind == "bye":
            return
        if kind == "done":
            link.shutdown(socket.SHUT_WR)
        if kind == "slow":
            other.start()
        while data := link.recv(65536):
            digest.update(data)
            size += len(data)
            if kind in ("echo", "greet"):
                link.sendall(data)
            if kind == "slow":
                time.sleep(0.01)
        if kind == "hash":
            link.sendall(digest.hexdigest().encode() + b"\n")
        if kind == "slow":
            other.join()
        if cut:
            how = f"cut ({cut[0]})"
    except OSError as error:
        how = f"cut ({error.strerror})"
    finally:
        link.close()
        print(f"connection {number}: {how}, {size} bytes, sha256 {digest.hexdigest()}", flush=True)

if where.startswith("unix:"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where[5:])
else:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == "slow":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    listener.bind(("127.0.0.1", int(where)))
listener.listen(128)
with open(ports, "w") as file:
    print(where if where.startswith("unix:") else listener.getsockname()[1], file=file)
if kind == "mute":
    signal.pause()
for number in itertools.count(1):
    threading.Thread(target=http if kind == "http" else talk, args=(listener.accept()[0], number), daemon=True).start()
PYTHON

start_backend() { # KIND [WHERE]
    start_tool BACKEND_PORT backend "$PYTHON" -c "$BACKEND_PY" "$1" "${2:-0}" || return
    case ${2:-} in
    unix:*) export BACKEND=$2 ;;
    *) export BACKEND=127.0.0.1:$BACKEND_PORT ;;
    esac
}

start_serve() { # VARS OPTION...
    local vars=$1 name=$CERTS/${SERVE_IDENTITY:-service}
    shift
    if [[ " $* " != *" --grace "* ]]; then set -- --grace 0 "$@"; fi
    start_tool "$vars" serve "$ATLS_BIN/atls-serve" --cert "$name.pem" --key "$name.key" "$@"
}

start_service() { # KIND OPTION...
    start_backend "$1" || return
    start_serve SERVICE_PORT --listen 127.0.0.1:0 --backend "$BACKEND" "${@:2}" || return
    export SERVICE=http://127.0.0.1:$SERVICE_PORT
}

start_peer() {
    local name=$CERTS/${PEER_IDENTITY:-service} scheme=http
    if [[ " $* " == *" --outer-cert "* ]]; then scheme=https; fi
    start_tool PEER_PORT "${PEER_NAME:-peer}" "$PYTHON" "$PEERS/atls_peer_server.py" --cert "$name.pem" \
        --key "$name.key" "$@" || return
    export PEER=$scheme://127.0.0.1:$PEER_PORT
}

start_client() { # IN OUT OPTION...
    if [[ ! -e $1 ]]; then
        mkfifo "$1" && exec {INPUT_FD}<>"$1" || return
    fi
    # shellcheck disable=SC2016  # the inner shell's
    start client bash -c 'if [[ $1 != - ]]; then exec >"$1"; fi; exec "${@:2}" <"$0"' "$1" "$2" \
        "$ATLS_BIN/atls-client" ${CLIENT_CARRIAGE:+--carriage "$CLIENT_CARRIAGE"} \
        --cacert "$CERTS/ca.pem" --servername service.test "${@:3}"
}
end_input() { exec {INPUT_FD}>&-; }

bare_client() { timeout -k 5 30 "$ATLS_BIN/atls-client" "$@"; }
client() { bare_client ${CLIENT_CARRIAGE:+--carriage "$CLIENT_CARRIAGE"} --cacert "$CERTS/ca.pem" --servername service.test "$@"; }
serve() { timeout -k 5 20 "$ATLS_BIN/atls-serve" "$@"; }
peer_client() {
    timeout -k 5 30 "$PYTHON" "$PEERS/atls_peer_client.py" --cacert "$CERTS/ca.pem" \
        --servername service.test "$@"
}

carry() { # CODE IN OUT CMD...
    local code=$1 in=$2 out=$3
    shift 3
    status=0
    "$@" <"$in" >"$out" 2>"$DIR/stderr" || status=$?
    stderr=$(<"$DIR/stderr")
    mapfile -t stderr_lines <"$DIR/stderr"
    ((status == code)) || _complain "expected exit code $code: $*"
}

# ---- certificates and data --------------------------------------------------------------------

# ca and what it vouches for: "service"; another CA; and outer-ca with "front", for the network layer.
make_pki() {
    make_ca ca && make_ca other-ca && make_ca outer-ca &&
        make_cert ca service service.test,127.0.0.1,::1 &&
        make_cert outer-ca front 127.0.0.1,::1
}

# The public key's pin of a certificate, computed by another library than the tools'.
pin_of() {
    printf 'sha256//%s\n' "$(openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER |
        openssl dgst -sha256 -binary | base64)"
}

make_client_hello() { # FILE
    "$PYTHON" -c '
import ssl, sys
sent = ssl.MemoryBIO()
try:
    ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="service.test").do_handshake()
except ssl.SSLWantReadError:
    sys.stdout.buffer.write(sent.read())' >"$1"
}

same() { # FILE FILE
    cmp "$1" "$2"
}
hash_of() { sha256sum "$1" | cut -d' ' -f1; }
make_data() { head -c "$2" /dev/urandom >"$1"; } # FILE BYTES

# ---- what was said ----------------------------------------------------------------------------

# shellcheck disable=SC2154  # of run
_complain() {
    printf '%s\nstatus %s, standard error:\n' "$1" "$status"
    tail -n 20 <<<"$stderr"
    return 1
}

_matches() { # PATTERN
    local line
    # shellcheck disable=SC2154  # of run
    for line in "${stderr_lines[@]}"; do
        # shellcheck disable=SC2053  # a pattern
        if [[ $line == $1 ]]; then return; fi
    done
    return 1
}

only_said() {
    local line
    (($# == ${#stderr_lines[@]})) || _complain "expected $# lines on standard error" || return
    for line in "${stderr_lines[@]}"; do
        # shellcheck disable=SC2053  # a pattern
        [[ $line == $1 ]] || _complain "line '$line' is not '$1'" || return
        shift
    done
}

said() {
    local pattern
    for pattern; do
        _matches "$pattern" || _complain "no line '$pattern'" || return
    done
}

unsaid() {
    local pattern
    for pattern; do
        if _matches "$pattern"; then _complain "a line '$pattern'" || return; fi
    done
}

no_violations() { # [LOG...]
    if (($# == 0)); then set -- "$DIR/peer.log"; fi
    if grep -aF VIOLATION "$@"; then return 1; fi
}
