#!/usr/bin/env python3
"""deviate.py CAPTURE OUT: makes of a good capture (a folder of atls-client --capture, of TLS 1.3 in
base carriage) one HAR for each deviation from the protocol, OUT/RULE.NAME.har, where atls-dump
--check has to find RULE; and OUT/good.*.har, where it may find nothing. OUT/keys has the secret of a
session that is made up."""
import base64
import copy
import hmac
import json
import re
import sys

SESSION = "s" * 30
ID = "i" * 22
TYPES = {"json": "application/atls+json", "atls": "application/atls"}
CASES = []


def deviation(rule, *kinds):
    def add(function):
        for kind in kinds:
            CASES.append((rule, function.__name__, kind, function))
        return function
    return add


class Exchange:
    """One request and its answer; what is None is not there."""

    def __init__(self, kind, up, down, first):
        self.kind, self.up, self.down = kind, up, down
        self.method, self.status = "POST", 200
        self.up_type = self.down_type = TYPES.get(kind, "application/atls")
        self.up_session = None if first else SESSION
        self.down_session = SESSION
        self.up_dict = self.down_dict = None
        self.up_body = self.down_body = None  # instead of what is made of the bytes
        self.took = 5  # milliseconds; the next begins after 1 s

    def body(self, data, session, given, stream):
        if given is not None:
            return given
        if self.kind != "json":
            return data
        body = {"session": session} if session else {}
        if stream:
            body["stream"] = stream
        body["records"] = base64.b64encode(data).decode()
        return json.dumps(body).encode()

    def entry(self, number):
        def headers(content, cookie, stream):
            found = [{"name": "Content-Type", "value": content}] if content else []
            if self.kind != "json":
                found += [cookie] if cookie["value"] else []
                found += [{"name": "ATLS-Stream", "value": stream}] if stream else []
            return found
        up = self.body(self.up, self.up_session, self.up_body, self.up_dict)
        down = self.body(self.down, self.down_session, self.down_body, self.down_dict)
        session = f"atls={self.up_session}" if self.up_session else ""
        set_cookie = f"atls={self.down_session}; HttpOnly" if self.down_session else ""
        return {
            "startedDateTime": f"2026-01-01T00:00:{number:02}.000Z", "time": self.took,
            "request": {
                "method": self.method, "url": "http://service.example/atls",
                "httpVersion": "HTTP/1.1",
                "headers": headers(self.up_type, {"name": "Cookie", "value": session},
                                   self.up_dict),
                "postData": {"mimeType": self.up_type, "text": up.decode("latin-1")}},
            "response": {
                "status": self.status, "statusText": "", "httpVersion": "HTTP/1.1",
                "headers": headers(self.down_type, {"name": "Set-Cookie", "value": set_cookie},
                                   self.down_dict),
                "content": {"mimeType": self.down_type, "size": len(down), "encoding": "base64",
                            "text": base64.b64encode(down).decode()}}}


def dictionary(**items):
    return ", ".join(f'{key}="{value}"' if key == "id" else f"{key}={value}"
                     for key, value in items.items())


def streamed(exchanges):
    up = down = 0
    for exchange in exchanges:
        exchange.up_dict = dictionary(id=ID, gen=1, up=up, ack=down, max=65536)
        up += len(exchange.up)
        exchange.down_dict = dictionary(down=down, ack=up, max=65536, inflight=4, keep=330)
        down += len(exchange.down)


def moved(text, key, by):
    """A dictionary with a number of it changed."""
    return re.sub(rf"\b{key}=(\d+)", lambda found: f"{key}={int(found[1]) + by}", text)


def records(data):
    found = []
    while data:
        length = 5 + int.from_bytes(data[3:5], "big")
        found.append(data[:length])
        data = data[length:]
    return found


