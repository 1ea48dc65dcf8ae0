#!/usr/bin/env bats
# A short soak (see soak.sh): what sessions leave behind is given back.

bats_require_minimum_version 1.5.0

@test "after a rush, memory and descriptors are what they were" {
    cd "$BATS_TEST_DIRNAME/.."
    SOAK_SECONDS=5 SOAK_SESSIONS=20 SOAK_PEERS=20 run -0 tests/soak.sh
    [[ ${lines[-1]} == "soak: 5 s,"*"descriptors "*" before and after" ]]
}
