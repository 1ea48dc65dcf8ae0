# The frame of the tests that send some MiB each way through whatever is on the path: to be loaded by
# a file of tests. DATA is a file of DATA_BYTES; CERTS as make_pki makes them; boxes as in boxes.bash
# and boxes2.bash.

_carried() {
    cd "$BATS_TEST_DIRNAME/.." || return
    . tests/lib/common.bash
    . tests/lib/atls.bash
    . tests/lib/boxes.bash
    . tests/lib/boxes2.bash
}

setup_file() {
    _carried || return
    begin_file
    export DATA=$DIR/data
    make_pki
    make_data "$DATA" "$DATA_BYTES"
}

setup() {
    _carried || return
    begin_test
}

teardown() {
    end_squid
    end_test
}

teardown_file() {
    . tests/lib/common.bash
    . tests/lib/atls.bash
    end_file
}
