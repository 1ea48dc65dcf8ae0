#!/usr/bin/python3
"""hostile_session.py PORT CASE: sessions with an echoing service, and what a client ought not to do in them.

What came of it is one line on standard output. The TLS engine and the bodies are the independent peers'.
"""

import http.client
import pathlib
import secrets
import socket
import ssl
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "peers"))

from atls_common import ENCODINGS, Engine, json_body, parse_json_body  # noqa: E402

PORT = int(sys.argv[1])


class Session:
    """One session in an encoding."""

    def __init__(self, kind):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.engine = Engine(context, "service.test")
        self.path, self.type, self.is_json = ENCODINGS[kind]
        self.token = self.cookie = None

    def body(self, data):
        return json_body(self.token, data, True) if self.is_json else data

    def headers(self):
        lines = {"Content-Type": self.type}
        if self.cookie and not self.is_json:
            lines["Cookie"] = "atls=" + self.cookie
        return lines

    def post(self, body, **more):
        """(status, body, headers) of a request with this HTTP body."""
        link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
        link.request("POST", self.path, body, {**self.headers(), **more})
        answer = link.getresponse()
        content = answer.read()
        link.close()
        return answer.status, content, answer.headers

    def take(self, answer):
        """What a 200 says, decrypted."""
        status, content, headers = answer
        if status != 200:
            raise AssertionError(f"status {status}: {content!r}")
        if self.cookie is None:
            self.cookie = headers["Set-Cookie"].partition(";")[0].partition("=")[2]
        if self.is_json:
            self.token, content = parse_json_body(content, False)
        return self.engine.feed(content)

    def exchange(self):
        return self.take(self.post(self.body(self.engine.take())))

    def open(self):
        self.engine.feed(b"")
        while not self.engine.ready:
            self.exchange()
        return self

    def say(self, data):
        """The next TLS bytes, with this in them."""
        self.engine.write(data)
        return self.engine.take()

    def state(self):
        """alive if what it says comes back."""
        text = secrets.token_bytes(100)
        came = self.take(self.post(self.body(self.say(text))))
        for _ in range(100):
            if came == text:
                return "alive"
            came += self.exchange()
        return f"said {text!r}, heard {came!r}"

    def head(self, length):
        lines = {"Host": "x", "Content-Length": length, **self.headers()}
        return (f"POST {self.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode()


def drip():
    """A request byte by byte; then one whose head, and one whose body, stops."""
    session = Session("atls")
    session.engine.feed(b"")
    hello = session.engine.take()
    link = socket.create_connection(("127.0.0.1", PORT), 20)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in session.head(len(hello)) + hello:
        link.send(bytes([byte]))
    came = link.recv(65536).split(b" ")[1].decode()
    link.close()
    ends = []
    for part in (session.head(len(hello))[:30], session.head(len(hello)) + hello[:30]):
        link = socket.create_connection(("127.0.0.1", PORT), 100)
        link.sendall(part)
        text = b""
        while piece := link.recv(65536):
            text += piece
        ends.append(text.split(b" ")[1].decode() if text else "given up")
        link.close()
    return f"drip: {came}, head: {ends[0]}, body: {ends[1]}"


def cut(kind):
    """A body that would go on with the session, cut by FIN and RST in turn: it may not count."""
    session = Session(kind).open()
    session.state()
    body = session.body(session.say(b"some words"))
    for position in range(len(body)):
        link = socket.create_connection(("127.0.0.1", PORT), 20)
        link.sendall(session.head(len(body)) + body[:position])
        if position % 2:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    came = session.take(session.post(body))
    while came != b"some words" and b"some words".startswith(came):
        came += session.exchange()
    return f"cut at {len(body)} bytes: {session.state() if came == b'some words' else came}"


def chosen():
    """A first request with a session of its own choice."""
    words = []
    for kind in ("json", "atls", "octet-stream"):
        session = Session(kind)
        session.engine.feed(b"")
        session.token = session.cookie = secrets.token_urlsafe(16)
        words.append(f"{kind}: {session.post(session.body(session.engine.take()))[0]}")
    return ", ".join(words)


RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)


