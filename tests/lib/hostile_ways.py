"""The ways of hostile_box.py: coroutines (exchange, argument) that answer, and say whether to go on."""

import asyncio
import base64
import gzip
import itertools
import json
import re
import socket
import struct
import zlib

OK = b"HTTP/1.1 200 OK"
LIMIT = 64 << 20  # what "without end" comes to at most, for the machine's sake


def head(first, lines):
    return b"\r\n".join([first, *lines, b"", b""])


def without(lines, *names):
    return [line for line in lines if line.partition(b":")[0].decode("latin-1").lower() not in names]


def whole(first, lines, body):
    lines = without(lines, "content-length") + [b"Content-Length: %d" % len(body)]
    return head(first, lines) + body


def in_chunks(body, size=7, trailers=()):
    """A chunked body with its end."""
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + head(b"0", trailers)


def reset(exchange):
    exchange.writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()
    return False


async def pour(exchange, pieces):
    """Says pieces until the client has enough of it. Does not go on."""
    sent = 0
    for piece in pieces:
        exchange.say(piece)
        await exchange.drain()
        sent += len(piece)
        if sent > LIMIT:
            print(exchange.run, "poured", sent, flush=True)
            break
    return False


async def until_gone(exchange):
    await exchange.reader.read()
    return False


# ---- answers as they are, and with other heads -------------------------------------------------


async def none(exchange, _):
    exchange.say(whole(*await exchange.genuine()))
    return True


async def status(exchange, argument):
    """STATUS[/HEADER]: instead of the service's."""
    await exchange.reader.readexactly(exchange.length)
    code, _, line = argument.partition("/")
    lines = [b"Content-Type: text/plain", b"Location: /elsewhere", line.replace("_", " ").encode() or b"X-A: b"]
    exchange.say(whole(b"HTTP/1.1 %s Because" % code.encode(), lines, b"words\n"))
    return True


async def bare_status(exchange, argument):
    """The service's answer under another status."""
    _, lines, body = await exchange.genuine()
    exchange.say(whole(b"HTTP/1.1 %s Because" % argument.encode(), lines, body))
    return True


async def header(exchange, argument):
    """NAME:VALUE instead of that header, with %XX; without a value it goes."""
    first, lines, body = await exchange.genuine()
    line = re.sub(rb"%(..)", lambda match: bytes([int(match[1], 16)]), argument.encode())
    name, _, value = line.partition(b":")
    lines = without(lines, name.decode("latin-1").lower())
    exchange.say(whole(first, lines + ([line.replace(b"_", b" ")] if value else []), body))
    return True


async def more_header(exchange, argument):
    """The same beside those of that name."""
    first, lines, body = await exchange.genuine()
    exchange.say(head(first, without(lines, "content-length") + [b"Content-Length: %d" % len(body),
                                                                argument.replace("_", " ").encode()]) + body)
    return True


async def portal(exchange, _):
    await exchange.reader.readexactly(exchange.length)
    exchange.say(whole(OK, [b"Content-Type: text/html; charset=utf-8", b"Set-Cookie: portal=1"],
                       b"<!DOCTYPE html><title>Welcome</title><h1>Please log in</h1>\n"))
    return True


async def session(exchange, argument):
    """JSON: another session, or none; cookies: another, and the attributes that end it."""
    first, lines, body = await exchange.genuine()
    if body.startswith(b"{"):
        members = {name: value for name, value in json.loads(body).items() if name != "session"}
        if argument:
            members = {"session": argument, **members}
        body = json.dumps(members).encode()
    lines = without(lines, "set-cookie") + ([b"Set-Cookie: atls=" + argument.encode()] if argument else [])
    exchange.say(whole(first, lines, body))
    return True


async def body(exchange, argument):
    """The body, replaced by these bytes in hex."""
    first, lines, _ = await exchange.genuine()
    exchange.say(whole(first, lines, bytes.fromhex(argument)))
    return True


async def tls(exchange, change):
    """The first answer with TLS bytes, with those changed."""
    first, lines, content = await exchange.genuine()
    members = json.loads(content) if content.startswith(b"{") else None
    records = base64.b64decode(members.get("records", "")) if members else content
    if records and exchange.first_time():
        records = change(records)
        content = json.dumps({**members, "records": base64.b64encode(records).decode()}).encode() if members else records
    exchange.say(whole(first, lines, content))
    return True


