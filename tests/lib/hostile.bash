# atls-client behind a box that breaks answers: helpers for bats files, on top of common.bash and
# atls.bash.
#
#   begin_hostile_file, begin_hostile_test, end_hostile_file   with a service and the box before it
#   goes_on WHEN WAY, ends CODE WHEN WAY LINE...               one run with INPUT in each of ENCODINGS
#   ends_always CODE WAY LINE..., once_lost WAY LINE...        of the first answer and of the third
# RESUME is what --resume-timeout gets. WHEN and WAY are those of hostile_box.py and hostile_ways.py.

# shellcheck disable=SC2034  # for the files
PORTAL="hint: a captive portal or a proxy's own page may stand in between"
# shellcheck disable=SC2034
GARBLED='atls-client: HTTP: what answers there does not speak HTTP (*)'
# shellcheck disable=SC2034
ALTERED='atls-client: inner TLS: @(a record does not decrypt: bytes were lost, repeated or altered on the way|what the peer sent is not TLS, or was altered on the way) (*)'
# shellcheck disable=SC2034
NEVER_STOOD='atls-client: connection: the inner session did not stand within 1.0 s (--connect-timeout)'

begin_hostile_file() {
    begin_file
    make_ca ca && make_cert ca service service.test || return
    make_data "$DIR/big" 100000
    echo words >"$DIR/small"
    export BIG=$DIR/big SMALL=$DIR/small
    start_service echo --hold 0.2 || return
    start_tool BOX_PORT box "$PYTHON" "$ATLS_ROOT/tests/lib/hostile_box.py" --to "$SERVICE_PORT"
    export BOX_PORT
}

begin_hostile_test() {
    begin_test
    # The answers' order and count are those of base carriage; tests/stream.bats has the other's.
    # shellcheck disable=SC2034  # client() takes it
    CLIENT_CARRIAGE=base
    ENCODINGS=(atls) INPUT=$BIG RUN=0 RESUME=0.3
}

# A fault of the box is one of the test.
end_hostile_file() {
    if grep -aE -A 20 '^Traceback' "$BATS_FILE_TMPDIR/box.log"; then return 1; fi
    end_file
}

box_url() { # WHEN WAY: another run's
    RUN=$((RUN + 1))
    URL="http://127.0.0.1:$BOX_PORT/atls?$BATS_TEST_NUMBER.$RUN,$1,$2"
}

# Runs the client in an encoding, its answers broken WHEN and in this WAY; it has to end with CODE.
behind() { # CODE ENCODING WHEN WAY
    box_url "$3" "$4"
    carry "$1" "$INPUT" "$DIR/out" client --resume-timeout "$RESUME" --connect-timeout 1 \
        --body-size 8k --encoding "$2" "$URL" || {
        echo "in $2: $3 $4"
        return 1
    }
}

# All arrives, and nothing is said.
goes_on() { # WHEN WAY
    local encoding
    for encoding in "${ENCODINGS[@]}"; do
        behind 0 "$encoding" "$1" "$2" && same "$INPUT" "$DIR/out" && only_said || return
    done
}

# A beginning at most arrives, and these lines are said, TYPE for the encoding's own content type.
ends() { # CODE WHEN WAY LINE...
    local encoding lines
    for encoding in "${ENCODINGS[@]}"; do
        lines=("${@:4}")
        if [[ $encoding == json ]]; then lines=("${lines[@]//TYPE/application/atls+json}"); fi
        behind "$1" "$encoding" "$2" "$3" || return
        cmp -n "$(stat -c %s "$DIR/out")" "$DIR/out" "$INPUT" || return
        only_said "${lines[@]//TYPE/application/atls}" || {
            echo "in $encoding: $2 $3"
            return 1
        }
    done
}

# Of the first answer (nothing was said yet) and of one in the middle.
ends_always() { # CODE WAY LINE...
    ends "$1" 1 "${@:2}" && ends "$1" 3 "${@:2}"
}

# Lost at first; later asked for again.
once_lost() { # WAY LINE...
    ends 3 1 "$@" && goes_on 3 "$1"
}
