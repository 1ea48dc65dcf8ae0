#!/usr/bin/env bats
# Short soaks (see soak.sh and soak_dump.py): what sessions leave behind is given back.

bats_require_minimum_version 1.5.0

@test "after a rush, memory and descriptors are what they were" {
    cd "$BATS_TEST_DIRNAME/.."
    SOAK_SECONDS=5 SOAK_SESSIONS=20 SOAK_PEERS=20 run -0 tests/soak.sh
    [[ ${lines[-1]} == "soak: 5 s,"*"descriptors "*" before and after" ]]
}

@test "atls-dump's memory is flat" {
    cd "$BATS_TEST_DIRNAME/.."
    SOAK_DUMP_MIB=64 run -0 python3 tests/soak_dump.py
    ((${#lines[@]} == 2))
    SOAK_DUMP_MIB=1 SOAK_DUMP_KIB=1000 run -1 python3 tests/soak_dump.py
}
