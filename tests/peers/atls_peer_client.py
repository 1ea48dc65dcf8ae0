#!/usr/bin/python3
"""An independent ATLS client for tests: strict about the server, base carriage only.

draft-friel-tls-over-http-00 section 6, draft-friel-tls-atls-00 and -05, and this project's rules 4.1
(one request outstanding, polls, repetition), 4.4 (status codes) and 4.7 (hygiene). Exit codes: 0 done, 2 usage,
3 HTTP or network failed or --timeout passed, 4 end-to-end TLS failed, 5 the server broke the protocol, 6 a file.
"""

import argparse
import http.client
import os
import re
import ssl
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True

from atls_common import (BODY_LIMIT, ENCODINGS, REPEATABLE, TLS_VERSIONS, TOKEN, Engine,  # noqa: E402
                         Violation, json_body, parse_json_body)

LOST = {408, 425, 429}  # 4.4, and 5xx


class Failed(Exception):
    """The network or HTTP failed for good."""


class Carrier:
    """Bodies over HTTP, one at a time: tls-over-http-00 section 6, tls-atls-00 and -05, 4.1."""

    def __init__(self, url, options):
        path, self.content_type, self.is_json = ENCODINGS[options.encoding]
        self.target = (url.path or path) + (f"?{url.query}" if url.query else "")
        self.options = options
        self.deadline = time.monotonic() + options.timeout
        self.session = self.cookie = None
        self.opened = False
        self.exchanges = 0
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=options.outer_cacert)
            if not options.outer_cacert:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self.http = http.client.HTTPSConnection(url.hostname, url.port, context=context)
        else:
            self.http = http.client.HTTPConnection(url.hostname, url.port)

    def time_left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Failed(f"not done after {self.options.timeout:g} s")
        return left

    def post(self, data):
        """One exchange (two with --repeat): carries TLS bytes, returns TLS bytes."""
        body = json_body(self.session, data, True) if self.is_json else data
        headers = {"Content-Type": self.content_type, "Accept-Encoding": "identity", "Content-Length": str(len(body)),
                   "Cache-Control": "no-store, no-transform"}
        if self.cookie is not None:
            headers["Cookie"] = f"atls={self.cookie}"
        opening = not self.opened
        first = self.send(body, headers)
        answer = self.check(*first)
        if self.options.repeat and len(data) >= REPEATABLE:
            before = (self.session, self.cookie)
            if opening:  # cannot name its session: the repetition may well open a second one, which is then ours
                self.session = self.cookie = None
                self.opened = False
            second = self.send(body, headers)
            again = self.check(*second)
            if again != answer and (not opening or before == (self.session, self.cookie)):
                raise Violation(f"a repeated request of {len(data)} bytes got another answer")
            if not opening and first[2] != second[2]:
                raise Violation("a repeated request got other JSON around the same answer")
            answer = again
        return answer

    def send(self, body, headers):
        """4.1: a request that may have been lost is repeated byte for byte."""
        for attempt in range(4):
            try:
                self.http.timeout = self.time_left()
                if self.http.sock:
                    self.http.sock.settimeout(self.http.timeout)
                self.exchanges += 1
                self.http.request("POST", self.target, body, headers)
                response = self.http.getresponse()
                content = response.read()
                if self.options.verbose:
                    print(f"{self.exchanges}: {len(body)} bytes -> {response.status}, {len(content)} bytes",
                          file=sys.stderr)
                return response.status, response.headers, content
            except (OSError, http.client.HTTPException) as error:
                self.http.close()
                if self.options.verbose:
                    print(f"{self.exchanges}: lost: {error!r}", file=sys.stderr)
                if attempt == 3:
                    raise Failed(f"connection: {error!r}") from None
                time.sleep(min(0.05 * attempt, self.time_left()))
        raise AssertionError

    def check(self, status, headers, body):
        """Refuses what is not a correct answer; returns its TLS bytes."""
        if status in LOST or status >= 500:
            raise Failed(f"HTTP status {status}")
        if status != 200:
            raise Violation(f"HTTP status {status}")
        kind = headers.get_all("Content-Type", [])
        if kind != [self.content_type]:
            raise Violation(f"Content-Type {kind}, not {self.content_type}")
        if headers.get_all("Content-Encoding", ["identity"]) != ["identity"]:
            raise Violation(f"Content-Encoding {headers['Content-Encoding']} that nobody asked for")
        control = {part.strip().lower() for part in ",".join(headers.get_all("Cache-Control", [])).split(",")}
        if not control >= {"no-store", "no-transform"}:
            raise Violation(f"Cache-Control {sorted(control)} without no-store and no-transform")
        self.check_cookie(headers)
        if not self.is_json:
            self.opened = True
            return body
        session, data = parse_json_body(body, False, strict=True)
        if self.session is None:
            if session is None:
                raise Violation("no `session` in the first answer")
            if not TOKEN.fullmatch(session):
                raise Violation(f"session {session!r} is not 22 or more base64url characters")
            self.session = session
        elif session not in (None, self.session):
            raise Violation("the `session` changed")
        self.opened = True
        return data

    def check_cookie(self, headers):
        """4.7: the name, the attributes and the length; 4.2: never changed. Required of binary encodings only."""
        cookies = [line for line in headers.get_all("Set-Cookie", []) if line.split("=")[0].strip() == "atls"]
        if len(cookies) > 1:
            raise Violation("more than one Set-Cookie: atls")
        if not cookies:
            if not self.opened and not self.is_json:
                raise Violation("no Set-Cookie: atls in the first answer")
            return
        pair, *attributes = [part.strip() for part in cookies[0].split(";")]
        value = pair.partition("=")[2]
        wanted = {"httponly", "path=/", "samesite=lax"} | ({"secure"} if self.options.expect_secure else set())
        missing = wanted - {attribute.lower() for attribute in attributes}
        if missing:
            raise Violation(f"Set-Cookie without {sorted(missing)}")
        if not TOKEN.fullmatch(value):
            raise Violation(f"cookie {value!r} is not 22 or more base64url characters")
        if self.opened and value != self.cookie:
            raise Violation("the cookie changed, or came late")
        self.cookie = value


