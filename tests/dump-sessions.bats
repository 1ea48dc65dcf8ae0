#!/usr/bin/env bats
# atls-dump on sessions of openssl and GnuTLS that resume, renegotiate, send early data or are otherwise
# odd: beside tshark, and beside what was said. Those of every version and suite are in dump.bats.

# shellcheck disable=SC2030,SC2031  # run sets output and stderr anew in each test
bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..
. "$root/tests/lib/common.bash"
. "$root/tests/lib/tls_samples.bash"

dump=$root/bin/atls-dump

setup_file() {
    use_dir "$BATS_FILE_TMPDIR"
    tls_more_samples
}

teardown_file() { stop_all; }

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# The records of the session with that name, as JSON.
records() { # NAME
    "$dump" --keylog "$DIR/keys" --sessions --json "$DIR/more.pcap" >sessions
    local session
    session=$(jq -rs --arg name "$1.example" '[.[] | select(.name == $name)][-1].session' sessions)
    "$dump" --keylog "$DIR/keys" --json "$DIR/more.pcap" | jq -c --arg session "$session" 'select(.session == $session)'
}

@test "it agrees with tshark on them, field by field" {
    run -0 python3 "$root/tests/lib/compare_tshark.py" "$DIR/more.pcap" "$DIR/keys" "$dump"
    echo "# $output" >&3
}

@test "all is opened, and what was said is what is opened" {
    local number=0 name early
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --plaintext plain --sessions --json "$DIR/more.pcap"
    [[ $(jq -s 'map(.up.closed + .down.closed) | add' <<<"$output") == 0 ]]
    while read -r name; do
        number=$((number + 1))
        name=${name%.example}
        early=$([[ $name == v13-early || $name == v13-refused ]] && printf 'early words\nx' || echo x)
        file=$(printf 'plain/%06d' "$number")
        [[ $name != *-resumed || -e $file-up.bin ]] || continue # the first of two says nothing
        if [[ $name == v12-renegotiation ]]; then
            cmp "$file-up.bin" <<<"hello $name"$'\n'"again $name"
        else
            cmp "$file-up.bin" <<<"${early%x}hello $name"
        fi
        case $name in
        g*) grep -aq "hello $name" "$file-down.bin" ;;
        v13-before | v13-early | v13-refused) cmp "$file-down.bin" <<<"answer $name" ;;
        *) grep -aqx "$(rev <<<"hello $name")" "$file-down.bin" ;;
        esac
    done < <(jq -r .name <<<"$output")
    ((number == 18))
}

@test "early data is told from other data, taken or refused" {
    local name
    for name in v13-early v13-refused; do
        run -0 jq -r 'select(.early_data and .content_type.name == "application_data") | .plaintext | @base64d' \
            < <(records $name)
        [[ $output == 'early words' ]]
    done
    run -0 jq -r '.messages[]? | .type.name' < <(records v13-early)
    [[ $output == *end_of_early_data* && $output != *certificate* ]]
    run -0 jq -r '.messages[]? | .type.name' < <(records v13-refused)
    [[ $output != *end_of_early_data* && $output == *certificate* ]]
}

@test "a session of TLS 1.2 is opened by the secret of the one that it resumes" {
    local name
    for name in v12-ticket-again g1.2-resumed; do
        run -0 jq -r '.seal, (.messages[]? | .type.name)' < <(records $name)
        [[ $output == *opened* && $output != *certificate* && $output != *no_secret* ]]
    done
}

@test "a renegotiation is one session, its second handshake and what comes behind it open" {
    run -0 jq -r '.messages[]? | .type.name' < <(records v12-renegotiation)
    [[ $(grep -c '^finished$' <<<"$output") == 4 && $(grep -c '^client_hello$' <<<"$output") == 2 ]]
    [[ $(grep -c '^server_hello$' <<<"$output") == 2 ]]
    run -0 jq -r 'select(.type.name == "change_cipher_spec") | .seal + " " + (.content.change | tostring)' \
        < <(records v12-renegotiation)
    [[ $output == $'none 1\nnone 1\nopened 1\nopened 1' ]]
}

@test "an OCSP staple is that of the file" {
    local name produced
    produced=$(openssl ocsp -respin "$DIR/staple" -noverify -text | sed -n 's/^ *Produced At: //p')
    for name in v12-staple v13-staple; do
        run -0 jq -r '[.messages[]? | .. | objects | select(.response_status)][0] // empty
            | .response_status.name, .responses[0].certificate_status, .responder, .produced' < <(records $name)
        [[ ${lines[0]} == successful && ${lines[1]} == good && ${lines[2]} == CN=ca ]]
        [[ $(date -d "${lines[3]}" +%s) == $(date -d "$produced" +%s) ]]
    done
}

@test "a raw public key is the one that was given" {
    local name pin
    pin=$(openssl pkey -pubin -in "$DIR/raw" -outform DER | openssl dgst -sha256 -binary | base64)
    for name in g1.2-raw g1.3-raw; do
        run -0 jq -r '.messages[]? | select(.type.name == "certificate") | .. | objects | .pin? // empty' \
            < <(records $name)
        [[ $output == "sha256//$pin" ]]
    done
}

@test "an external key of TLS 1.3 is offered by its identity and chosen" {
    run -0 jq -r '.messages[]? | .extensions[]? | select(.type.name == "pre_shared_key")
        | (.identities[]?.identity | @base64d), .selected_identity // empty' < <(records v13-psk)
    [[ $output == $'Client_identity\n0' || $output == *$'Client_identity\n0' ]]
}

# No program of Debian's sends a heartbeat: these are made, between hellos that GnuTLS said.
@test "heartbeats are as tshark has them" {
    "$dump" --records tls -q "$DIR/more.pcap" >/dev/null
    cp tls/000018-up.bin up && cp tls/000018-down.bin down
    python3 - "$root/tests/lib" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
from record_tls import Pcap
def first(name):
    data = open(name, "rb").read()
    return data[:5 + int.from_bytes(data[3:5], "big")]
pcap = Pcap("heart.pcap", 40000, 443)
pcap.packet(0, 2), pcap.packet(1, 0x12), pcap.packet(0, 0x10)
pcap.data(0, first("up"))
pcap.data(1, first("down") + b"\x18\3\3\0\x19\1\0\6are we" + bytes(range(16)))
pcap.data(0, b"\x18\3\3\0\x19\2\0\6are we" + bytes(range(16)))
pcap.packet(0, 0x11), pcap.packet(1, 0x11)
pcap.file.close()
PY
    run -0 --separate-stderr "$dump" --json heart.pcap
    run -0 jq -r 'select(.type.name == "heartbeat") | [.content.heartbeat_type.code,
        (.content.payload | @base64d | length)] | @tsv' <<<"$output"
    [[ $output == $'1\t6\n2\t6' ]]
    diff <(echo "$output") <(tshark -r heart.pcap -d tcp.port==443,tls -Y tls.heartbeat_message -T fields \
        -e tls.heartbeat_message.type -e tls.heartbeat_message.payload_length)
}
