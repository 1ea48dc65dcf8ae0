# bash completion for atls-dump, written by `make completions`

_atls_dump() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word
    local words=() options=(
        -f --from
        --json
        --fields
        --sessions
        --ladder
        --svg
        --check
        --keylog
        --certs
        --plaintext
        --records
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
    -f | --from)
        words=(raw json hex base64 http trace har pcap flow folder)
        ;;
    --fields)
        :
        ;;
    --keylog)
        compopt -o default
        ;;
    --certs)
        compopt -o dirnames
        ;;
    --plaintext)
        compopt -o dirnames
        ;;
    --records)
        compopt -o dirnames
        ;;
    --log-format)
        words=(text json)
        ;;
    *)
        if [[ $cur == -* ]]; then
            words=("${options[@]}")
        else
            compopt -o default
        fi
        ;;
    esac
    for word in "${words[@]}"; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}

complete -F _atls_dump atls-dump