def hello_with(data, change):
    """A ClientHello in one record, with its list of extensions changed."""
    at = 9 + 34
    at += 1 + data[at]
    at += 2 + int.from_bytes(data[at:at + 2], "big")
    at += 1 + data[at]
    head, rest, extensions = data[9:at], data[at + 2:], []
    while rest:
        length = 4 + int.from_bytes(rest[2:4], "big")
        extensions.append(rest[:length])
        rest = rest[length:]
    body = b"".join(change(extensions))
    body = head + len(body).to_bytes(2, "big") + body
    body = b"\1" + len(body).to_bytes(3, "big") + body
    return data[:3] + len(body).to_bytes(2, "big") + body


def b64(exchange):
    return base64.b64encode(exchange.up).decode()


# ---- sessions -----------------------------------------------------------------------------------

@deviation("first_request_session", "json")
def first_request(x):
    x[0].up_session = SESSION


@deviation("first_request_cookie", "atls")
def first_cookie(x):
    x[0].up_session = SESSION


@deviation("session_missing", "json", "atls")
def unnamed_answer(x):
    x[0].down_session = None


@deviation("session_missing", "json", "atls")
def unnamed_request(x):
    x[1].up_session = None


@deviation("session_changed", "json")
def changed_session(x):
    x[1].down_session = "t" * 30


@deviation("cookie_changed", "atls")
def changed_cookie(x):
    x[1].down_session = "t" * 30


@deviation("weak_secret", "json", "atls")
def weak(x):
    for exchange in x:
        exchange.down_session = "abc"
        exchange.up_session = exchange.up_session and "abc"


# What a node puts before it does not count.
@deviation("weak_secret", "json", "atls")
def weak_behind_node(x):
    for exchange in x:
        exchange.down_session = "a-node-of-twenty-two-characters.abcdefgh"
        exchange.up_session = exchange.up_session and exchange.down_session


@deviation("weak_secret", "json")
def one_character_short(x):
    for exchange in x:
        exchange.down_session = "s" * 21
        exchange.up_session = exchange.up_session and exchange.down_session


@deviation("no_opening", "json", "atls")
def beginning_lost(x):
    del x[0]


# ---- bodies -------------------------------------------------------------------------------------

@deviation("base64", "json")
def not_padded(x):
    while len(x[0].up) % 3 == 0:
        x[0].up += b"\x15\3\3\0\2\1\x5a"
    x[0].up_body = ('{"records": "' + b64(x[0]).rstrip("=") + '"}').encode()


@deviation("base64", "json")
def white_space(x):
    x[0].up_body = ('{"records": "' + b64(x[0])[:8] + " " + b64(x[0])[8:] + '"}').encode()


@deviation("base64", "json")
def other_alphabet(x):
    text = b64(x[0]).replace("+", "-").replace("/", "_")
    x[0].up_body = ('{"records": "' + text + '"}').encode()


@deviation("base64", "json")
def trailing_bits(x):
    while len(x[0].up) % 3 != 1:
        x[0].up += b"\x15\3\3\0\2\1\x5a"
    text = b64(x[0])
    digit = chr(ord(text[-3]) + 1)  # the last one's bits count only in part
    x[0].up_body = ('{"records": "' + text[:-3] + digit + '=="}').encode()


@deviation("malformed", "json")
def no_json(x):
    x[1].up_body = b'{"records": 5'


@deviation("records_missing", "json")
def no_records(x):
    x[1].up_body = json.dumps({"session": SESSION}).encode()


@deviation("member_order", "json")
def session_last(x):
    x[1].up_body = json.dumps({"records": b64(x[1]), "session": SESSION}).encode()


@deviation("content_type", "json")
def wrong_label(x):
    x[1].up_type = TYPES["atls"]


@deviation("content_type", "atls")
def no_label(x):
    x[0].down_type = "text/html"


@deviation("method", "atls")
def put(x):
    x[1].method = "PUT"


@deviation("status", "atls")
def not_200(x):
    x[1].status = 500


