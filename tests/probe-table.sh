#!/usr/bin/env bash
# probe-table.sh cases|ports [FILE]: what tests/probe.bats found (.build/probe.tsv), or
# tests/probe-hostile.bats (.build/probe-hostile.tsv), as a table of atls-probe(1); --write puts both
# there, between their marks.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
page=man/atls-probe.1

cases() { # FILE
    printf '%s\n' '.Bl -column "squid, origin expired, CA installed" "intercepted" "intercepted" "intercepted"' \
        '.It Sy case Ta Sy alone Ta Sy canary Ta Sy expected Ta Sy faults'
    LC_ALL=C sort -t $'\t' -k 2,2 -k 1,1 "$1" | awk -F '\t' '
        function verdict(cell) { sub(/ .*/, "", cell); return cell }
        {
            faults = $2
            sub(/^[^ ]* ?/, "", faults)
            gsub(/-/, "\\-", $1)
            gsub(/'\''/, "\\(aq", $1)
            if (faults == "") faults = "\\(em"
            printf ".It %s Ta %s Ta %s Ta %s Ta %s\n", $1, verdict($2), verdict($3), verdict($4), faults
        }'
    printf '.El\n'
}

ports() { # FILE
    printf '%s\n' '.Bl -column "a port that stalls amid a record" "unreachable" "exit" "faults"' \
        '.It Sy case Ta Sy verdict Ta Sy exit Ta Sy faults, or what is said'
    LC_ALL=C sort -t $'\t' -k 2,2 -k 1,1 "$1" | awk -F '\t' '
        {
            said = $5 == "" ? $4 : $5
            gsub(/-/, "\\-", $1)
            gsub(/-/, "\\-", said)
            printf ".It %s Ta %s Ta %s Ta %s\n", $1, $2, $3, said
        }'
    printf '.El\n'
}

write() { # MARK TABLE
    sed -i -e "/^\.\\\\\" $1/,/^\.\\\\\" end of/{/^\.\\\\\"/!d}" -e "/^\.\\\\\" $1/r $2" "$page"
}

case ${1:-} in
--write)
    cases .build/probe.tsv >.build/probe-table
    write 'cases, by' .build/probe-table
    ports .build/probe-hostile.tsv >.build/probe-table
    write 'ports, by' .build/probe-table
    ;;
cases) cases "${2:-.build/probe.tsv}" ;;
ports) ports "${2:-.build/probe-hostile.tsv}" ;;
*)
    printf 'usage: %s --write | cases [FILE] | ports [FILE]\n' "$0" >&2
    exit 2
    ;;
esac
