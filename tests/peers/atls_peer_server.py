#!/usr/bin/python3
"""An independent ATLS server for tests: strict about the client, base carriage only, and able to misbehave.

draft-friel-tls-over-http-00 section 6 (json: 200, 400, 422), draft-friel-tls-atls-00 and -05 (binary bodies, cookie),
and this project's rules 4.1 (one request outstanding, hold, the repeated body) and 4.7 (hygiene). What the client
does wrong is said as `VIOLATION: ...` on standard error and in --violations FILE.

--app: echo | hash | send:FILE | greet:TEXT (TEXT first, then echo)
--misbehave (may be given more than once; K counts all POST requests from 1):
  html200 | status:NNN | status-after:K:NNN | 422-after:K | no-session | truncate-tls | lose-answer:K | alert:K |
  answer:K:HEX (these TLS bytes instead) | gzip | strip-cookie
"""

import argparse
import gzip
import os
import secrets
import signal
import ssl
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True

from atls_common import ENCODINGS, PATHS, TLS_VERSIONS, Violation, json_body, parse_json_body  # noqa: E402
from atls_peer_session import Refused, Session  # noqa: E402

ALERT = bytes.fromhex("15030300020228")  # in clear: fatal, handshake_failure; after the handshake it is garbage


class Lost(Exception):
    """The connection is to end without an answer."""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive; /atls and /.well-known/atls, POST."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    arrived = 0.0

    def parse_request(self):
        self.arrived = time.monotonic()
        return super().parse_request()

    def do_any(self):
        try:
            self.answer(200, *self.post())
        except Refused as refused:
            self.answer(refused.status, "text/plain", f"{refused.status}\n".encode(), refused.headers)
        except Lost:
            self.close_connection = True

    do_POST = do_GET = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_any

    def answer(self, status, kind, body, headers):
        if status != 200 and self.server.options.retry_after is not None:
            headers = {**headers, "Retry-After": str(self.server.options.retry_after)}
        if "gzip" in self.server.bad:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        self.send_response(status)
        self.send_header("Cache-Control", "no-store, no-transform")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def post(self):
        """(Content-Type, body, headers) of a 200."""
        server, bad, violation = self.server, self.server.bad, self.server.violation
        content = self.content()
        if self.path.partition("?")[0] not in PATHS:
            violation(f"path {self.path}")
            raise Refused(404)
        if self.command != "POST":
            if self.headers.get("Upgrade", "").lower() != "websocket":  # 4.3: not here, but no fault
                violation(f"method {self.command}")
            raise Refused(405, Allow="POST")
        number = server.next_request()
        if "html200" in bad:
            return "text/html", b"<!DOCTYPE html><title>Welcome</title><h1>Please log in</h1>\n", {}
        self.forced_status(bad, number)
        if self.headers.get_all("Accept-Encoding") != ["identity"]:
            violation(f"Accept-Encoding {self.headers.get_all('Accept-Encoding')}")
        if "Expect" in self.headers:
            violation("Expect")
        kind = self.headers.get("Content-Type", "")
        name = next((name for name, (_, known, _) in ENCODINGS.items() if known == kind.lower()), None)
        if name is None:
            violation(f"Content-Type {kind!r}")
        if name not in server.options.encodings:
            raise Refused(415)
        cookie, token, data = self.cookie(), None, content
        if name == "atls" and content[:1] in (b"{", b" ", b"\t", b"\r", b"\n"):
            # Section 2: answered in kind. No record begins so, but a body that was cut amid one may:
            # in a session that began with binary bodies there is nothing to guess.
            if cookie not in server.sessions or server.sessions[cookie].is_json:
                name = "json-as-atls"
        is_json = ENCODINGS[name][2]
        if is_json:
            try:
                token, data = parse_json_body(content, True, server.options.strict_json)
            except Violation as error:
                violation(str(error))
                raise Refused(400) from None
            if 0 <= content.find(b'"records"') < content.find(b'"session"'):
                violation("`records` stands before `session`")
        token, session, opening = self.session(token if is_json else cookie, data, is_json)
        answer = session.exchange(data, self.arrived, self.connection)
        if f"alert:{number}" in bad:
            session.dead, answer = True, ALERT
        for what in bad:
            if what.startswith(f"answer:{number}:"):
                answer = bytes.fromhex(what.split(":")[2])
        if f"lose-answer:{number}" in bad:
            raise Lost
        hidden = "no-session" in bad
        headers = {}
        if opening and not hidden:
            secure = "; Secure" if server.outer else ""
            headers["Set-Cookie"] = f"atls={token}; HttpOnly; Path=/; SameSite=Lax{secure}"
        if is_json:
            answer = json_body(None if hidden else token, answer, False)
        return kind.lower(), answer, headers

    def forced_status(self, bad, number):
        for what in bad:
            name, *numbers = what.split(":")
            if name == "422-after":
                name, numbers = "status-after", [*numbers, "422"]
            if name == "status" or (name == "status-after" and number >= int(numbers[0])):
                status = int(numbers[-1])
                also = {401: {"WWW_Authenticate": 'Basic realm="x"'}, 407: {"Proxy_Authenticate": 'Basic realm="x"'}}
                raise Refused(status, **({"Location": "/elsewhere"} if 300 <= status < 400 else also.get(status, {})))

    def content(self):
        """The body; what is refused is read all the same, so that no reset eats the answer."""
        if "Transfer-Encoding" in self.headers:
            raise Refused(411, Connection="close")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or (self.command == "POST" and "Content-Length" not in self.headers):
            self.server.violation(f"Content-Length {self.headers.get('Content-Length')!r}")
            raise Refused(411, Connection="close")
        length = int(length)
        if length <= self.server.options.max_body:
            content = self.rfile.read(length)
            if len(content) < length:
                raise Lost
            return content
        while length > 0 and (piece := self.rfile.read(min(length, 65536))):
            length -= len(piece)
        raise Refused(413)

    def cookie(self):
        """The value of our cookie, of which there is one at most."""
        pairs = [pair.strip().partition("=") for line in self.headers.get_all("Cookie", []) for pair in line.split(";")]
        values = [value for name, _, value in pairs if name == "atls"]
        if "strip-cookie" in self.server.bad or not values:
            return None
        if len(values) > 1:
            self.server.violation("more than one atls cookie")
        return values[0]

    def session(self, token, data, is_json):
        """(token, session, whether it is new): without a token a new one, if a ClientHello begins."""
        server = self.server
        if token is None:
            if data[:1] != b"\x16" or data[5:6] not in (b"", b"\x01"):
                if not {"strip-cookie", "no-session"} & set(server.bad):
                    server.violation("without a session, and no ClientHello")
                raise Refused(422)
            token = secrets.token_urlsafe(16)
            server.sessions[token] = Session(server, is_json)
            return token, server.sessions[token], True
        if token not in server.sessions:
            server.violation(f"a session never given: {token!r}")
            raise Refused(422)
        return token, server.sessions[token], False

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        if self.server.options.verbose:
            super().log_message(format, *args)


