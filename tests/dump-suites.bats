#!/usr/bin/env bats
# atls-dump on sessions of each cipher suite, group and kind of key that openssl and GnuTLS have: beside
# tshark, and beside what was asked for and said.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..
. "$root/tests/lib/common.bash"

dump=$root/bin/atls-dump

setup_file() {
    local key
    use_dir "$BATS_FILE_TMPDIR"
    make_ca ca
    for key in rsa ecdsa dsa p384 p521 ed25519 ed448 pss; do
        make_cert ca $key localhost 30 $key
    done
    run -0 python3 "$root/tests/lib/tls_suites.py" "$DIR" "$CERTS"
    echo "# $output" >&3
    "$dump" --keylog "$DIR/keys" --sessions --json "$DIR/suites.pcap" >"$DIR/sessions"
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "it agrees with tshark on each, field by field" {
    run -0 python3 "$root/tests/lib/compare_tshark.py" "$DIR/suites.pcap" "$DIR/keys" "$dump"
    echo "# ${lines[-1]}" >&3
}

@test "each session has the suite that was asked for" {
    local name suite rest got code
    while IFS=$'\t' read -r name suite rest <&4 && IFS=$'\t' read -r got code <&5; do
        [[ $suite == - || $suite == "$got" || $((16#${suite//[^0-9a-f]/})) == "$code" ]] ||
            { echo "# $name: $suite, $got $code" && false; }
    done 4<"$DIR/suites.tsv" 5< <(jq -r '.cipher_suite | [.name // "?", .code] | @tsv' "$DIR/sessions")
    run -0 cut -f2 "$DIR/suites.tsv"
    (($(sort -u <<<"$output" | wc -l) > 300))
}

@test "what was said is what is opened" {
    local name suite up down number=0 closed=0
    "$dump" -q --keylog "$DIR/keys" --plaintext plain "$DIR/suites.pcap" >/dev/null
    while IFS=$'\t' read -r name suite up down; do
        number=$((number + 1))
        file=$(printf 'plain/%06d' $number)
        # ARIA is not in GnuTLS; 0066 not in the registry.
        if [[ $suite == *_ARIA_* || $suite == 0066 ]]; then
            [[ ! -e $file-up.bin ]]
            closed=$((closed + 1))
        elif [[ -n $up ]]; then
            cmp "$file-up.bin" <(xxd -r -p <<<"$up")
            cmp "$file-down.bin" <(xxd -r -p <<<"$down")
        else
            [[ $name == g-*DHE_PSK_* ]]
        fi
    done <"$DIR/suites.tsv"
    ((number > 350 && closed == 17))
    run -0 jq -r 'select(.up.closed + .down.closed > 0) | .cipher_suite.name' "$DIR/sessions"
    [[ $(grep -cv _ARIA_ <<<"$output") == 1 ]]
}

# tshark does not show it with every key exchange.
@test "the identity of a PSK is the one that was given, with each key exchange" {
    run -0 jq -r '.messages[]? | select(.type.name == "client_key_exchange" and .identity) | .identity' \
        < <("$dump" --keylog "$DIR/keys" --json "$DIR/suites.pcap")
    (($(grep -cx Client_identity <<<"$output") == ${#lines[@]}))
    (("${#lines[@]}" == $(grep -c PSK "$DIR/suites.tsv")))
}