async def shorten(exchange, argument):
    """So many TLS bytes less at the end of an answer, as if it had none there."""
    return await tls(exchange, lambda records: records[:-int(argument)])


async def empty(exchange, _):
    """No TLS bytes."""
    return await tls(exchange, lambda records: b"")


async def flip(exchange, argument):
    """One bit of the TLS bytes: ARGUMENT counts bytes, from the end if negative."""
    def change(records):
        changed = bytearray(records)
        changed[int(argument)] ^= 1
        return bytes(changed)
    return await tls(exchange, change)


async def compressed(exchange, argument):
    """NAME[/lie]: Content-Encoding, kept or not; te: as Transfer-Encoding."""
    first, lines, content = await exchange.genuine()
    name, _, lie = argument.partition("/")
    made = {"gzip": gzip.compress, "deflate": zlib.compress}.get(name, bytes)(content)
    lines = without(lines, "content-length")
    if lie == "te":
        coding = name.encode()
        exchange.say(head(first, lines + [b"Transfer-Encoding: %s, chunked" % coding]) + in_chunks(made))
    else:
        exchange.say(whole(first, lines + [b"Content-Encoding: " + name.encode()], content if lie else made))
    return True


async def bomb(exchange, _):
    """A transfer coding that unpacks to 1 GiB of zeros."""
    first, lines, _ = await exchange.genuine()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    exchange.say(head(first, without(lines, "content-length") + [b"Transfer-Encoding: gzip, chunked"]))
    return await pour(exchange, (in_chunks(piece, 65536)[:-5] for piece in
                                 (packer.compress(bytes(1 << 20)) for _ in range(1 << 10)) if piece))


# ---- framing ------------------------------------------------------------------------------------


async def chunked(exchange, argument):
    """Chunks of 7 bytes; ARGUMENT are trailer lines, with / between them."""
    first, lines, content = await exchange.genuine()
    trailers = [line.replace("_", " ").replace("%2f", "/").encode() for line in argument.split("/") if line]
    exchange.say(head(first, without(lines, "content-length") + [b"Transfer-Encoding: chunked"]))
    exchange.say(in_chunks(content, 7, trailers))
    return True


async def http10(exchange, argument):
    """keep: Connection: keep-alive; length: with one, and closed; else closed without one; cut: amid it."""
    _, lines, content = await exchange.genuine()
    first = b"HTTP/1.0 200 OK"
    if argument == "keep":
        exchange.say(whole(first, lines + [b"Connection: keep-alive"], content))
        return True
    if argument == "length":
        exchange.say(whole(first, lines, content))
    else:
        cut = len(content) // 2 if argument == "cut" else len(content)
        exchange.say(head(first, without(lines, "content-length")) + content[:cut])
    return False


async def to_close(exchange, _):
    """HTTP/1.1 without a length: the end of the connection ends it."""
    first, lines, content = await exchange.genuine()
    exchange.say(head(first, without(lines, "content-length") + [b"Connection: close"]) + content)
    return False


async def lengths(exchange, argument):
    """Each word of ARGUMENT as a Content-Length, L for the right one."""
    first, lines, content = await exchange.genuine()
    right = str(len(content))
    more = [b"Content-Length: " + word.replace("L", right).replace("_", " ").encode() for word in argument.split("/")]
    exchange.say(head(first, without(lines, "content-length") + more) + content)
    return True


async def raw_chunks(exchange, argument):
    """Chunked, and this instead of chunks: \\r and \\n as such, DATA for the body."""
    first, lines, content = await exchange.genuine()
    data = argument.encode().replace(b"\\r", b"\r").replace(b"\\n", b"\n").replace(b"_", b" ")
    exchange.say(head(first, without(lines, "content-length") + [b"Transfer-Encoding: chunked"]))
    exchange.say(data.replace(b"SIZE", b"%x" % len(content)).replace(b"DATA", content))
    return False


async def first_line(exchange, argument):
    _, lines, content = await exchange.genuine()
    exchange.say(whole(argument.replace("_", " ").encode(), lines, content))
    return True


async def garbage(exchange, argument):
    """Bytes in hex, and nothing else."""
    await exchange.genuine()
    exchange.say(bytes.fromhex(argument))
    return False


async def cut(exchange, argument):
    """N bytes of the answer, /rst for a reset, and no more."""
    position, _, kind = argument.partition("/")
    exchange.say(whole(*await exchange.genuine())[:int(position)])
    await exchange.drain()
    return reset(exchange) if kind == "rst" else False


