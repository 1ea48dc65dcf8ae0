#!/usr/bin/python3
"""soak_load.py --port PORT --cacert FILE --seconds N [--peers N] [--patience N]

Peers that come, stall, cut and leave: so many at once, each of a kind that the dice choose, again and again
until the time is over. The service's backend echoes; --patience is how long it keeps a session that says
nothing. Prints one JSON object: how many of each kind came to which end; exit code 1 if one came to an end
that the protocol does not know, or if nobody was served, or the limit was never met.
"""

import argparse
import asyncio
import base64
import collections
import contextlib
import json
import os
import random
import socket
import ssl
import struct
import sys
import time

OPEN_MAX = 1400 << 10  # atls-serve's --max-body
KINDS = {}


def kind(weight):
    def register(function):
        KINDS[function.__name__] = (weight, function)
        return function
    return register


class Refused(Exception):
    """An HTTP status that is not 200."""


class Expired(Exception):
    """422, after a silence that gave the service the right to forget the session."""


class Wrong(Exception):
    """What no service may do."""


class Link:
    """One HTTP connection."""

    def __init__(self, load):
        self.load = load
        self.reader = self.writer = None

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.load.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def head(self, length, cookie=None, media="application/atls", framing=None):
        lines = ["POST /.well-known/atls HTTP/1.1", "Host: service.test", f"Content-Type: {media}",
                 framing or f"Content-Length: {length}"]
        if cookie:
            lines.append(f"Cookie: {cookie}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def answer(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [line.partition(":") for line in lines[1:] if line]
        values = {name.lower(): value.strip() for name, _, value in fields}
        body = await self.reader.readexactly(int(values.get("content-length", 0)))
        return int(lines[0].split()[1]), values, body

    async def post(self, body, cookie=None, media="application/atls"):
        self.writer.write(self.head(len(body), cookie, media) + body)
        await self.writer.drain()
        return await self.answer()

    async def rest(self):
        """Waits until the service ends the connection; returns what it said before."""
        said = b""
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65536):
                said += data
        return said


