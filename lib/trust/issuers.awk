# The table of issuers as C, without notes and sources; fields that are prose are for people.
BEGIN {
    FS = "\t"
    print "/* Written by `make issuers` from issuers.tsv. */"
    print "#include \"trust/known_issuers.h\"\n"
    print "const struct atls_issuer_row atls_issuers_builtin[] = {"
}
NR > 1 && $2 ~ /\./ {
    gsub(/[\\"]/, "\\\\&")
    printf "\t{\"%s\", \"%s\", \"%s\"},\n", $1, $2, $3
}
END { print "\t{0},\n};" }
