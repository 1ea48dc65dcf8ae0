#!/usr/bin/env python3
"""soak_dump.py: atls-dump on SOAK_DUMP_MIB (4096) of TLS through a pipe, one session after the other, as
raw bytes and as json bodies: what `make soak` runs. Its memory stays under SOAK_DUMP_KIB (16384). A
line for each form; ends with 1 where one took more."""
import base64
import os
import subprocess
import sys

MIB = int(os.environ.get("SOAK_DUMP_MIB", "4096"))
KIB = int(os.environ.get("SOAK_DUMP_KIB", "16384"))
TOOL = os.environ.get("ATLS_BIN", "bin") + "/atls-dump"
HELLO = b"\x16\3\1\0\x2f\1\0\0\x2b\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0\0\0"
SESSION = HELLO + (b"\x17\3\3\x40\0" + os.urandom(16384)) * 64
FORMS = {"raw": SESSION,
         "json": b'{"session": "S", "records": "' + base64.b64encode(SESSION) + b'"}\n'}


def high_water(pid):
    """The most that it had in memory, in KiB. What rusage tells begins with this process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def read(form):
    """Gives the status of atls-dump, what it took, and how much it was given."""
    with subprocess.Popen([TOOL, "-q", "--from", form], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as tool:
        given = 0
        while given < MIB << 20:
            given += tool.stdin.write(FORMS[form])
        peak = high_water(tool.pid)  # all but what is in the pipe was read
        tool.stdin.close()
        return tool.wait(), peak, given


def main():
    failed = False
    for form in FORMS:
        status, peak, given = read(form)
        print(f"soak: {given >> 20} MiB of {form} in {peak} KiB, exit status {status}", flush=True)
        failed |= status != 0 or peak > KIB
    sys.exit(failed)


main()
