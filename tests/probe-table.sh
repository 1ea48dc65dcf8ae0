#!/usr/bin/env bash
# probe-table.sh [FILE]: what tests/probe.bats found (.build/probe.tsv), as the table of
# atls-probe(1); --write puts it there, between its marks.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."
page=man/atls-probe.1

table() { # FILE
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

case ${1:-} in
--write)
    table .build/probe.tsv >.build/probe-table
    sed -i -e '/^\.\\" written by/,/^\.\\" end of/{/^\.\\"/!d}' -e '/^\.\\" written by/r .build/probe-table' "$page"
    ;;
*) table "${1:-.build/probe.tsv}" ;;
esac