class Session:
    """A TLS session in a link's bodies."""

    def __init__(self, link, as_json):
        self.link = link
        self.json = as_json
        self.name = None
        self.said = time.monotonic()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = link.load.context.wrap_bio(self.incoming, self.outgoing, server_hostname="service.test")

    def hello(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.encode(self.outgoing.read())

    def media(self):
        return "application/atls+json" if self.json else "application/atls"

    def encode(self, records):
        if not self.json:
            return records
        members = {"session": self.name} if self.name else {}
        return json.dumps(members | {"records": base64.b64encode(records).decode()}).encode()

    def judge(self, status, since):
        if status == 422 and time.monotonic() - since > self.link.load.patience:
            raise Expired
        if status != 200:
            raise Refused(status)

    async def exchange(self, records=None):
        body = self.encode(self.outgoing.read() if records is None else records)
        cookie = None if self.json else self.name
        since, self.said = self.said, time.monotonic()
        status, fields, body = await self.link.post(body, cookie, self.media())
        self.judge(status, since)
        if self.json:
            members = json.loads(body)
            self.name = members["session"]
            body = base64.b64decode(members.get("records", ""))
        else:
            self.name = self.name or fields["set-cookie"].partition(";")[0]
        self.incoming.write(body)
        return body

    async def open(self):
        for _ in range(5):
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                await self.exchange()
        raise Wrong("no handshake")

    async def carry(self, data):
        """Sends data and polls until it is back."""
        back = bytearray()
        sent = 0
        for _ in range(2000):
            while sent < len(data) and self.outgoing.pending < 100000:
                sent += self.tls.write(data[sent:sent + 16384])
            await self.exchange()
            with contextlib.suppress(ssl.SSLWantReadError):
                while piece := self.tls.read(65536):
                    back += piece
            if len(back) >= len(data):
                break
        if back != data:
            raise Wrong(f"{len(back)} bytes of {len(data)} came back, or others")

    async def close(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        for _ in range(20):
            await self.exchange()
            try:
                self.tls.unwrap()
                return
            except ssl.SSLWantReadError:
                continue
        raise Wrong("no close_notify in answer")


def some_data():
    return os.urandom(random.choice((1, 100, 5000, 40000, 200000)))


@kind(8)
async def whole_session(link):
    """All is as it should be."""
    session = Session(link, random.random() < 0.3)
    await session.open()
    for _ in range(random.randrange(1, 4)):
        await session.carry(some_data())
    await session.close()


@kind(8)
async def hello_and_silence(link):
    """The handshake is never done."""
    session = Session(link, False)
    status, _, _ = await link.post(session.hello())
    if status != 200:
        raise Refused(status)
    await asyncio.sleep(random.random())


@kind(5)
async def abandoned(link):
    """A session with data in both directions, which nobody comes back to."""
    session = Session(link, random.random() < 0.3)
    await session.open()
    await session.carry(some_data())
    session.tls.write(os.urandom(16000))
    link.writer.write(link.head(20000, session.name) + session.outgoing.read())
    if random.random() < 0.5:
        link.reset()


@kind(3)
async def answer_unread(link):
    """Asks for much, many times over, and reads nothing of it."""
    session = Session(link, False)
    await session.open()
    for _ in range(20):
        session.tls.write(os.urandom(16000))
    body = session.outgoing.read()
    link.writer.write(link.head(len(body), session.name) + body)
    for _ in range(20):
        link.writer.write(link.head(0, session.name))
    await asyncio.sleep(random.random())
    link.reset()


@kind(3)
async def polls_at_once(link):
    """Several connections poll one session."""
    session = Session(link, False)
    await session.open()
    links = [Link(link.load) for _ in range(4)]
    async with contextlib.AsyncExitStack() as stack:
        for other in links:
            await stack.enter_async_context(other)
        for status, _, _ in await asyncio.gather(*(other.post(b"", session.name) for other in links)):
            session.judge(status, session.said)


@kind(5)
async def slow_body(link):
    """A body that drips until the service has enough of it."""
    link.writer.write(link.head(5000))
    for _ in range(200):
        link.writer.write(b"\x16")
        try:
            said = await asyncio.wait_for(link.reader.read(1000), 0.2)
        except asyncio.TimeoutError:
            continue
        if said and b" 408 " not in said.partition(b"\r\n")[0]:
            raise Wrong(f"a slow body gets {said[:80]!r}")
        return
    raise Wrong("a slow body lives on")


@kind(3)
async def cut_head(link):
    """A head that ends somewhere."""
    head = link.head(100)
    link.writer.write(head[:random.randrange(len(head))])
    if random.random() < 0.5:
        link.writer.write_eof()
        await asyncio.sleep(random.random())


@kind(6)
async def aborted_body(link):
    """A body that ends somewhere, by FIN or RST."""
    body = Session(link, False).hello()
    link.writer.write(link.head(len(body)) + body[:random.randrange(len(body))])
    await link.writer.drain()
    await asyncio.sleep(random.random() / 5)
    if random.random() < 0.5:
        link.reset()


@kind(4)
async def cut_session(link):
    """A live session, a request of which is cut, and repeated from another connection."""
    session = Session(link, False)
    await session.open()
    data = os.urandom(3000)
    session.tls.write(data)
    body = session.outgoing.read()
    link.writer.write(link.head(len(body), session.name) + body[:random.randrange(len(body))])
    await link.writer.drain()
    link.reset()
    async with Link(link.load) as other:
        session.link = other
        await session.exchange(body)
        back = b""
        for _ in range(100):
            with contextlib.suppress(ssl.SSLWantReadError):
                back += session.tls.read(65536)
            if len(back) >= len(data):
                break
            await session.exchange()
        if back != data:
            raise Wrong("a repeated body was not carried once")
        await session.close()


@kind(4)
async def garbage(link):
    """Bodies that are no TLS, no JSON, no session's; and no HTTP at all."""
    what = random.randrange(5)
    if what == 0:
        status, _, body = await link.post(b"GARBAGE" + os.urandom(300))
        if (status, body[:1]) not in ((200, b"\x15"), (503, body[:1])):
            raise Wrong(f"garbage gets {status}")
    elif what == 1:
        status, _, _ = await link.post(b'{"session": "x", "records": [' + b"[" * 1000, None, "application/atls+json")
        if status != 400:
            raise Wrong(f"bad JSON gets {status}")
    elif what == 2:
        status, _, _ = await link.post(b"\x17" + os.urandom(99), "atls=" + "A" * 22)
        if status != 422:
            raise Wrong(f"an unknown session gets {status}")
    elif what == 3:
        session = Session(link, False)
        await session.open()
        await session.exchange(b"\x17\x03\x03\x00\x40" + os.urandom(64))
        for _ in range(3):
            with contextlib.suppress(Refused):
                await session.exchange(b"")
    else:
        link.writer.write(os.urandom(2000) + b"\r\n\r\n")
        await link.rest()


@kind(2)
async def too_large(link):
    """A body beyond the limit, announced or not."""
    if random.random() < 0.5:
        link.writer.write(link.head(OPEN_MAX + 1 + random.randrange(1 << 22)) + bytes(1000))
    else:
        link.writer.write(link.head(0, framing="Transfer-Encoding: chunked"))
        piece = os.urandom(65536)
        for _ in range(OPEN_MAX // len(piece) + 2):
            link.writer.write(b"10000\r\n" + piece + b"\r\n")
            await link.writer.drain()
        link.writer.write(b"0\r\n\r\n")
    if random.random() < 0.7:
        status, _, _ = await link.answer()
        if status not in (413, 408, 503):
            raise Wrong(f"too large a body gets {status}")


class Load:
    def __init__(self, options):
        self.port = options.port
        self.patience = options.patience
        self.context = ssl.create_default_context(cafile=options.cacert)
        self.until = time.monotonic() + options.seconds
        self.ends = collections.Counter()
        self.wrongs = []

    async def peer(self):
        names = list(KINDS)
        weights = [KINDS[name][0] for name in names]
        while time.monotonic() < self.until:
            name = random.choices(names, weights)[0]
            try:
                async with Link(self) as link:
                    await asyncio.wait_for(KINDS[name][1](link), 60)
                end = "done"
            except Refused as status:
                end = str(status)
            except Expired:
                end = "expired"
            except asyncio.TimeoutError:
                end = "wrong"
                self.wrongs.append(f"{name}: not done within 60 s")
            except (Wrong, ssl.SSLError, KeyError, ValueError) as error:
                end = "wrong"
                self.wrongs.append(f"{name}: {error}")
            except (OSError, asyncio.IncompleteReadError):
                end = "cut"
            self.ends[f"{name} {end}"] += 1
            if end not in ("done", "cut", "expired", "503", "408", "wrong"):
                self.wrongs.append(f"{name}: {end}")
            await asyncio.sleep(random.random() / 10)


async def run(options):
    load = Load(options)
    await asyncio.gather(*(load.peer() for _ in range(options.peers)))
    refused = sum(count for name, count in load.ends.items() if name.endswith(" 503"))
    print(json.dumps({"peers": sum(load.ends.values()), "refused": refused, "ends": dict(sorted(load.ends.items())),
                      "wrong": len(load.wrongs), "first_wrong": load.wrongs[:5]}), flush=True)
    return 1 if load.wrongs or not refused or not load.ends["whole_session done"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cacert", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--peers", type=int, default=100)
    parser.add_argument("--patience", type=float, default=60)
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