@deviation("flight_cut", "json", "atls")
def cut_flight(x):
    x[1].up, x[0].up = x[0].up[-9:] + x[1].up, x[0].up[:-9]


@deviation("flight_cut", "json", "atls")
def cut_answer(x):
    x[1].down, x[0].down = x[0].down[-9:] + x[1].down, x[0].down[:-9]


# ---- base carriage ------------------------------------------------------------------------------

@deviation("concurrent", "json", "atls")
def not_awaited(x):
    x[0].took = 1500


@deviation("unanswered", "json", "atls")
def no_answer(x):
    x[-1].status = 0


# ---- records ------------------------------------------------------------------------------------

@deviation("record_too_long", "atls")
def long_record(x):
    x[-1].up += b"\x17\x03\x03" + (17000).to_bytes(2, "big") + bytes(17000)


@deviation("record_too_long", "atls")
def long_plain_record(x):
    x[0].up = b"\x16\3\3\x40\1" + bytes(16385) + x[0].up


@deviation("record_too_long", "json", "atls")
def one_byte_too_long(x):
    x[-1].down += b"\x17\3\3\x41\1" + bytes(16641)


NULL_SHA256 = b"\0\x3b"
MASTER = b"m" * 48
RANDOMS = {1: b"c" * 32, 2: b"s" * 32}


def hello_12(kind):
    suites = b"\0\2" + NULL_SHA256 + b"\1\0" if kind == 1 else NULL_SHA256 + b"\0"
    body = b"\3\3" + RANDOMS[kind] + b"\0" + suites
    return b"\x16\3\3" + (len(body) + 4).to_bytes(2, "big") + bytes([kind]) \
        + len(body).to_bytes(3, "big") + body


def null_record(number, data):
    """Of the client of a session of TLS 1.2 that does not encrypt: RFC 5246 section 6."""
    seed = b"key expansion" + RANDOMS[2] + RANDOMS[1]
    key = hmac.digest(MASTER, hmac.digest(MASTER, seed, "sha256") + seed, "sha256")
    head = b"\x17\3\3"
    mac = hmac.digest(key, number.to_bytes(8, "big") + head + len(data).to_bytes(2, "big") + data,
                      "sha256")
    return head + (len(data) + 32).to_bytes(2, "big") + data + mac


@deviation("plaintext_too_long", "json", "atls")
def long_plaintext(x):
    x[0].up, x[0].down = hello_12(1), hello_12(2)
    x[1].up = b"\x14\3\3\0\1\1" + null_record(0, bytes(16384)) + null_record(1, bytes(16385))
    x[1].down = b""


@deviation("record_type", "atls")
def other_type(x):
    x[-1].up += b"\x1a\x03\x03\0\1\0"


@deviation("record_version", "atls")
def ssl3(x):
    x[0].up = x[0].up[:1] + b"\3\0" + x[0].up[3:]


@deviation("record_empty", "atls")
def empty_record(x):
    x[0].up += b"\x15\3\3\0\0"


@deviation("malformed", "atls")
def no_record(x):
    x[0].up += b"GET / HTTP/1.1\r\n\r\n"


@deviation("alert_length", "atls")
def long_alert(x):
    x[0].up += b"\x15\3\3\0\3\1\x5a\0"


@deviation("alert_level", "atls")
def odd_alert(x):
    x[0].up += b"\x15\3\3\0\2\7\x5a"


@deviation("change_cipher_spec", "atls")
def odd_change(x):
    x[1].up = b"\x14\3\3\0\1\2" + x[1].up


@deviation("heartbeat", "atls")
def not_agreed_heartbeat(x):
    x[0].up += b"\x18\3\3\0\x17\1\0\4ping" + bytes(16)


@deviation("heartbeat_length", "atls")
def bleeding_heartbeat(x):
    x[0].up += b"\x18\3\3\0\3\1\x40\0"


@deviation("data_before_hello", "atls")
def data_first(x):
    x[0].up = b"\x17\3\3\0\x20" + bytes(32) + x[0].up


