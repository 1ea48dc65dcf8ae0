#!/usr/bin/env bash
# boxes-table.sh mdoc|markdown [FILE]: what tests/hostile.bats found (.build/boxes.tsv), as a table
# for a manual page or for the README: what works through which box with which encoding, and below it
# what the user reads where the box forbids it.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."

if [[ ${1:-} != mdoc && ${1:-} != markdown ]] || (($# > 2)); then
    printf 'usage: boxes-table.sh mdoc|markdown [FILE]\n' >&2
    exit 2
fi

# Words that differ only in the type or the encoding count as one.
awk -F '\t' -v form="$1" '
    function cell(verdict, reads) {
        if (verdict == "works") return "yes"
        if (verdict ~ /^as /) return substr(verdict, 4)
        gsub(/application\/atls(\+[a-z-]+)?/, "TYPE", reads)
        if (!(reads in number)) { number[reads] = ++count; text[count] = reads; code[count] = substr(verdict, 6) }
        return "[" number[reads] "]"
    }
    function roff(words) {
        gsub(/\\/, "\\e", words)
        gsub(/'\''/, "\\(aq", words)
        return words
    }
    # Each word by itself, so that none is a macro and a line is no longer than 100 characters.
    function fill(words,    part, n, i, line) {
        n = split(roff(words), part, " ")
        line = part[1]
        for (i = 2; i <= n; i++) {
            if (length(line) + length(part[i]) > 78) { print line; line = part[i] }
            else line = line " " part[i]
        }
        print line
    }
    !($1 in seen) { seen[$1] = 1; box[++boxes] = $1; if (length($1) > length(widest)) widest = $1 }
    { found[$1, $2] = cell($3, $4) }
    END {
        split("atls octet-stream json auto", encoding, " ")
        if (form == "mdoc") {
            printf ".Bl -column \"%s\" \"atls\" \"octet-stream\" \"json\" \"auto\"\n", widest
            print ".It Sy box Ta Sy atls Ta Sy octet-stream Ta Sy json Ta Sy auto"
        } else {
            print "| box | atls | octet-stream | json | auto |"
            print "|---|---|---|---|---|"
        }
        for (i = 1; i <= boxes; i++) {
            line = form == "mdoc" ? ".It " roff(box[i]) : "| " box[i]
            for (j = 1; j <= 4; j++)
                line = line (form == "mdoc" ? " Ta " : " | ") found[box[i], encoding[j]]
            print line (form == "mdoc" ? "" : " |")
        }
        if (form == "mdoc") { print ".El"; print ".Bl -tag -width \"[10]\"" } else print ""
        for (i = 1; i <= count; i++) {
            n = split(text[i], lines, "|")
            if (form == "mdoc") {
                printf ".It [%d]\n", i
                fill("Exit status " code[i] ":")
                for (j = 1; j <= n; j++) { print ".br"; fill(lines[j]) }
            } else {
                printf "%d. exit status %s: `%s`", i, code[i], lines[1]
                for (j = 2; j <= n; j++) printf ", `%s`", lines[j]
                print ""
            }
        }
        if (form == "mdoc") print ".El"
    }' "${2:-.build/boxes.tsv}"
