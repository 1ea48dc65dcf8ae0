# Proxies that are asked for by name, and terminators that are in the way: real ones on loopback, as
# plain children. Needs common.bash and use_dir; stop_all (or stop NAME) ends them. Each sets BOX_PORT.
#
#   box_connect                    mitmproxy as a proxy; it forges the certificate of what is asked for
#   box_squid LINE...              squid as a proxy, with these lines of configuration
#   box_squid_bump LINE...         the same, with what ssl_bump needs
#   squid_of FILE                  sets COMMAND to squid with what FILE says, for start_retry
#   end_squid                      the end of each, before stop_all
#   box_tinyproxy LINE...          tinyproxy, with these lines besides
#   box_privoxy SETTING...         privoxy; +NAME is an action for all URLs, after Debian's own, and
#                                  anything else a line of its configuration
#   box_nginx_hostile PORT[,DUMB] LINE...   http in front of PORT (and in turns, DUMB), with these
#                                  lines in its server; NGINX_TLS=1: https, with the certificate of those
#                                  lines
#   box_haproxy_hostile PORT LINE...   http in front of PORT, with these lines in its defaults
#   dumb_listener HOW PORT         DUMB_PORT: "drops" what it was asked, or "loses" what PORT answered
#                                  to anything but a poll; of each body once
#   late_application SECONDS       LATE_PORT: echoes what came so long after its end

box_connect() { start_retry BOX_PORT mitmproxy _connect; }

_connect() { # PORT
    COMMAND=(mitmdump --mode regular --listen-host 127.0.0.1 --listen-port "$1"
        --set "confdir=$DIR/mitmproxy" --ssl-insecure)
}

# ---- proxies ----------------------------------------------------------------------------------

# It would take 2 s, has nothing to save, and leaves shared memory behind in any case.
end_squid() {
    if alive squid; then kill -KILL "$(pid_of squid)"; fi
    if [[ -n ${SQUID_NAME:-} ]]; then rm -f "/dev/shm/$SQUID_NAME"-*; fi
}

box_squid() { start_retry BOX_PORT squid _squid '' "$@"; }

# An interceptor's own CA; what it cannot verify itself, it takes.
box_squid_bump() {
    local ca=$CERTS/squid-ca
    if [[ ! -e $ca.pem ]]; then make_ca squid-ca rsa || return; fi
    rm -rf "$DIR/certgen"
    /usr/lib/squid/security_file_certgen -c -s "$DIR/certgen" -M 4MB >"$DIR/certgen.log" 2>&1 || {
        cat "$DIR/certgen.log" >&2
        return 1
    }
    start_retry BOX_PORT squid _squid \
        "ssl-bump tls-cert=$ca.pem tls-key=$ca.key generate-host-certificates=on" \
        "sslcrtd_program /usr/lib/squid/security_file_certgen -s $DIR/certgen -M 4MB" \
        'sslcrtd_children 1' 'acl step1 at_step SslBump1' 'acl step2 at_step SslBump2' "$@"
}

# Squid refuses to be root, and whom it would change to instead cannot read below DIR.
SQUID_USER=(setpriv --reuid proxy --regid proxy --clear-groups --inh-caps +dac_override
    --ambient-caps +dac_override)

_squid() { # PORT PORT-OPTIONS LINE...
    squid_of <(printf '%s\n' "http_port 127.0.0.1:$1 $2" 'cache deny all' "${@:3}" 'http_access allow all')
}

# No service of its name may share its memory, and it would take 30 s to end.
squid_of() { # FILE
    local dir=$DIR/squid
    mkdir -p "$dir"
    end_squid
    SQUID_NAME=atls$SRANDOM
    {
        printf '%s\n' 'pid_filename none' "coredump_dir $dir" "access_log stdio:$dir/access.log" \
            "cache_log $dir/cache.log" 'cache_mem 0' 'pinger_enable off' 'shutdown_lifetime 0 seconds' \
            'dns_nameservers 127.0.0.1' 'visible_hostname squid.test' 'max_filedescriptors 1024' \
            'netdb_filename none'
        cat "$1"
    } >"$dir/conf"
    COMMAND=(/usr/sbin/squid -N -d 1 -n "$SQUID_NAME" -f "$dir/conf")
    if ((EUID == 0)); then COMMAND=("${SQUID_USER[@]}" "${COMMAND[@]}"); fi
}

box_tinyproxy() { start_retry BOX_PORT tinyproxy _tinyproxy "$@"; }

_tinyproxy() { # PORT LINE...
    printf '%s\n' "Port $1" 'Listen 127.0.0.1' 'Timeout 600' 'MaxClients 100' 'LogLevel Info' \
        'Allow 127.0.0.1' 'ViaProxyName "tinyproxy"' "${@:2}" >"$DIR/tinyproxy.conf"
    COMMAND=(/usr/bin/tinyproxy -d -c "$DIR/tinyproxy.conf")
}

box_privoxy() { start_retry BOX_PORT privoxy _privoxy "$@"; }