class Server(ThreadingHTTPServer):
    """The listener, the sessions, and the list of violations."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, options):
        self.options, self.bad = options, options.misbehave
        self.sessions, self.requests, self.lock = {}, 0, threading.Lock()
        self.inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.inner.load_cert_chain(options.cert, options.key)
        if options.tls:
            self.inner.maximum_version = TLS_VERSIONS[options.tls]
        if options.curve:
            self.inner.set_ecdh_curve(options.curve)
        if options.cacert:
            self.inner.load_verify_locations(options.cacert)
            self.inner.verify_mode = ssl.CERT_REQUIRED
        self.outer = None
        if options.outer_cert:
            self.outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.outer.load_cert_chain(options.outer_cert, options.outer_key)
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self):
        connection, address = super().get_request()
        if self.outer:  # the handshake is left to the thread's first read
            connection = self.outer.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # connections end as they like
            super().handle_error(request, client_address)

    def next_request(self):
        with self.lock:
            self.requests += 1
            return self.requests

    def violation(self, what):
        line = f"VIOLATION: {what}"
        with self.lock:
            print(line, file=sys.stderr, flush=True)
            if self.options.violations:
                with open(self.options.violations, "a", encoding="utf-8") as file:
                    print(line, file=file)


def tell_port(port, path):
    if path is None:
        print(port, flush=True)
        return
    fifo = os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
    name = path if fifo else f"{path}.{os.getpid()}"
    with open(name, "w", encoding="ascii") as file:
        print(port, file=file)
    if not fifo:
        os.rename(name, path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cert", required=True)
    add("--key", required=True)
    add("--cacert", help="ask for client certificates of these")
    add("--tls", choices=TLS_VERSIONS, help="maximum version")
    add("--curve", help="the one group that it takes")
    add("--outer-cert", help="speak https")
    add("--outer-key")
    add("--port-file", help="a FIFO, or a file to make; default: standard output")
    add("--encodings", type=lambda text: text.split(","), default=["json", "octet-stream", "atls"])
    add("--app", default="echo")
    add("--misbehave", action="append", default=[], metavar="NAME")
    add("--violations", metavar="FILE")
    add("--hold", type=float, default=0, help="seconds to hold an empty poll")
    add("--delay", type=float, default=0, help="seconds before every answer of a session")
    add("--max-body", type=int, default=2 << 20, help="larger HTTP bodies get 413")
    add("--retry-after", type=int, help="sent with every status but 200")
    add("--strict-json", action="store_true", help="400 for members that draft -00 does not know")
    add("--lifetime", type=int, default=300)
    add("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if set(options.encodings) - set(ENCODINGS):
        parser.error(f"unknown encoding in {options.encodings}")
    if options.app.partition(":")[0] not in ("echo", "hash", "send", "greet"):
        parser.error(f"unknown application {options.app}")
    known = {"html200": 0, "status": 1, "status-after": 2, "422-after": 1, "no-session": 0, "truncate-tls": 0,
             "lose-answer": 1, "alert": 1, "answer": 2, "gzip": 0, "strip-cookie": 0}
    for what in options.misbehave:
        name, *numbers = what.split(":")
        if known.get(name) != len(numbers) or not all(set(number) <= set("0123456789abcdef") and number for number in numbers):
            parser.error(f"unknown misbehaviour {what}")
    return options


def end(_signal, _frame):
    os._exit(0)  # without waiting for threads that hold or write; files are never left open


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, end)
    signal.alarm(options.lifetime)
    with Server(options) as server:
        tell_port(server.server_address[1], options.port_file)
        server.serve_forever(poll_interval=5)


if __name__ == "__main__":
    main()