class Client:
    """The flights of one session: all input is sent, while what comes is written out."""

    def __init__(self, engine, carrier, options, data, sink):
        self.engine, self.carrier, self.options, self.sink = engine, carrier, options, sink
        self.data = memoryview(data)
        self.out = bytearray()
        self.taken = 0  # TLS bytes sent, in the whole
        self.first_offset = None  # position of the first record with application data
        self.first_data = 0
        self.received = 0
        self.limit = options.cut or BODY_LIMIT

    def drain(self):
        self.out += self.engine.take()

    def fill(self):
        """Puts a flight together: what TLS says, application data, close_notify."""
        self.drain()
        if not self.engine.ready or self.engine.closed:
            return
        if self.options.inject:
            self.out += bytes.fromhex(self.options.inject)
            self.options.inject = None
        while self.data and len(self.out) < self.limit and not self.engine.peer_closed:
            if self.first_offset is None:
                self.first_offset = self.taken + len(self.out)
            self.engine.write(bytes(self.data[:16384]))
            self.data = self.data[16384:]
            self.drain()
        if self.engine.peer_closed or (not self.data and self.ends_first()):
            self.engine.close()
            self.drain()

    def ends_first(self):
        expected = self.options.expect_bytes
        return self.options.half_close or (expected is not None and self.received >= expected)

    def exchange(self):
        """Sends the next piece, or a poll; returns whether anything moved."""
        piece = bytes(self.out[:self.limit])
        carried = self.first_offset is not None and self.taken <= self.first_offset < self.taken + len(piece)
        if carried:
            self.first_data = self.carrier.exchanges + 1
        answer = self.carrier.post(piece)
        del self.out[:len(piece)]
        self.taken += len(piece)
        if answer and self.engine.peer_closed:
            raise Violation(f"{len(answer)} bytes after close_notify")
        plain = self.engine.feed(answer)
        if self.options.expect_bytes is not None:
            plain = plain[:max(0, self.options.expect_bytes - self.received)]
        self.received += len(plain)
        self.sink.write(plain)
        self.sink.flush()
        return bool(piece or answer)

    def run(self):
        delay = 0.0
        try:
            self.engine.feed(b"")
            self.fill()
            while self.out or not (self.engine.closed and self.engine.peer_closed):
                if not self.out and delay:
                    time.sleep(min(delay, self.carrier.time_left()))
                delay = 0.0 if self.exchange() else min(max(0.005, delay * 2), 0.2)
                self.fill()
        except ssl.SSLError:
            self.drain()
            if self.out:  # an alert, which travels as anything else does
                try:
                    self.carrier.post(bytes(self.out))
                except (Violation, Failed):
                    pass
            raise
        if self.options.expect_bytes is not None and self.received < self.options.expect_bytes:
            raise Violation(f"close_notify after {self.received} bytes of {self.options.expect_bytes}")


