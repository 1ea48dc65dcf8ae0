# bash completion for atls-serve, written by `make completions`

_atls_serve() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word
    local words=() options=(
        -l --listen
        --port-file
        --outer-cert
        --outer-key
        --outer-chain
        --cert
        --key
        --cacert
        --capath
        --tls-max
        --raw
        -b --backend
        --threads
        --max-sessions
        --max-sessions-per-address
        --max-body
        --max-buffered
        --handshake-timeout
        --idle-timeout
        --request-timeout
        --connect-timeout
        --hold
        --grace
        --capture
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
    -l | --listen)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --port-file)
        compopt -o default
        ;;
    --outer-cert)
        compopt -o default
        ;;
    --outer-key)
        compopt -o default
        ;;
    --outer-chain)
        compopt -o default
        ;;
    --cert)
        compopt -o default
        ;;
    --key)
        compopt -o default
        ;;
    --cacert)
        compopt -o default
        ;;
    --capath)
        compopt -o dirnames
        ;;
    --tls-max)
        words=(1.2 1.3)
        ;;
    --raw)
        :
        ;;
    -b | --backend)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --threads)
        :
        ;;
    --max-sessions)
        :
        ;;
    --max-sessions-per-address)
        :
        ;;
    --max-body)
        :
        ;;
    --max-buffered)
        :
        ;;
    --handshake-timeout)
        :
        ;;
    --idle-timeout)
        :
        ;;
    --request-timeout)
        :
        ;;
    --connect-timeout)
        :
        ;;
    --hold)
        :
        ;;
    --grace)
        :
        ;;
    --capture)
        compopt -o dirnames
        ;;
    --log-format)
        words=(text json)
        ;;
    *)
        if [[ $cur == -* ]]; then
            words=("${options[@]}")
        else
            :
        fi
        ;;
    esac
    for word in "${words[@]}"; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}

complete -F _atls_serve atls-serve
