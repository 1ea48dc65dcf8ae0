#!/usr/bin/env bats
# The configurations of FRONTS in atls-serve(8), as they stand there but for ports, addresses and
# paths: a session goes through each by requests and by a WebSocket, and outlives its reload and its
# death. Below: many forwards at once.

bats_require_minimum_version 1.5.0

# Each way, in pieces: what happens to the front happens between two of them.
PIECE=$((3 << 20)) PIECES=3

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    . tests/lib/common.bash
    . tests/lib/atls.bash
    begin_file
    export DATA=$DIR/data
    make_pki
    make_cert outer-ca outer service.example
    (umask 077 && cat "$CERTS/outer.pem" "$CERTS/outer.key" >"$CERTS/outer-with-key.pem")
    make_data "$DATA" $((PIECE * PIECES))
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    . tests/lib/common.bash
    . tests/lib/atls.bash
    . tests/lib/boxes2.bash
    begin_test
}

teardown() {
    kill_front
    end_test
}

teardown_file() {
    . tests/lib/common.bash
    . tests/lib/atls.bash
    end_file
}

# ---- the fronts -------------------------------------------------------------------------------

# A recipe with the ports and paths of here.
recipe() { # NAME PORT
    recipe_text "$1" |
        sed "s/bind :443/bind 127.0.0.1:$2/; s/\*:443/127.0.0.1:$2/; s/port 3128/port 127.0.0.1:$2/
            s/\(listen\|https_port\) 443/\1 127.0.0.1:$2/
            s/port 443/port ${INNER_PORT:-443}/; s/8080/$SERVICE_PORT/; s/8081/${SECOND_PORT:-0}/
            s|/etc/ssl/front|$CERTS/outer|g; s|10\.0\.0\.0/8|127.0.0.0/8|"
}

# Each of these writes DIR/NAME.conf and sets COMMAND.
_front_nginx() { # PORT
    local path more
    # shellcheck disable=SC2016  # nginx's variables
    more='log_format c "$connection $server_protocol $request_method"; '
    more+="access_log $DIR/access.log c;"
    for path in client_body proxy fastcgi uwsgi scgi; do more+=" ${path}_temp_path $DIR/$path;"; done
    recipe nginx "$1" | sed "s|^http {|& $more|" >"$DIR/nginx.conf"
    COMMAND=(/usr/sbin/nginx -p "$DIR" -e stderr -c "$DIR/nginx.conf"
        -g "daemon off; pid $DIR/nginx.pid; worker_processes 1; error_log stderr notice;")
    if ((EUID == 0)); then COMMAND[-1]+=' user root;'; fi
}

_front_haproxy() { # PORT
    recipe haproxy "$1" >"$DIR/haproxy.conf"
    COMMAND=(/usr/sbin/haproxy -W -db -f "$DIR/haproxy.conf")
}

# What Debian's own configuration does before it comes to a site's.
_front_apache() { # PORT
    local dir=/usr/lib/apache2/modules module
    {
        for module in mpm_event authz_core socache_shmcb reqtimeout ssl http2 proxy proxy_http; do
            printf 'LoadModule %s_module %s/mod_%s.so\n' "$module" "$dir" "$module"
        done
        printf '%s\n' "ServerRoot $DIR" "DefaultRuntimeDir $DIR" "PidFile $DIR/apache.pid" \
            'User daemon' 'Group daemon' 'ServerName localhost' "Listen 127.0.0.1:$1" 'ErrorLog /dev/stderr' 'LogLevel notice'
        recipe apache "$1"
    } >"$DIR/apache.conf"
    COMMAND=(/usr/sbin/apache2 -d "$DIR" -f "$DIR/apache.conf" -DFOREGROUND)
}


_front_squid() { squid_of <(recipe squid "$1"); }
_front_forward() { squid_of <(recipe squid-forward "$1"); }

# Starts one, with the port FRONT_PORT; RELOAD is the signal that reloads it, and LOADED what it says
# when that is done.
front() { # NAME
    FRONT=$1 PROGRAM=$1
    case $1 in
    nginx) RELOAD=HUP LOADED='gracefully shutting down' ;;
    haproxy) RELOAD=USR2 LOADED='Proxy front stopped' ;;
    apache) RELOAD=USR1 LOADED='resuming normal operations' ;;
    *) PROGRAM=squid RELOAD=HUP LOADED='Accepting .* connections' ;;
    esac
    start_retry FRONT_PORT "$PROGRAM" "_front_$1"
}

loads() { grep -Eac -e "$LOADED" "$DIR/$PROGRAM.log" || :; }
_loaded() { (($(loads) > $1)); }

reload() {
    local before
    before=$(loads)
    kill "-$RELOAD" "$(pid_of "$PROGRAM")"
    wait_for 20 _loaded "$before"
}

# Apache would wait for what it holds, for 10 s.
kill_front() {
    if alive "${PROGRAM:-}"; then kill -KILL -- "-$(pid_of "$PROGRAM")"; fi
    end_squid
}

restart() {
    kill_front
    stop "$PROGRAM"
    "_front_$FRONT" "$FRONT_PORT"
    start "$PROGRAM" "${COMMAND[@]}"
    wait_port "$FRONT_PORT"
}

# ---- what goes through them -------------------------------------------------------------------

_has() { (($(stat -c %s "$1") >= $2)); }