# It looks for its templates below confdir, and for each file of actions and filters, too. AppArmor
# keeps Debian's from all but /etc/privoxy, by its path: this is a copy.
_privoxy() { # PORT SETTING...
    local dir=$DIR/privoxy line actions=()
    mkdir -p "$dir/certificates"
    ln -sfn /etc/privoxy/templates "$dir/templates"
    cp /usr/sbin/privoxy "$dir/program" &&
        cp /etc/privoxy/{match-all,default}.action /etc/privoxy/default.filter "$dir/" || return
    printf '%s\n' "confdir $dir" "logdir $dir" 'actionsfile match-all.action' \
        'actionsfile default.action' 'actionsfile all.action' 'filterfile default.filter' \
        "listen-address 127.0.0.1:$1" 'toggle 1' 'buffer-limit 4096' 'keep-alive-timeout 5' \
        'tolerate-pipelining 1' 'socket-timeout 300' 'debug 1' 'debug 4096' 'debug 8192' >"$dir/config"
    for line in "${@:2}"; do
        case $line in
        +*) actions+=("$line") ;;
        *) printf '%s\n' "$line" >>"$dir/config" ;;
        esac
    done
    if ((${#actions[@]} > 0)); then printf '{ %s }\n/\n' "${actions[*]}"; fi >"$dir/all.action"
    COMMAND=("$dir/program" --no-daemon "$dir/config")
}

# ---- terminators ------------------------------------------------------------------------------

box_nginx_hostile() { start_retry BOX_PORT nginx _nginx_hostile "$@"; }

_nginx_hostile() { # PORT UPSTREAMS LINE...
    local dir=$DIR/nginx path
    mkdir -p "$dir"
    {
        printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;'
        if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
        printf '%s\n' 'events { worker_connections 512; }' 'http {' "access_log $dir/access.log;"
        for path in client_body proxy fastcgi uwsgi scgi; do
            printf '%s_temp_path %s/%s;\n' "$path" "$dir" "$path"
        done
        printf '%s\n' 'upstream atls {'
        if [[ $2 == *,* ]]; then printf 'server 127.0.0.1:%s max_fails=0;\n' "${2#*,}"; fi
        printf '%s\n' "server 127.0.0.1:${2%,*} max_fails=0;" '}' 'server {' \
            "listen 127.0.0.1:$1${NGINX_TLS:+ ssl};" "${@:3}" 'location / { proxy_pass http://atls; }' '}' '}'
    } >"$dir/conf"
    COMMAND=(/usr/sbin/nginx -p "$dir" -e stderr -c "$dir/conf")
}

box_haproxy_hostile() { start_retry BOX_PORT haproxy _haproxy_hostile "$@"; }

_haproxy_hostile() { # PORT UPSTREAM_PORT LINE...
    printf '%s\n' 'global' 'maxconn 512' 'defaults' 'mode http' "${@:3}" 'frontend front' \
        "bind 127.0.0.1:$1" 'default_backend atls' 'backend atls' \
        "server one 127.0.0.1:$2" >"$DIR/haproxy.cfg"
    COMMAND=(/usr/sbin/haproxy -db -f "$DIR/haproxy.cfg")
}

# ---- what stands behind -----------------------------------------------------------------------

read -rd '' DUMB_PY <<'PYTHON' || :
import http.client, socketserver, sys

how, port, ports = sys.argv[1], sys.argv[2], sys.argv[4]
seen = set()

class Dumb(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode().split()
        headers = http.client.parse_headers(self.rfile)
        body = self.rfile.read(int(headers["Content-Length"] or 0))
        if how == "loses":
            upstream = http.client.HTTPConnection("127.0.0.1", int(port))
            upstream.request(line[0], line[1], body, dict(headers))
            answer = upstream.getresponse()
            data = answer.read()
            if len(body) < 23 or b'"records":""' in body.replace(b" ", b"") or body in seen:
                self.wfile.write(f"HTTP/1.0 {answer.status} {answer.reason}\r\n{answer.headers}".encode() + data)
                return
        seen.add(body)
        print(f"{len(body)} bytes: no answer", flush=True)

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

with Server(("127.0.0.1", 0), Dumb) as server:
    with open(ports, "w") as file:
        print(server.server_address[1], file=file)
    server.serve_forever()
PYTHON

dumb_listener() { # HOW PORT
    start_tool DUMB_PORT dumb "$PYTHON" -c "$DUMB_PY" "$1" "$2"
}

read -rd '' LATE_PY <<'PYTHON' || :
import socketserver, sys, threading

seconds, ports = float(sys.argv[1]), sys.argv[3]

class Late(socketserver.StreamRequestHandler):
    def handle(self):
        data = self.rfile.read()
        threading.Event().wait(seconds)
        self.wfile.write(data)

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

with Server(("127.0.0.1", 0), Late) as server:
    with open(ports, "w") as file:
        print(server.server_address[1], file=file)
    server.serve_forever()
PYTHON

late_application() { # SECONDS
    start_tool LATE_PORT late "$PYTHON" -c "$LATE_PY" "$1"
}
