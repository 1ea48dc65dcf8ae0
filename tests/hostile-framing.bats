#!/usr/bin/env bats
# atls-client behind a box that frames answers in odd or broken ways, floods, or drips: how it ends or
# goes on, within which memory, and what the user reads.
# shellcheck disable=SC2034  # what the helpers read

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls
load lib/hostile

setup_file() { begin_hostile_file; }
setup() { begin_hostile_test; }
teardown() { end_test; }
teardown_file() { end_hostile_file; }

TOO_LONG='atls-client: HTTP: the answer is longer than 4194304 bytes'
HEADERS='atls-client: HTTP: the headers of an answer are longer than 262144 bytes'
LINE='atls-client: HTTP: the answer has a header line that is too long to keep'
LENGTH='atls-client: HTTP: the answer'\''s length is not clear: its Content-Length is no number, or not one alone'
CHUNKS="atls-client: HTTP: the answer's chunks cannot be read (*)"
CUT='atls-client: HTTP: the answer was cut short (*)'

# ---- compression --------------------------------------------------------------------------------

@test "compressed although that was excluded, and a Content-Encoding that lies" {
    local way
    ENCODINGS=(atls json)
    for way in gzip gzip/lie deflate br/lie; do
        ends_always 5 "compressed,$way" \
            "atls-client: protocol: the answer's body is compressed although that was excluded"
    done
    goes_on 1 compressed,identity
    goes_on 3 compressed,identity
}

@test "compressed by a transfer coding: libcurl undoes it, or says that it cannot" {
    goes_on 1 compressed,gzip/te
    goes_on 3 compressed,gzip/te
    once_lost compressed,frob/te \
        "atls-client: HTTP: the answer's transfer coding is none that was asked for (*)"
}

# ---- lengths, chunks, versions ------------------------------------------------------------------

@test "Content-Length twice: the same, or not; and what is no number" {
    local value
    goes_on 1 lengths,L/L
    goes_on 3 lengths,L,_L
    for value in L/5 5/L L,_5 5x 5_5; do ends_always 5 "lengths,$value" "$LENGTH"; done
    for value in -5 x ''; do ends_always 5 "lengths,$value" "$GARBLED"; done
    for value in 4194305 999999999999999 99999999999999999999999; do ends_always 5 "lengths,$value" "$TOO_LONG"; done
}

@test "chunked, with extensions and with trailers" {
    ENCODINGS=(atls json)
    goes_on 1+ chunked
    goes_on 1+ chunked,X-A:_b/X-B:_c
    goes_on 3 'raw-chunks,SIZE;ext="a_b"\r\nDATA\r\n0;ext\r\n\r\n'
}

@test "chunks that are broken" {
    local chunks
    for chunks in 'zz\r\n' '-1\r\nDATA' 'FFFFFFFFFFFFFFFFF\r\nDATA' 'SIZE\r\nDATAX\r\n0\r\n\r\n'; do
        once_lost "raw-chunks,$chunks" "$CHUNKS"
    done
    once_lost 'raw-chunks,SIZE\r\nDATA\r\n' "$CUT"
}

@test "HTTP/1.0: kept alive, closed, without a length; and HTTP/1.1 up to the end of the connection" {
    ENCODINGS=(atls json)
    goes_on 1+ http10,keep
    goes_on 1+ http10,length
    goes_on 1+ http10
    goes_on 1+ to-close
}

@test "HTTP/1.0 without a length, and cut: TLS tells" {
    INPUT=$SMALL ends 4 2 http10,cut "$ALTERED"
    ENCODINGS=(json)
    INPUT=$SMALL ends 5 2 http10,cut 'atls-client: protocol: JSON body: *'
}

@test "the connection ends amid an answer, in order or by a reset" {
    once_lost cut,0 'atls-client: HTTP: the connection was closed without an answer (*)' 'hint: *'
    once_lost cut,20 'atls-client: HTTP: the answer was cut short, amid its headers'
    once_lost cut,260 "$CUT"
    once_lost cut,0/rst 'atls-client: connection: lost while receiving (*)'
    once_lost cut,260/rst 'atls-client: connection: lost while receiving (*)'
}

# ---- out of turn --------------------------------------------------------------------------------

@test "an answer before the request was read, with the connection kept, closed or reset" {
    local how
    for how in read close reset; do
        goes_on 3 "early,503/$how"
        goes_on 3 "early,413/$how"
    done
    ends 3 1 early,403/read 'atls-client: HTTP: refused with status 403'
}

