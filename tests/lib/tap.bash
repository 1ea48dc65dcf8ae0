# TAP from shell scripts. Source it.
#
#   tap STATUS NAME [FILE]   one result; when STATUS is not 0, FILE's lines follow as comments
#   tap_run NAME CMD...      the same for a command's status and output
#   tap_done                 the plan; fails if a result did

tap_count=0
tap_failed=0

tap() {
    tap_count=$((tap_count + 1))
    if (($1 == 0)); then
        printf 'ok %d - %s\n' "$tap_count" "$2"
        return
    fi
    tap_failed=$((tap_failed + 1))
    printf 'not ok %d - %s\n' "$tap_count" "$2"
    if [[ -n ${3:-} ]]; then sed 's/^/# /' "$3"; fi
}

tap_run() {
    local name=$1 file rc=0
    shift
    file=$(mktemp)
    "$@" >"$file" 2>&1 || rc=$?
    tap "$rc" "$name" "$file"
    rm -f "$file"
}

tap_done() {
    printf '1..%d\n' "$tap_count"
    ((tap_failed == 0))
}
