#!/usr/bin/python3
"""proxy.py [OPTION]... --port-file FILE: a small HTTP proxy for tests, on a loopback port.

CONNECT, and the absolute form for http. Each request is a line "METHOD TARGET -> STATUS" on standard output.
"""

import argparse
import base64
import http.client
import itertools
import select
import socket
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code="-", size="-"):
        print(f"{self.command} {self.path} -> {int(code)}", flush=True)

    def allowed(self):
        user = self.server.options.user
        wanted = "Basic " + base64.b64encode(user.encode()).decode() if user else None
        if wanted in (None, self.headers.get("Proxy-Authorization")):
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self):  # pylint: disable=invalid-name
        if not self.allowed():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as far:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            other = {self.connection: far, far: self.connection}
            while other:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    if data:
                        other[ready].sendall(data)
                    else:
                        other.clear()
                        break

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.allowed():
            return
        number = next(self.server.numbers)
        if number in self.server.options.refuse:
            self.send_response(self.server.options.refuse[number])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        url = urllib.parse.urlsplit(self.path)
        far = http.client.HTTPConnection(url.hostname, url.port)
        far.request("POST", url.path, body, {
            name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")})
        answer = far.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "date", "server", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        far.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", help="ask for these credentials")
    parser.add_argument("--refuse", metavar="N:STATUS", action="append", default=[],
                        help="the proxy's own answer to the Nth request of the absolute form")
    parser.add_argument("--port-file", required=True)
    options = parser.parse_args()
    options.refuse = dict(map(int, what.split(":")) for what in options.refuse)
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.options, server.numbers = options, itertools.count(1)
        with open(options.port_file, "w", encoding="ascii") as file:
            print(server.server_address[1], file=file)
        server.serve_forever()


if __name__ == "__main__":
    main()