async def behind(exchange, argument):
    """Another answer behind the answer, in one piece; late: after the client has the first."""
    answer = whole(*await exchange.genuine())
    evil = whole(OK, [b"Content-Type: application/atls", b"Set-Cookie: atls=evil"], bytes(64))
    if argument == "late":
        exchange.say(answer)
        await exchange.drain()
        await asyncio.sleep(0)
        exchange.say(evil)
    else:
        exchange.say(answer + evil)
    return True


async def early(exchange, argument):
    """STATUS/HOW: before the body was read, which is then read all the same, or not (close, reset)."""
    code, _, how = argument.partition("/")
    exchange.say(whole(b"HTTP/1.1 %s Because" % code.encode(), [b"X-A: b"], b""))
    await exchange.drain()
    if how == "read":
        await exchange.reader.readexactly(exchange.length)
        return True
    return reset(exchange) if how == "reset" else False


# ---- much, and slowly ---------------------------------------------------------------------------


async def interim(exchange, argument):
    """COUNT/STATUS[/HEADER]: as many interim answers first; COUNT 0: without end."""
    count, code, line = (argument.split("/", 2) + [""])[:3]
    lines = [line.replace("_", " ").encode()] if line else []
    one = head(b"HTTP/1.1 %s Because" % code.encode(), lines)
    if count == "0":
        return await pour(exchange, itertools.repeat(one * 100))
    exchange.say(one * int(count) + whole(*await exchange.genuine()))
    return True


async def endless(exchange, argument):
    """A body without end: length, chunked, close; or trailers, headers, one of them, cookies."""
    first, lines, _ = await exchange.genuine()
    lines = without(lines, "content-length")
    block = bytes(65536)
    more, pieces = {
        "length": ([b"Content-Length: 999999999999999"], itertools.repeat(block)),
        "chunked": ([b"Transfer-Encoding: chunked"], itertools.repeat(b"10000\r\n" + block + b"\r\n")),
        "close": ([b"Connection: close"], itertools.repeat(block)),
        "trailers": ([b"Transfer-Encoding: chunked"],
                     itertools.chain([b"0\r\n"], itertools.repeat(b"X-Trailer: some words\r\n" * 1000))),
        "trailer": ([b"Transfer-Encoding: chunked"], itertools.chain([b"0\r\nX: "], itertools.repeat(b"x" * 65536))),
        "headers": (None, itertools.repeat(b"X-Header: some words\r\n" * 1000)),
        "header": (None, itertools.chain([b"X-Header: "], itertools.repeat(b"x" * 65536))),
        "cookies": (None, (b"Set-Cookie: c%d=%s\r\n" % (number, b"x" * 1000) for number in itertools.count())),
        "nothing": (None, itertools.repeat(b"x" * 65536)),
    }[argument]
    if argument != "nothing":
        exchange.say(head(first, lines + more) if more else head(first, lines)[:-2])
    return await pour(exchange, pieces)


async def headers(exchange, argument):
    """COUNT/SIZE: as many headers more, of that size."""
    count, size = map(int, argument.split("/"))
    first, lines, content = await exchange.genuine()
    exchange.say(whole(first, lines + [b"X-%d: %s" % (number, b"x" * size) for number in range(count)], content))
    return True


async def drip(exchange, argument):
    """MILLISECONDS[/BYTES]: byte by byte, so many at most, and then silence."""
    pause, _, count = argument.partition("/")
    answer = whole(*await exchange.genuine())
    for byte in answer[:int(count or len(answer))]:
        exchange.say(bytes([byte]))
        await exchange.drain()
        await asyncio.sleep(int(pause) / 1000)
    return await until_gone(exchange) if count else True


async def drip_forever(exchange, argument):
    """head, body or extension (of a chunk): a byte each 20 ms, without end."""
    first, lines, _ = await exchange.genuine()
    start = head(first, without(lines, "content-length") + [b"Transfer-Encoding: chunked"])
    exchange.say({"head": start[:-2] + b"X: ", "body": start, "extension": start + b"1;"}[argument])
    while not exchange.reader.at_eof():
        exchange.say(b"1\r\nx\r\n" if argument == "body" else b"x")
        await exchange.drain()
        await asyncio.sleep(0.02)
    return False