# A session to an echo, by a CARRIAGE; between its pieces the WHATs happen.
carries() { # CARRIAGE "WHAT..." CLIENT-OPTION...
    local carriage=$1 whats i
    read -ra whats <<<"$2"
    rm -f "$DIR/in"
    CLIENT_CARRIAGE=$carriage start_client "$DIR/in" "$DIR/out" -v --report "$DIR/report" "${@:3}"
    for ((i = 0; i < PIECES; i++)); do
        tail -c +$((PIECE * i + 1)) "$DATA" | head -c "$PIECE" >&"$INPUT_FD"
        wait_for 60 _has "$DIR/out" $((PIECE * (i + 1)))
        if [[ -n ${whats[i]:-} ]]; then "${whats[i]}"; fi
    done
    end_input
    wait_exit client 60
    [[ $STOP_STATUS == 0 ]] && same "$DATA" "$DIR/out"
}

by_websocket() {
    carries ws reload "$@"
    jq -e '.ok and .carriage == "ws" and .path.requests_lost == 0 and (.path.header_stripped | not)' "$DIR/report"
}
by_requests() {
    carries stream 'reload restart' "$@"
    jq -e '.ok and .carriage == "stream" and (.path.header_stripped | not)' "$DIR/report"
}
# Another one is made, or requests go on in its place.
by_websocket_that_is_cut() {
    carries ws restart "$@"
    grep -q 'session 1: on a WebSocket' "$DIR/client.log"
    jq -e '.ok and (.path.header_stripped | not)' "$DIR/report"
}

all_ways() { # URL OPTION...
    local encoding
    by_websocket "$@"
    by_requests "$@"
    for encoding in atls octet-stream json; do
        run -0 --separate-stderr client --carriage base --encoding "$encoding" "$@" <<<words
        [[ $output == words ]]
    done
}

http_version() { # URL OPTION...
    client --check --json "$@" | jq -r .http_version
}

@test "nginx" {
    start_service echo
    front nginx
    all_ways "https://127.0.0.1:$FRONT_PORT"
    by_websocket_that_is_cut "https://127.0.0.1:$FRONT_PORT"
    [[ $(http_version "https://127.0.0.1:$FRONT_PORT") == 2 ]]
}

@test "haproxy, with two nodes" {
    start_service echo
    start_tool SECOND_PORT second "$ATLS_BIN/atls-serve" -v --grace 0 --listen 127.0.0.1:0 --cert "$CERTS/service.pem" \
        --key "$CERTS/service.key" --backend "$BACKEND"
    front haproxy
    all_ways "https://127.0.0.1:$FRONT_PORT"
    grep -q 'closed by both sides' "$DIR/serve.log"
    grep -q 'closed by both sides' "$DIR/second.log"
    [[ $(http_version "https://127.0.0.1:$FRONT_PORT") == 2 ]]
}

@test "Apache" {
    start_service echo
    front apache
    all_ways "https://127.0.0.1:$FRONT_PORT"
    [[ $(http_version "https://127.0.0.1:$FRONT_PORT") == 2 ]]
}

@test "squid" {
    start_service echo
    front squid
    all_ways "https://127.0.0.1:$FRONT_PORT"
}

@test "squid, on the clients' side" {
    start_service echo
    front nginx
    INNER_PORT=$FRONT_PORT
    front forward
    all_ways --proxy "http://127.0.0.1:$FRONT_PORT" "https://127.0.0.1:$INNER_PORT"
    grep -q " CONNECT 127.0.0.1:$INNER_PORT " "$DIR/squid/access.log"
}

# ---- many at once -----------------------------------------------------------------------------

forwards() { # URL
    start_tool FORWARD forward "$ATLS_BIN/atls-client" -L 127.0.0.1:0 --carriage stream --report "$DIR/reports" \
        --cacert "$CERTS/ca.pem" --servername service.test "$@"
    run -0 timeout 90 "$PYTHON" tests/lib/many_forwards.py "$FORWARD" 20
    [[ $output == '19 of 19 echoed, and the one that did not read has all' ]]
    stop forward
    jq -es 'length == 20 and all(.ok and .path.requests_lost == 0)' "$DIR/reports"
}

# What the front saw of requests: 1, their connections; 2, the HTTP that they speak.
posts() { # FIELD
    awk '$3 == "POST"' "$DIR/access.log" | cut -d' ' -f"$1" | sort -u
}

@test "-L, twenty at once to a front that speaks HTTP/2: one connection, and none waits for who does not read" {
    start_service echo
    front nginx
    forwards "https://127.0.0.1:$FRONT_PORT"
    jq -es 'all(.http_version == "2")' "$DIR/reports"
    kill_front
    [[ $(posts 2) == HTTP/2.0 && $(posts 1 | wc -l) == 1 ]]
}

@test "-L, twenty at once to a front that speaks HTTP/1.1: several connections, and none waits for who does not read" {
    start_service echo
    start_retry FRONT_PORT nginx _front_nginx_1
    forwards "https://127.0.0.1:$FRONT_PORT"
    jq -es 'all(.http_version == "1.1")' "$DIR/reports"
    stop nginx
    [[ $(posts 2) == HTTP/1.1 ]] && (($(posts 1 | wc -l) > 1))
}

stand_still() { kill -USR1 "$(pid_of relay)" && wait_log relay 'connections stand still'; }

@test "a connection of HTTP/2 that stands still for good is given up, and another one made" {
    start_service echo
    front nginx
    start_tool RELAY_PORT relay "$PYTHON" tests/lib/tcp_cuts.py --to "$FRONT_PORT" --cuts 0
    carries stream stand_still "https://127.0.0.1:$RELAY_PORT"
    jq -e '.ok and .http_version == "2" and .path.requests_lost > 0' "$DIR/report"
}

_front_nginx_1() {
    _front_nginx "$@"
    sed -i 's/ http2;/;/' "$DIR/nginx.conf"
}