@deviation("not_authentic", "json", "atls")
def altered(x):
    last = [e for e in x if e.up][-1]
    last.up = last.up[:-1] + bytes([last.up[-1] ^ 1])


@deviation("data_after_close", "json", "atls")
def after_close(x):
    x[-1].up += b"\x17\3\3\0\x20" + bytes(32)


@deviation("data_after_close", "json", "atls")
def after_close_down(x):
    x[-1].down += b"\x17\3\3\0\x20" + bytes(32)


@deviation("data_after_alert", "atls")
def after_alert(x):
    x[0].down = b"\x15\3\3\0\2\2\x28" + x[0].down


@deviation("truncated", "json", "atls")
def truncated(x):
    last = [e for e in x if e.down][-1]
    last.down = b"".join(records(last.down)[:-1])


@deviation("truncated", "json", "atls")
def truncated_up(x):
    last = [e for e in x if e.up][-1]
    last.up = b"".join(records(last.up)[:-1])


@deviation("record_cut", "atls")
def cut_record(x):
    last = [e for e in x if e.down][-1]
    last.down = last.down[:-4]


@deviation("no_server_hello", "atls")
def silent(x):
    del x[1:]
    x[0].down = b""


@deviation("server_hello_first", "atls")
def no_client_hello(x):
    x[0].up = b""


# ---- hellos -------------------------------------------------------------------------------------

@deviation("extension_twice", "atls")
def twice(x):
    x[0].up = hello_with(x[0].up, lambda list_: list_ + list_[:1])


@deviation("psk_not_last", "atls")
def early_psk(x):
    x[0].up = hello_with(x[0].up, lambda list_: [b"\0\x29\0\0"] + list_)


@deviation("malformed", "atls")
def broken_hello(x):
    x[0].up = hello_with(x[0].up, lambda list_: list_ + [b"\0\x0a\0\4\0\x09\0\x1d"])


def with_bytes(data, at, new):
    return data[:at] + new + data[at + len(new):]


def suite_at(hello):
    """Where a hello's first suite stands, but for the length of a ClientHello's list."""
    return 44 + hello[43]


def older(hello):
    """A hello without the extension that says TLS 1.3, and of TLS 1.1."""
    at = hello.index(b"\0\x2b\0", suite_at(hello))
    return with_bytes(with_bytes(hello, at, b"\xff\xfe"), 9, b"\3\2")


@deviation("old_version", "atls")
def tls_11(x):
    x[0].down = older(x[0].down)


@deviation("unknown_suite", "atls")
def no_such_suite(x):
    x[0].down = with_bytes(x[0].down, suite_at(x[0].down), b"\xfe\xdc")


@deviation("weak_suite", "atls")
def null_suite(x):
    x[0].down = with_bytes(x[0].down, suite_at(x[0].down), b"\0\2")


@deviation("weak_suite", "atls")
def anonymous_suite(x):
    x[0].down = with_bytes(x[0].down, suite_at(x[0].down), b"\0\xa6")


@deviation("fallback", "atls")
def fell_back(x):
    x[0].up = with_bytes(older(x[0].up), suite_at(x[0].up) + 2, b"\x56\0")


@deviation("message_type", "atls")
def no_message(x):
    x[0].down = b"\x16\3\3\0\4\x63\0\0\0" + x[0].down


# ---- stream carriage ----------------------------------------------------------------------------

@deviation("gap", "stream")
def gap(x):
    x[1].up_dict = moved(x[1].up_dict, "up", 100)


@deviation("gap", "stream")
def gap_down(x):
    for exchange in x[1:]:
        exchange.down_dict = moved(exchange.down_dict, "down", 1)


@deviation("overlap", "stream")
def overlap(x):
    x[1].up_dict = moved(x[1].up_dict, "up", -10)


@deviation("overlap", "stream")
def overlap_down(x):
    x[1].down_dict = moved(x[1].down_dict, "down", -1)


