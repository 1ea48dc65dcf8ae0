#!/usr/bin/python3
"""hostile_client.py PORT CASE...: raw requests to atls-serve.

Each CASE is a line "CASE: STATUS... END" on standard output: the statuses that came, and how the connection
ended. Behind each follows an ordinary request that wants the connection closed, answered by 404: a case
after which it is answered is one after which the connection goes on.
"""

import contextlib
import re
import socket
import ssl
import sys


def client_hello():
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="service.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


HELLO = client_hello()
LENGTH = b"%d" % len(HELLO)
PROBE = b"GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*lines, body=HELLO, first=b"POST /atls HTTP/1.1", host=b"Host: x", end=b"\r\n"):
    lines = [first, host, b"Content-Type: application/atls", *lines]
    return end.join([line for line in lines if line] + [b"", b""]) + body


def chunks(*pieces, size=None, end=b"0\r\n\r\n"):
    return b"".join(b"%s\r\n%s\r\n" % (size or b"%x" % len(piece), piece) for piece in pieces) + end


CL, TE = b"Content-Length: " + LENGTH, b"Transfer-Encoding: chunked"
CASES = {
    "plain": post(CL),
    "chunked": post(TE, body=chunks(HELLO[:9], HELLO[9:])),
    "chunk-extension": post(TE, body=chunks(HELLO, size=b"%x;a=b" % len(HELLO))),
    "chunk-trailers": post(TE, body=chunks(HELLO, end=b"0\r\nContent-Length: 5\r\nX: y\r\n\r\n")),
    "pipelined": post(CL) * 3,
    # both, or several, lengths
    "length-and-chunked": post(b"Content-Length: 5", TE, body=chunks(HELLO)),
    "chunked-and-length": post(TE, CL, body=chunks(HELLO)),
    "two-lengths": post(CL, b"Content-Length: 5"),
    "two-lengths-reversed": post(b"Content-Length: 5", CL),
    "length-list": post(b"Content-Length: 5, " + LENGTH),
    "length-plus": post(b"Content-Length: +" + LENGTH),
    "length-minus": post(b"Content-Length: -5"),
    "length-hex": post(b"Content-Length: 0x10"),
    "length-words": post(b"Content-Length: " + LENGTH + b" 5"),
    "length-overflow": post(b"Content-Length: 99999999999999999999999"),
    "length-empty": post(b"Content-Length:"),
    "length-spaced": post(b"Content-Length : " + LENGTH),
    "length-missing": post(),
    "length-folded": post(b"Content-Length:\r\n " + LENGTH),
    # transfer codings
    "coding-unknown": post(b"Transfer-Encoding: gzip", body=chunks(HELLO)),
    "coding-list": post(b"Transfer-Encoding: gzip, chunked", body=chunks(HELLO)),
    "coding-identity": post(b"Transfer-Encoding: identity", CL),
    "coding-twice": post(TE, TE, body=chunks(HELLO)),
    "coding-prefixed": post(b"Transfer-Encoding: xchunked", CL),
    "coding-tabbed": post(b"Transfer-Encoding:\x0bchunked", CL),
    "coding-in-1.0": post(TE, CL, first=b"POST /atls HTTP/1.0", body=chunks(HELLO)),
    "chunk-garbage": post(TE, body=b"zz\r\n" + HELLO),
    "chunk-minus": post(TE, body=chunks(HELLO, size=b"-5")),
    "chunk-overflow": post(TE, body=chunks(HELLO, size=b"FFFFFFFFFFFFFFFFF")),
    "chunk-too-small": post(TE, body=chunks(HELLO, size=b"5")),
    # lines
    "folded": post(CL, b"X: a\r\n b"),
    "bare-lf": post(CL, end=b"\n"),
    "no-colon": post(CL, b"nonsense"),
    "no-name": post(CL, b": value"),
    "nul-in-header": post(CL, b"X: a\0b"),
    "nul-in-type": post(CL, b"X: y").replace(b"application/atls", b"application/atls\0x"),
    "no-host": post(CL, host=b""),
    "huge-header": post(CL, b"X: " + b"x" * 100000),
    "many-headers": post(CL, *[b"X-%d: y" % number for number in range(10000)]),
    "huge-path": post(CL, first=b"POST /" + b"x" * 100000 + b" HTTP/1.1"),
    "huge-cookie": post(CL, b"Cookie: atls=" + b"x" * 20000),
    "many-cookies": post(CL, b"Cookie: " + b"; ".join(b"c%d=x" % number for number in range(1000))),
    # first lines
    "garbage": b"\0\1\2\3 nonsense\r\n\r\n",
    "tls": HELLO + b"\r\n\r\n",
    "http-0.9": b"GET /atls\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-9": post(CL, first=b"POST /atls HTTP/9.9"),
    "spaces": post(CL, first=b"POST  /atls  HTTP/1.1"),
    "path-nul": post(CL, first=b"POST /atls%00x HTTP/1.1"),
    "path-dots": post(CL, first=b"POST /x/../atls HTTP/1.1"),
    "connect": post(CL, first=b"CONNECT service.test:443 HTTP/1.1"),
    "trace": post(CL, first=b"TRACE /atls HTTP/1.1"),
}


def run(port, data):
    """(statuses, how it ended)"""
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.settimeout(15)
        came = b""
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(data + PROBE)
            while piece := link.recv(65536):
                came += piece
            how = "closed"
        except ConnectionResetError:
            how = "reset"
        except socket.timeout:
            how = "hangs"
    return [status.decode() for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", came)], how


def main():
    port = int(sys.argv[1])
    names = sys.argv[2:] or CASES
    for name in names:
        statuses, how = run(port, CASES[name])
        print(f"{name}:", *statuses, how, flush=True)


if __name__ == "__main__":
    main()
