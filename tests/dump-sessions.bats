#!/usr/bin/env bats
# atls-dump on sessions of openssl and GnuTLS that resume, renegotiate, send early data or are otherwise
# odd: beside tshark, and beside what was said. Those of every version and suite are in dump.bats.

# shellcheck disable=SC2030,SC2031,SC2016  # run sets output and stderr anew in each test; jq's $
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
    local number=0 name early file
    run -0 --separate-stderr "$dump" --keylog "$DIR/keys" --plaintext plain --sessions --json "$DIR/more.pcap"
    [[ $(jq -s 'map(.up.closed + .down.closed) | add' <<<"$output") == 0 ]]
    while read -r name; do
        number=$((number + 1))
        name=${name%.example}
        file=$(printf 'plain/%06d' "$number")
        case $name in
        *-resumed | g13-early) [[ -e $file-up.bin ]] || continue ;; # the first of two says nothing
        v13-refuses)
            [[ ! -e $file-up.bin && ! -e $file-down.bin ]]
            continue
            ;;
        esac
        early=$([[ $name == v13-early || $name == v13-refused || $name == g13-early ]] && cat "$DIR/early" && echo x || echo x)
        cmp "$file-up.bin" <(printf %s "${early%x}" && cat "$DIR/$name.said")
        case $name in
        g*) grep -aq "hello $name" "$file-down.bin" ;;
        v13-before | v13-early | v13-refused) cmp "$file-down.bin" <<<"answer $name" ;;
        *) grep -aqx "$(rev <<<"hello $name")" "$file-down.bin" ;;
        esac
    done < <(jq -r .name <<<"$output")
    ((number == 34))
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

@test "what only some sessions have" {
    run -0 jq -r '.direction as $d | .messages[]? | select(.type.name == "key_update") | $d + " " + .request_update.name' \
        < <(records g13-rekey)
    [[ $output == $'up update_requested\ndown update_not_requested' ]]
    # The certificate that was asked for behind the handshake names the request.
    run -0 jq -rs '[.[].messages[]?] | (map(.type.name) | rindex("certificate_request")) as $at | .[$at:]
        | map(select(.request_context)) | map(.request_context), map(.certificates[]?.subject)
        | unique | .[]' < <(records g13-reauth)
    [[ ${#lines[@]} == 2 && -n ${lines[0]} && ${lines[1]} == CN=ecdsa ]]
    run -0 jq -r '.messages[]? | (.extensions[]? | select(.protocols) | .protocols | join(",")), .protocol // empty' \
        < <(records v12-npn)
    [[ $output == $'\nhttp/1.1,foo\nfoo' ]]
    run -0 jq -r '.messages[]? | .extensions[]?.fragment_length // empty | .name' < <(records v12-fragment)
    [[ $output == $'1024\n1024' ]]
    run -0 jq -r 'select(.type.name == "alert" or .content_type.name == "alert") | .content.description.name' \
        < <(records v13-refuses)
    [[ $output == unknown_ca ]]
    run -0 jq -r 'select(.direction == "up") | .messages[]? | .certificates[]?.key.pin' < <(records g1.3-rawclient)
    [[ $output == "sha256//$(openssl pkey -pubin -in "$DIR/raw" -outform DER | openssl dgst -sha256 -binary | base64)" ]]
}

@test "a chain that is longer than a record is whole" {
    local name
    for name in v12-long v13-long g13-long; do
        run -0 jq -r 'select(.pending) | .pending.type.name' < <(records $name)
        [[ $output == certificate ]]
        run -0 jq -r '.messages[]? | select(.type.name == "certificate" and .length > 16384)
            | (.certificates[].subject), (.certificates[0].alternative_names | length)' < <(records $name)
        [[ ${lines[0]} == CN=long && ${lines[1]} == *CN=ca10 && $output == *CN=ca1$'\n'* && ${lines[-1]} == 250 ]]
    done
}

# No server of Debian's sends a cookie that comes back: s_server -stateless ends with its retry.
@test "it agrees with tshark on the handshakes of RFC 8448, one of them with a cookie" {
    local data=$root/tests/data/rfc8448
    python3 "$root/tests/lib/rfc8448_pcap.py" rfc.pcap "$data"/*/
    cat "$data"/*/keylog.txt >keys
    run -0 python3 "$root/tests/lib/compare_tshark.py" rfc.pcap keys "$dump"
    echo "# $output" >&3
    run -0 jq -r '.messages[]? | .type.name as $t | .extensions[]? | select(.cookie) | $t + " " + .cookie' \
        < <("$dump" --keylog keys --json rfc.pcap)
    [[ ${#lines[@]} == 2 && ${lines[0]} == 'hello_retry_request '* ]]
    [[ ${lines[1]} == "client_hello ${lines[0]#* }" ]]
}

@test "heartbeats are as tshark has them" {
    local version got=() tshark=(tshark -r "$DIR/more.pcap" -o "tls.keylog_file:$DIR/keys" -d "tcp.port==1-65535,tls")
    for version in 1.2 1.3; do
        run -0 jq -r 'select(.content.heartbeat_type)
            | [.content.heartbeat_type.code, .content.payload] | @tsv' < <(records "g$version-heartbeat")
        [[ ${#lines[@]} == 2 && ${lines[0]} == 1$'\t'* && ${lines[1]} == 2$'\t'* ]]
        [[ ${lines[0]#*$'\t'} == "${lines[1]#*$'\t'}" ]]
        got+=("$(base64 -d <<<"${lines[0]#*$'\t'}" | xxd -p -c 0)")
    done
    run -0 --separate-stderr "${tshark[@]}" -Y tls.heartbeat_message -T fields -e tls.heartbeat_message.type \
        -e tls.heartbeat_message.payload
    # It shows no fields of those in TLS 1.3, only the records' inner type.
    [[ $output == "1"$'\t'"${got[0]}"$'\n'"2"$'\t'"${got[0]}" ]]
    run -0 --separate-stderr "${tshark[@]}" -Y 'tls.record.content_type == 24' -T fields -e tls.record.content_type
    [[ $output == $'24\n24\n24\n24' ]]
}