def again(exchange, up, down):
    """Another exchange, of bytes that were there."""
    found = copy.copy(exchange)
    found.up, found.down = up, down
    found.up_dict = moved(found.up_dict, "gen", 1)
    return found


@deviation("overlap", "stream")
def other_bytes_again(x):
    x.insert(1, again(x[0], x[0].up[:-1] + b"\0", b""))


@deviation("overlap", "stream")
def other_bytes_again_down(x):
    x.insert(1, again(x[0], b"", x[0].down[:40] + bytes(1) + x[0].down[41:]))


@deviation("overlap", "stream")
def other_bytes_ahead(x):
    # The range of the lost request comes last, and with it more, which differs from what waited.
    x[0], x[1] = again(x[1], x[1].up, b""), x[0]
    x[1].up += bytes(20)


# Nothing but the dictionary names the session: without it, it looks like another.
@deviation("no_opening", "stream")
def no_dictionary(x):
    x[1].up_dict = None


@deviation("dictionary", "stream")
def odd_dictionary(x):
    x[1].down_dict = "down=-1"


@deviation("dictionary", "stream")
def short_id(x):
    for exchange in x:
        exchange.up_dict = exchange.up_dict.replace(ID, ID[:10])


@deviation("data_after_close", "stream")
def streamed_after_close(x):
    last = copy.copy(x[-1])
    last.up_dict = moved(last.up_dict, "up", len(last.up))
    last.down_dict = moved(last.down_dict, "down", len(last.down))
    last.up, last.down = b"\x17\3\3\0\x20" + bytes(32), b""
    x.append(last)


@deviation("truncated", "stream")
def streamed_truncated(x):
    last = [e for e in x if e.down][-1]
    last.down = b"".join(records(last.down)[:-1])


# ---- what looks odd and is right ----------------------------------------------------------------

def unchanged(_):
    pass


def request_again(x):
    x.insert(1, again(x[0], x[0].up, b""))


def cut_otherwise(x):
    """The end of an answer again, and more in the same body."""
    lost = x[0].down[-30:]
    x[1].down = lost + x[1].down
    x[1].down_dict = moved(x[1].down_dict, "down", -len(lost))
    x[1].up_dict = moved(x[1].up_dict, "gen", 1)


def late(x):
    x[0].down, x[1].down = x[1].down, x[0].down
    x[0].down_dict, x[1].down_dict = x[1].down_dict, x[0].down_dict


GOOD = {"json": [unchanged], "atls": [unchanged],
        "stream": [unchanged, request_again, cut_otherwise, late]}


def main():
    capture, out = sys.argv[1:]
    bodies = {}
    with open(f"{capture}/index.jsonl") as index:
        for line in map(json.loads, index):
            with open(f"{capture}/{line['file']}", "rb") as file:
                bodies.setdefault(line["request"], {})[line["direction"]] = file.read()
    pairs = [(pair["up"], pair["down"]) for _, pair in sorted(bodies.items())]

    def write(name, kind, change):
        exchanges = [Exchange(kind, up, down, i == 0) for i, (up, down) in enumerate(pairs)]
        if kind == "stream":
            streamed(exchanges)
        change(exchanges)
        entries = [exchange.entry(i) for i, exchange in enumerate(exchanges)]
        with open(f"{out}/{name}.har", "w") as file:
            json.dump({"log": {"version": "1.2", "creator": {"name": "deviate", "version": "1"},
                               "entries": copy.deepcopy(entries)}}, file)

    with open(f"{out}/keys", "w") as keys:
        print("CLIENT_RANDOM", RANDOMS[1].hex(), MASTER.hex(), file=keys)
    for kind, changes in GOOD.items():
        for change in changes:
            write(f"good.{change.__name__}-{kind}", kind, change)
    for rule, name, kind, change in CASES:
        write(f"{rule}.{name}-{kind}", kind, change)


main()
