# bash completion for atls-probe, written by `make completions`

_atls_probe() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word
    local words=() options=(
        -f --file
        --parallel
        --depth
        --atls
        --cacert
        --canary
        --fetch
        --explain
        --json
        --tap
        --ignore-faults
        --watch
        --state
        --capture
        --expect-ca
        --expect-pin
        --expect-issuer
        --baseline
        --save
        --known-keys
        --issuers
        --store
        --public-roots
        --servername
        --tls-max
        -x --proxy
        -U --proxy-user
        --proxy-anyauth
        --resolve
        --connect-to
        --interface
        -4 --ipv4
        -6 --ipv6
        --connect-timeout
        -m --max-time
        --log-format
        -q --quiet
        -v --verbose
        -h --help
        -V --version
    )
    COMPREPLY=()
    # bash takes --option=value apart.
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $prev in
    -f | --file)
        compopt -o default
        ;;
    --parallel)
        :
        ;;
    --depth)
        words=(quick auto full)
        ;;
    --atls)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --cacert)
        compopt -o default
        ;;
    --canary)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --watch)
        :
        ;;
    --state)
        compopt -o default
        ;;
    --capture)
        compopt -o dirnames
        ;;
    --expect-ca)
        compopt -o default
        ;;
    --expect-pin)
        :
        ;;
    --expect-issuer)
        :
        ;;
    --baseline)
        compopt -o default
        ;;
    --save)
        compopt -o default
        ;;
    --known-keys)
        compopt -o default
        ;;
    --issuers)
        compopt -o default
        ;;
    --store)
        compopt -o default
        ;;
    --public-roots)
        compopt -o default
        ;;
    --servername)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --tls-max)
        words=(1.2 1.3)
        ;;
    -x | --proxy)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    -U | --proxy-user)
        :
        ;;
    --resolve)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --connect-to)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --interface)
        :
        ;;
    --connect-timeout)
        :
        ;;
    -m | --max-time)
        :
        ;;
    --log-format)
        words=(text json)
        ;;
    *)
        if [[ $cur == -* ]]; then
            words=("${options[@]}")
        else
            mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        fi
        ;;
    esac
    for word in "${words[@]}"; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}

complete -F _atls_probe atls-probe
