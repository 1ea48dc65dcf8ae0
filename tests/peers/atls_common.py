"""What the two independent peers share: body encodings and a TLS engine over memory BIOs.

Written from the protocol text alone, on OpenSSL (Python's ssl), base carriage only:
draft-friel-tls-over-http-00 section 6 (json), draft-friel-tls-atls-00 (octet-stream, cookies),
draft-friel-tls-atls-05 (application/atls), and this project's rules 4.1, 4.4 and 4.7.
"""

import base64
import binascii
import json
import re
import ssl

#: name: (the path of its own, Content-Type, whether the body is a JSON object)
ENCODINGS = {
    "json": ("/atls", "application/atls+json", True),
    "octet-stream": ("/atls", "application/atls+octet-stream", False),
    "atls": ("/.well-known/atls", "application/atls", False),
    # tls-over-http-00, section 7.2: JSON labelled as what -05 made the binary type
    "json-as-atls": ("/atls", "application/atls", True),
}
PATHS = ("/atls", "/.well-known/atls")
BODY_LIMIT = 256 * 1024  # 4.5: the default size of a body
REPEATABLE = 23  # 4.1: bodies from this size on may be repeated
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
#: 4.7: 128 random bits in base64url, perhaps with the prefix "NODE."
TOKEN = re.compile(r"(?:[A-Za-z0-9._-]+\.)?[A-Za-z0-9_-]{22,}")


class Violation(Exception):
    """The other side broke the protocol."""


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Violation("JSON object with a member given twice")
    return members


def json_body(session, data, always_records):
    """tls-over-http-00, section 6: `session` first; `records` always in requests, only if not empty in answers."""
    members = {}
    if session is not None:
        members["session"] = session
    if data or always_records:
        members["records"] = base64.b64encode(data).decode()
    return json.dumps(members).encode()


def parse_json_body(body, request, strict=False):
    """The (session or None, TLS bytes) of a JSON body; strict: no other members, `session` first."""
    try:
        members = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Violation(f"body is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise Violation("body is not a JSON object")
    extra = set(members) - {"session", "records"}
    if strict and extra:
        raise Violation(f"unknown JSON members: {sorted(extra)}")
    session = members.get("session")
    if "session" in members and (not isinstance(session, str) or not session):
        raise Violation("`session` is not a string, or empty")
    if "records" not in members:
        if request:
            raise Violation("a request without `records`")
        return session, b""
    records = members["records"]
    if not isinstance(records, str):
        raise Violation("`records` is not a string")
    if not request and not records:
        raise Violation("an empty `records` in an answer, which leaves it out")
    names = list(members)
    if strict and session is not None and names.index("session") > names.index("records"):
        raise Violation("`records` stands before `session`")  # section 2: so that a balancer can see it
    try:
        data = base64.b64decode(records.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise Violation(f"`records` is not base64: {error}") from None
    if base64.b64encode(data).decode() != records:
        raise Violation("`records` is not canonical base64")
    return session, data


class Engine:
    """One TLS session over memory BIOs (tls-over-http-00, section 6: 'passed to the TLS stack').

    The incoming BIO never gets an EOF: the end of a session is close_notify or nothing. Errors of TLS
    leave feed() and write() as ssl.SSLError; the alert about them then waits in take().
    """

    def __init__(self, context, server_hostname=None, server_side=False):
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=server_side, server_hostname=server_hostname)
        self.ready = False  # the handshake is done
        self.peer_closed = False  # close_notify received
        self.closed = False  # close_notify sent

    def feed(self, data):
        """Takes what the other side sent, goes on with the handshake; returns the application data."""
        if data:
            self._in.write(data)
        plain = bytearray()
        try:
            if not self.ready:
                self.tls.do_handshake()
                self.ready = True
            while not self.peer_closed:
                chunk = self.tls.read(65536)
                self.peer_closed = not chunk
                plain += chunk
        except ssl.SSLWantReadError:
            pass  # a piece of a record, or nothing; TLS 1.3 tickets end here, too
        except ssl.SSLZeroReturnError:
            self.peer_closed = True  # close_notify, after our own went out
        return bytes(plain)

    def write(self, data):
        """Encrypts application data; drain it with take()."""
        while data:
            data = data[self.tls.write(data):]

    def close(self):
        """Sends close_notify. Reading goes on, with feed(), until the other side's came."""
        self.closed = True
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def take(self):
        """All that TLS has to say."""
        return self._out.read()
