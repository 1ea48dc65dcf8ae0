#!/usr/bin/python3
"""application.py --port-file FILE: an application on a loopback port, which takes half-close as it is meant.

The first line of a connection says what becomes of all that follows:
  echo    it comes back as it is, and so does the end
  chain   each line is answered with the SHA-256 of all lines so far
  sort    its lines come back in order, once the end was seen
"""

import hashlib
import socketserver
import sys


class Application(socketserver.StreamRequestHandler):
    def echo(self):
        while data := self.rfile.read1(65536):
            self.wfile.write(data)

    def chain(self):
        digest = hashlib.sha256()
        for line in self.rfile:
            digest.update(line)
            self.wfile.write(digest.hexdigest().encode() + b"\n")

    def sort(self):
        self.wfile.writelines(sorted(self.rfile))

    def handle(self):
        what = self.rfile.readline().strip()
        how = "ended"
        try:
            {b"echo": self.echo, b"chain": self.chain, b"sort": self.sort}[what]()
        except OSError as error:
            how = f"cut ({error.strerror})"
        print(f"{what.decode()}: {how}", flush=True)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


def main():
    with Server(("127.0.0.1", 0), Application) as server:
        with open(sys.argv[2], "w", encoding="ascii") as file:
            print(server.server_address[1], file=file)
        server.serve_forever()


if __name__ == "__main__":
    main()