def inner_context(options):
    context = ssl.create_default_context(cafile=options.cacert)
    if options.tls:
        context.minimum_version = context.maximum_version = TLS_VERSIONS[options.tls]
    if options.cert:
        context.load_cert_chain(options.cert, options.key or options.cert)
    return context


def arguments():
    parser = argparse.ArgumentParser(description="independent ATLS client for tests")
    add = parser.add_argument
    add("url")
    add("--encoding", choices=ENCODINGS, default="atls")
    add("--tls", choices=TLS_VERSIONS, help="exactly this version")
    add("--cacert", help="inner trust anchors (default: the system's)")
    add("--servername", help="inner name (default: the URL's host)")
    add("--cert", help="client certificate")
    add("--key")
    add("--outer-cacert", help="verify the outer https with these")
    add("-k", action="store_true", help="do not verify the outer https (the default)")
    add("--expect-secure", action="store_true", help="the cookie must be Secure")
    add("--in", dest="input", default="-")
    add("--out", default="-")
    add("--count", action="store_true", help="print exchanges=N first_data=M to standard error")
    add("--cut", type=int, help="at most this many TLS bytes a body")
    add("--repeat", action="store_true", help="send each request of 23 bytes or more twice")
    add("--inject", metavar="HEX", help="put these TLS bytes between handshake and data")
    add("--expect-bytes", type=int, help="after so many bytes, and all input, send close_notify first")
    add("--half-close", action="store_true", help="send close_notify after the input, and read on")
    add("--timeout", type=float, default=60, help="seconds for the whole (exit code 3)")
    add("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if options.cut is not None and options.cut < 1:
        parser.error("--cut needs at least 1")
    try:
        url = urllib.parse.urlsplit(options.url)
        ok = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        ok = False
    if not ok:
        parser.error(f"not an http or https URL: {options.url}")
    if re.search(r"[\x00-\x20\x7f]", options.url):
        parser.error("the URL has blanks or control characters")
    return options, url


def main():
    options, url = arguments()
    carrier = client = None
    code, said = 0, None
    try:
        try:
            context = inner_context(options)
            carrier = Carrier(url, options)
        except ssl.SSLError as error:
            raise OSError(f"certificates or keys: {error}") from None
        with (sys.stdin.buffer if options.input == "-" else open(options.input, "rb")) as source:
            data = source.read()
        with (os.fdopen(1, "wb", closefd=False) if options.out == "-" else open(options.out, "wb")) as sink:
            engine = Engine(context, server_hostname=options.servername or url.hostname)
            client = Client(engine, carrier, options, data, sink)
            client.run()
    except Violation as error:
        code, said = 5, f"protocol: {error}"
    except Failed as error:
        code, said = 3, f"HTTP: {error}"
    except ssl.SSLError as error:
        code, said = 4, f"inner TLS: {error}"
    except OSError as error:
        code, said = 6, f"file: {error}"
    if said:
        print(f"atls_peer_client: {said}", file=sys.stderr)
    if options.count and client:
        print(f"exchanges={carrier.exchanges} first_data={client.first_data}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