def stolen():
    """Another's cookie: beside a json session, and as the session of somebody who has not its keys."""
    mine, other = Session("json").open(), Session("atls").open()
    text = b"with a strange cookie"
    came = mine.take(mine.post(mine.body(mine.say(text)), Cookie="atls=" + other.cookie))
    while came != text and text.startswith(came):
        came += mine.exchange()
    first = mine.state() if came == text else came
    thief = Session("atls").open()
    thief.cookie = other.cookie
    status, content, _ = thief.post(thief.say(b"what I am not"))
    try:
        other.take((status, content, {}))
        told = "no alert"
    except ssl.SSLError as error:
        told = "alert 20" if "BAD_RECORD_MAC" in str(error) or "bad record mac" in str(error) else str(error)
    after = other.post(RECORD)[0]
    return f"json with the cookie of another: {first}; records to another: {told}; the other: " + \
        ("ended" if after == 422 else str(after))


def json_cut():
    session = Session("json").open()
    body = session.body(session.say(b"some words"))
    wrong = [at for at in range(len(body)) if session.post(body[:at])[0] != 400]
    session.take(session.post(body))
    while session.exchange():
        pass
    return f"every cut: {'400' if not wrong else wrong}; then: {session.state()}"


def json_bad():
    session = Session("json").open()
    token = session.token.encode()
    records = [b'"AA"', b'"AAA"', b'"AB=="', b'"A A="', b'"AAAA===="', b'"AA-_"', b'"AA==AAAA"', b'"AAAA\\n"',
               b"1", b"null", b"true", b"[]", b"{}", b'["AAAA"]', b'"AAAA\0"', b'"\xff"', b'"\xed\xa0\x80"', b'"AAAA']
    bodies = [b'{"session": "%s", "records": %s}' % (token, value) for value in records]
    bodies += [b'{"session": %s, "records": ""}' % value for value in (b"1", b"null", b"[]", b'""', b'"a\\u0000"')]
    bodies += [b'{"session": "%s", "session": "%s", "records": ""}' % (token, token),
               b'{"session": "%s", "records": "", "records": ""}' % token,
               b'{"session": "%s", "records": ""}\0' % token,
               b'{"session": "%s", "records": ""}{}' % token,
               b'\xef\xbb\xbf{"session": "%s", "records": ""}' % token,
               b'{"session": "%s"}' % token,
               b'{"session": "%s", "x": -, "records": ""}' % token,
               b'{"session": "%s", "x": 1e, "records": ""}' % token,
               b'{"x": ' + b"[" * 500000, b'{"x": ' + b'{"x":' * 200000, b"[" * 500000,
               b'{"session": "%s", "x": %s, "records": ""}' % (token, b"[" * 20 + b"]" * 20),
               b'{"session": "%s", "x": %s, "records": ""}' % (token, b"9" * 100000)]
    wrong = [body[:80] for body in bodies if session.post(body)[0] != 400]
    return f"every body: {'400' if not wrong else wrong}; then: {session.state()}"


def repeat():
    session = Session("atls").open()
    body = session.say(b"only once")
    answers = [session.post(body)[:2] for _ in range(3)]
    came = session.take((*answers[0], {}))
    while came != b"only once" and b"only once".startswith(came):
        came += session.exchange()
    same = "the same" if answers[0] == answers[1] == answers[2] and came == b"only once" else answers
    return f"repeated: {same}; then: {session.state()}"


def garbage():
    session = Session("atls").open()
    session.state()
    status, content, headers = session.post(b"this is no record at all")
    try:
        session.take((status, content, headers))
        told = "no alert"
    except ssl.SSLError:
        told = "with an alert"
    return f"garbage: {status} {told}; then: {session.post(RECORD)[0]}"


def main():
    name, _, argument = sys.argv[2].partition("-")
    if name == "cut":
        print(cut(argument))
    else:
        print({"drip": drip, "chosen": chosen, "stolen": stolen, "json-cut": json_cut, "json-bad": json_bad,
               "repeat": repeat, "garbage": garbage}[sys.argv[2]]())


if __name__ == "__main__":
    main()
