# bash completion for atls-client, written by `make completions`

_atls_client() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word
    local words=() options=(
        -L --forward
        --port-file
        --check
        --json
        --report
        --capture
        --path-cache
        --cacert
        --capath
        --cert
        --key
        --servername
        --pinnedpubkey
        --insecure-inner
        --tls-max
        --direct
        --direct-timeout
        --outer-verify
        --outer-cacert
        --outer-pinnedpubkey
        --report-outer
        -x --proxy
        -U --proxy-user
        --proxy-anyauth
        -H --header
        --resolve
        --connect-to
        --unix-socket
        --interface
        -4 --ipv4
        -6 --ipv6
        --carriage
        --encoding
        --raw
        --body-size
        --idle-poll
        --connect-timeout
        -m --max-time
        --resume-timeout
        --progress-meter
        --no-progress-meter
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
    -L | --forward)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --port-file)
        compopt -o default
        ;;
    --report)
        compopt -o default
        ;;
    --capture)
        compopt -o dirnames
        ;;
    --path-cache)
        compopt -o default
        ;;
    --cacert)
        compopt -o default
        ;;
    --capath)
        compopt -o dirnames
        ;;
    --cert)
        compopt -o default
        ;;
    --key)
        compopt -o default
        ;;
    --servername)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --pinnedpubkey)
        :
        ;;
    --tls-max)
        words=(1.2 1.3)
        ;;
    --direct)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --direct-timeout)
        :
        ;;
    --outer-cacert)
        compopt -o default
        ;;
    --outer-pinnedpubkey)
        :
        ;;
    -x | --proxy)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    -U | --proxy-user)
        :
        ;;
    -H | --header)
        :
        ;;
    --resolve)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --connect-to)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        ;;
    --unix-socket)
        compopt -o default
        ;;
    --interface)
        :
        ;;
    --carriage)
        words=(auto ws stream base)
        ;;
    --encoding)
        words=(auto json octet-stream atls)
        ;;
    --raw)
        :
        ;;
    --body-size)
        :
        ;;
    --idle-poll)
        :
        ;;
    --connect-timeout)
        :
        ;;
    -m | --max-time)
        :
        ;;
    --resume-timeout)
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

complete -F _atls_client atls-client