# What comes in one piece with an answer is dropped with its connection; what comes later may be taken
# for the next answer, and TLS does not take it.
@test "another answer behind an answer" {
    local when way
    for when in 1 3; do
        for way in behind behind,late; do
            box_url $when $way
            run --separate-stderr client --body-size 8k --encoding atls "$URL" <"$SMALL"
            if ((status)); then
                ((status == 4))
                only_said "$ALTERED"
            else
                [[ $output == words ]]
            fi
        done
    done
}

@test "interim answers: few, many, of other kinds; and 101" {
    goes_on 1 interim,1/100
    goes_on 3 interim,500/100
    goes_on 1 'interim,500/103/Link:_</x>;_rel=preload'
    goes_on 3 interim,20/199
    ends_always 5 interim,1/101 'atls-client: HTTP: status 101: what answers there changes the protocol unasked'
}

# ---- without end --------------------------------------------------------------------------------

# Runs a command and writes the memory that it took at most, in KiB, to a file.
PEAK_PY='
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)'

# ends_small MAX CODE WHEN WAY LINE...
ends_small() {
    local max=$1
    shift
    client() {
        "$PYTHON" -c "$PEAK_PY" "$DIR/peak" timeout -k 5 30 "$ATLS_BIN/atls-client" \
            --carriage base --cacert "$CERTS/ca.pem" --servername service.test "$@"
    }
    ends "$@"
    (($(<"$DIR/peak") <= max)) || {
        echo "$3 $4: $(<"$DIR/peak") KiB, more than $max"
        return 1
    }
}

@test "bodies, headers, lines, trailers and interim answers without end: a limit each, in little memory" {
    local base when
    ends_small 999999 3 1 status,503 'atls-client: HTTP: status 503'
    base=$(($(<"$DIR/peak") + 3 * 4096)) # the limit of a body, as its buffer grows
    for when in 1 3; do
        ends_small $base 5 $when endless,length "$TOO_LONG"
        ends_small $base 5 $when endless,chunked "$TOO_LONG"
        ends_small $base 5 $when endless,close "$TOO_LONG"
        ends_small $base 5 $when bomb "$TOO_LONG"
        ends_small $base 5 $when endless,headers "$HEADERS"
        ends_small $base 5 $when endless,cookies "$HEADERS"
        ends_small $base 5 $when endless,trailers "$HEADERS"
        ends_small $base 5 $when interim,0/100 "$HEADERS"
        ends_small $base 5 $when 'interim,0/103/Link:_</x>;_rel=preload' "$HEADERS"
        ends_small $base 5 $when endless,header "$LINE"
        ends_small $base 5 $when endless,nothing "@($LINE|$GARBLED)"
    done
    ends_small $base 3 1 endless,trailer "$CHUNKS"
    run -1 grep poured "$BATS_FILE_TMPDIR/box.log"
}

@test "many headers, and long ones, that are within the limit" {
    goes_on 1 headers,50/100
    goes_on 3 headers,1/60000
    goes_on 3 headers,500/100
}

# ---- slowly -------------------------------------------------------------------------------------

@test "an answer byte by byte comes through" {
    INPUT=$SMALL
    ENCODINGS=(atls json)
    goes_on 2 drip,1
    RESUME=5
    box_url 1 drip,1
    run -0 --separate-stderr client "$URL" <<<words
    [[ $output == words ]]
}

@test "an answer that drips for ever before the session stands: --connect-timeout" {
    ends 3 1 drip-forever,head "$NEVER_STOOD"
    ends 3 1 drip-forever,body "$NEVER_STOOD"
    ends 3 1 drip,1/100 "$NEVER_STOOD"
}

# All at once: each takes the 35 s that an exchange may stall.
@test "an answer that stalls, or drips for ever, in a session: timed out, and given up" {
    local name ways=('drip,1/100' 'drip-forever,head' 'drip-forever,body' 'drip-forever,extension')
    for name in "${!ways[@]}"; do
        box_url 2+ "${ways[name]}"
        start "drip$name" "$ATLS_BIN/atls-client" --carriage base --cacert "$CERTS/ca.pem" --servername service.test \
            --resume-timeout 0.3 --encoding atls "$URL"
    done
    for name in "${!ways[@]}"; do
        wait_exit "drip$name" 60
        [[ $STOP_STATUS == 3 ]]
        mapfile -t stderr_lines <"$DIR/drip$name.log"
        only_said 'atls-client: connection: timed out (Operation @(too slow|timed out)*)'
    done
}
