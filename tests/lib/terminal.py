"""Runs a command with standard error on a terminal of its own, and prints what appears there.

    terminal.py IN OUT COMMAND...

IN is a file or FIFO for its standard input; OUT is one for its standard output, "|" is a pipe that
is read and forgotten, "tty" the terminal. Ends with the command's exit status.
"""
import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading

COLUMNS = 60


def drain(fd):
    while os.read(fd, 65536):
        pass


def main():
    source, target, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    if target == "|":
        end, out = os.pipe()
        threading.Thread(target=drain, args=(end,), daemon=True).start()
    else:
        out = theirs if target == "tty" else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(source, "rb", buffering=0) as stdin:
        child = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=theirs,
                                 env={**os.environ, "TERM": os.environ.get("TERM") or "xterm"})
    os.close(theirs)
    if target != "tty":
        os.close(out)
    while True:
        try:
            shown = os.read(ours, 65536)
        except OSError:  # nobody has the terminal open any more
            break
        os.write(1, shown)
    sys.exit(child.wait())


main()
