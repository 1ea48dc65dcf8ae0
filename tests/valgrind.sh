#!/usr/bin/env bash
# The unit tests and seeds of the plain flavour under valgrind's memcheck: one TAP stream. Besides
# what the sanitizers see, it sees uninitialised memory, and what libraries do with ours.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}/.."

options=(-q --error-exitcode=99 --leak-check=full --num-callers=30)
export FLAVOUR=plain UNIT_UNDER="valgrind ${options[*]}" UNIT_SECONDS=900 UNIT_FEW=1
exec tests/run-unit.sh
