# Real middleboxes, terminators and applications on loopback, as plain children. Needs common.bash
# and use_dir; stop_all (or stop NAME) ends them. Ports and paths are exported, so that what
# setup_file started is known to the tests.
#
#   box_sslsplit UPSTREAM_PORT        https on SSLSPLIT_PORT, forged by SSLSPLIT_CA (a PEM file);
#                                     what it read is in SSLSPLIT_LOGS/, one file a connection
#   box_mitmproxy UPSTREAM_URL        http and https on MITMPROXY_PORT, forged by MITMPROXY_CA;
#                                     what it read is in MITMPROXY_FLOWS, complete after stop
#   box_nginx_tls UPSTREAM_PORT CERT KEY     https on NGINX_PORT, plain http upstream
#   box_nginx_ws UPSTREAM_PORT CERT KEY      the same, and it passes the upgrade to a WebSocket on
#   box_haproxy_tls UPSTREAM_PORT CERT KEY   https on HAPROXY_PORT, plain http upstream
#   box_sshd                          ssh on SSHD_PORT; `ssh -F $SSH_CONFIG app` reaches it

# sslsplit resolves even a numeric target by AI_ADDRCONFIG, which fails where loopback is the only
# address; and as root it would drop to nobody, who cannot write below DIR.
box_sslsplit() {
    local ca=${BOX_CA_NAME:-sslsplit-ca}
    if [[ ! -e $CERTS/$ca.pem ]]; then make_ca "$ca" rsa || return; fi
    export SSLSPLIT_CA=$CERTS/$ca.pem SSLSPLIT_LOGS=$DIR/sslsplit
    mkdir -p "$SSLSPLIT_LOGS"
    start_retry SSLSPLIT_PORT sslsplit _sslsplit "$1" "$CERTS/$ca.key" && return
    if grep -qs 'Cannot resolve address' "$DIR/sslsplit.log"; then
        say_error 'sslsplit needs a network address beside loopback on this machine'
    fi
    return 1
}

_sslsplit() { # PORT UPSTREAM_PORT KEY
    COMMAND=(sslsplit -k "$3" -c "$SSLSPLIT_CA" -l "$DIR/sslsplit.connections" -S "$SSLSPLIT_LOGS")
    if ((EUID == 0)); then COMMAND+=(-u root); fi
    COMMAND+=(https 127.0.0.1 "$1" 127.0.0.1 "$2")
}

box_mitmproxy() {
    export MITMPROXY_CA=$DIR/mitmproxy/mitmproxy-ca-cert.pem MITMPROXY_FLOWS=$DIR/mitmproxy.flows
    start_retry MITMPROXY_PORT mitmproxy _mitmproxy "$1"
}

_mitmproxy() { # PORT UPSTREAM_URL
    COMMAND=(mitmdump --mode "reverse:$2" --listen-host 127.0.0.1 --listen-port "$1"
        --set "confdir=$DIR/mitmproxy" --set keep_host_header=true --ssl-insecure
        --save-stream-file "$MITMPROXY_FLOWS")
}

box_nginx_tls() { start_retry NGINX_PORT nginx _nginx "$@"; }

box_nginx_ws() { NGINX_UPGRADE=1 start_retry NGINX_PORT nginx _nginx "$@"; }

_nginx() { # PORT UPSTREAM_PORT CERT KEY
    local dir=$DIR/nginx path connection=('proxy_set_header Connection "";')
    if [[ -n ${NGINX_UPGRADE:-} ]]; then
        # shellcheck disable=SC2016  # nginx's variable
        connection=('proxy_set_header Connection upgrade;' 'proxy_set_header Upgrade $http_upgrade;')
    fi
    mkdir -p "$dir"
    {
        printf '%s\n' 'daemon off;' "pid $dir/pid;" 'error_log stderr;' 'worker_processes 1;'
        if ((EUID == 0)); then printf '%s\n' 'user root;'; fi
        printf '%s\n' 'events { worker_connections 512; }' 'http {' "access_log $dir/access.log;"
        for path in client_body proxy fastcgi uwsgi scgi; do
            printf '%s_temp_path %s/%s;\n' "$path" "$dir" "$path"
        done
        printf '%s\n' "upstream atls { server 127.0.0.1:$2; keepalive 16; }" 'server {' \
            "listen 127.0.0.1:$1 ssl;" 'ssl_protocols TLSv1.2 TLSv1.3;' \
            "ssl_certificate $3;" "ssl_certificate_key $4;" 'client_max_body_size 2m;' \
            'location / {' 'proxy_pass http://atls;' \
            'proxy_http_version 1.1;' "${connection[@]}" \
            "proxy_set_header Host \$host;" '}' '}' '}'
    } >"$dir/conf"
    COMMAND=(/usr/sbin/nginx -p "$dir" -e stderr -c "$dir/conf")
}

box_haproxy_tls() { start_retry HAPROXY_PORT haproxy _haproxy "$@"; }

_haproxy() { # PORT UPSTREAM_PORT CERT KEY
    (umask 077 && cat "$3" "$4" >"$DIR/haproxy.pem") || return
    printf '%s\n' 'global' 'maxconn 512' 'defaults' 'mode http' 'timeout connect 5s' \
        'timeout client 60s' 'timeout server 60s' 'frontend tls' \
        "bind 127.0.0.1:$1 ssl crt $DIR/haproxy.pem" 'default_backend atls' 'backend atls' \
        "server one 127.0.0.1:$2" >"$DIR/haproxy.cfg"
    COMMAND=(/usr/sbin/haproxy -db -f "$DIR/haproxy.cfg")
}

box_sshd() {
    local dir=$DIR/sshd
    export SSH_CONFIG=$dir/client
    mkdir -p "$dir" || return
    if ((EUID == 0)); then install -d -m 755 /run/sshd || return; fi
    ssh-keygen -q -t ed25519 -N '' -C host -f "$dir/host" </dev/null &&
        ssh-keygen -q -t ed25519 -N '' -C user -f "$dir/user" </dev/null || return
    cp "$dir/user.pub" "$dir/authorized_keys"
    start_retry SSHD_PORT sshd _sshd || return
    printf 'app %s\n' "$(cut -d' ' -f1,2 "$dir/host.pub")" >"$dir/known_hosts"
    printf '%s\n' 'Host app' 'HostName 127.0.0.1' "Port $SSHD_PORT" "User $(id -un)" \
        'HostKeyAlias app' "UserKnownHostsFile $dir/known_hosts" 'GlobalKnownHostsFile none' \
        "IdentityFile $dir/user" 'IdentitiesOnly yes' 'IdentityAgent none' 'BatchMode yes' \
        'StrictHostKeyChecking yes' 'ConnectTimeout 20' 'ControlMaster no' >"$SSH_CONFIG"
}

_sshd() { # PORT
    local dir=$DIR/sshd
    printf '%s\n' "ListenAddress 127.0.0.1:$1" "HostKey $dir/host" "PidFile $dir/pid" \
        "AuthorizedKeysFile $dir/authorized_keys" 'StrictModes no' 'UsePAM no' \
        'PasswordAuthentication no' 'KbdInteractiveAuthentication no' 'PrintMotd no' \
        'PrintLastLog no' 'PermitRootLogin prohibit-password' 'UseDNS no' \
        'Subsystem sftp internal-sftp' >"$dir/config"
    COMMAND=(/usr/sbin/sshd -D -e -f "$dir/config")
}
