"""The independent server's sessions: TLS, the application behind it, and one request after the other.

tls-over-http-00 section 6 (an alert travels inside a 200), this project's rules 4.1 (hold, the repeated body).
"""

import hashlib
import select
import ssl
import sys
import threading
import time

from atls_common import BODY_LIMIT, REPEATABLE, Engine


class Refused(Exception):
    """Another status than 200."""

    def __init__(self, status, **headers):
        super().__init__(status)
        self.status, self.headers = status, headers


def alive(connection):
    """Whether the client has not closed this connection."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLRDHUP)
        return not poll.poll(0)
    except (OSError, ValueError):
        return False


class App:
    """One application endpoint: what to send after the handshake, on data and on close_notify; and its end."""

    def __init__(self, spec):
        self.kind, _, self.argument = spec.partition(":")
        self.digest = hashlib.sha256()
        self.done = False

    def opened(self):
        if self.kind == "send":
            self.done = True
            with open(self.argument, "rb") as file:
                return file.read()
        return self.argument.encode() if self.kind == "greet" else b""

    def received(self, data):
        self.digest.update(data)
        return data if self.kind in ("echo", "greet") else b""

    def closed(self):
        self.done = True
        return self.digest.hexdigest().encode() + b"\n" if self.kind == "hash" else b""


class Session:
    """One TLS session; serves one request after the other (4.1)."""

    def __init__(self, server, is_json):
        self.server, self.is_json = server, is_json
        self.engine = Engine(server.inner, server_side=True)
        self.app = App(server.options.app)
        self.cond = threading.Condition()
        self.out = bytearray()  # TLS bytes
        self.pending = bytearray()  # application data not yet encrypted
        self.app_open = self.dead = self.truncated = False
        self.busy, self.waiting, self.empties = False, 0, 0
        self.digest, self.saved = None, b""
        self.last_body, self.last_answer, self.last_connection, self.answered = None, b"", None, 0.0

    def exchange(self, body, arrived, connection):
        """The answer to one request; `arrived` is when its first line came. Two polls at once get the same bytes."""
        with self.cond:
            self.waiting += 1
            self.cond.notify_all()  # ends a hold
            self.cond.wait_for(lambda: not self.busy)
            self.waiting -= 1
            if arrived < self.answered:
                repeated = len(body) >= REPEATABLE and body == self.last_body
                if not repeated and alive(self.last_connection):
                    self.server.violation("two requests of one session outstanding")
                if not body and not self.last_body:
                    return self.last_answer
            self.busy, self.last_body, self.last_connection, self.last_answer = True, body, connection, b""
            try:
                self.last_answer = self.process(body)
            finally:
                if self.server.options.delay:
                    self.cond.wait_for(lambda: False, self.server.options.delay)
                self.busy, self.answered = False, time.monotonic()
                self.cond.notify_all()
            return self.last_answer

    def process(self, body):
        digest = hashlib.sha256(body).digest()
        if len(body) >= REPEATABLE and digest == self.digest:
            return self.saved
        if self.dead:
            raise Refused(422)
        if body and self.engine.peer_closed:
            self.server.violation("TLS bytes after the client's close_notify")
        try:
            self.serve(b"" if self.engine.peer_closed else body)
        except ssl.SSLError as error:
            print(f"TLS: {error}", file=sys.stderr, flush=True)
            self.out += self.engine.take()  # the alert, inside a 200
            self.dead = True
        if not body and not self.out and not self.dead:
            self.cond.wait_for(lambda: self.waiting, self.server.options.hold)
        answer = bytes(self.out[:BODY_LIMIT])
        del self.out[:BODY_LIMIT]
        if body:
            self.digest, self.saved = digest, answer
        if self.truncated and not answer:
            self.empties += 1
            self.dead = self.empties >= 3
        return answer

    def serve(self, body):
        """TLS, then the application, then as much of its output as one body takes."""
        plain = self.engine.feed(body)
        if self.engine.ready and not self.app_open:
            self.app_open = True
            self.pending += self.app.opened()
        if not self.app.done:
            self.pending += self.app.received(plain)
            if self.engine.peer_closed:
                self.pending += self.app.closed()
        self.out += self.engine.take()
        while self.pending and len(self.out) < BODY_LIMIT:
            self.engine.write(bytes(self.pending[:16384]))
            del self.pending[:16384]
            self.out += self.engine.take()
        if self.app.done and not self.pending and not self.engine.closed and not self.truncated:
            if "truncate-tls" in self.server.bad:
                self.truncated = True
                del self.out[-8:]
            else:
                self.engine.close()
                self.out += self.engine.take()
