#!/usr/bin/python3
"""A hostile middlebox for the tests of stream carriage: an HTTP/1.1 proxy in front of one service.

fault_relay.py --to PORT --port-file FILE [--seed N] [FAULT...]

FAULT is NAME=VALUE, and several work together. Rates are of a thousand requests.
    reset=R      the connection is reset after a random part of the request or of the answer
    drop=R       the request is carried out, and its answer thrown away: 502, or a closed connection
    double=R     the request goes to the service twice, on two connections; one answer comes back
    status=R     502, 503, 504 or 429 instead of the request
    mute=N       503 for the first N requests that carry nothing and ask to wait for nothing
    slow=MS      each answer is late by up to so much: those of several requests change their order
    strip=N      ATLS-Stream is taken from requests and answers, from the N-th request on
    strip-up=N, strip-down=N    from one of them alone
    silence=FROM:TO      no byte passes between these times, in ms from the first request on
    restart=MS   every so often, all connections are reset and for a moment none is taken
    limit=BYTES  413 for longer bodies
    cut=MS       504 for what takes longer
    address=N    the service sees so many addresses, from 127.0.0.2 on, in turn

What it did is told at its end, one line.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import signal
import socket
import struct

HOLD_OFF = 0.15  # a restart's length


class Gone(Exception):
    """The connection is to be reset."""


class Relay:
    def __init__(self, arguments):
        faults = dict(fault.split("=", 1) for fault in arguments.faults)
        self.faults = {name: int(value) for name, value in faults.items() if name != "silence"}
        first, last = faults.get("silence", "0:0").split(":")
        self.silence = int(first) / 1000, int(last) / 1000
        self.random = random.Random(arguments.seed)
        self.target = arguments.to
        self.count = 0
        self.began = None
        self.writers = set()
        self.done = collections.Counter()
        self.dark_until = 0

    def strikes(self, name):
        if self.random.randrange(1000) >= self.faults.get(name, 0):
            return False
        self.done[name] += 1
        return True

    def strips(self, name):
        first = min(self.faults.get(name, 1 << 60), self.faults.get("strip", 1 << 60))
        return self.count >= first

    async def quiet(self):
        now = asyncio.get_running_loop().time()
        self.began = self.began or now
        if self.silence[0] <= now - self.began < self.silence[1]:
            self.done["silence"] += 1
            await asyncio.sleep(self.silence[1] - (now - self.began))

    @staticmethod
    async def read_message(reader):
        """Head lines and body of a request or an answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head[:-4].split(b"\r\n")
        length = 0
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return lines, await reader.readexactly(length)

    @staticmethod
    def without_stream(lines):
        return [line for line in lines if not line.lower().startswith(b"atls-stream:")]

    @staticmethod
    def is_mute(lines):
        return not any(b"poll" in line for line in lines if line.lower().startswith(b"atls-stream:"))

    def next_address(self):
        if "address" not in self.faults:
            return None
        self.done["address"] += 1
        return f"127.0.0.{2 + self.done['address'] % self.faults['address']}", 0

    async def ask(self, message):
        """The service's answer to a whole request, on a connection of its own."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.target, limit=1 << 20, local_addr=self.next_address()
        )
        self.writers.add(writer)
        try:
            writer.write(message)
            await writer.drain()
            return await self.read_message(reader)
        finally:
            self.writers.discard(writer)
            writer.close()

    def part(self, writer, message):
        writer.write(message[: self.random.randrange(len(message))])
        raise Gone

    async def answer(self, lines, body, writer):
        if self.strikes("status"):
            status = self.random.choice((b"502 Bad", b"503 Busy", b"504 Late", b"429 Many"))
            return [b"HTTP/1.1 " + status, b"Content-Length: 0"], b""
        if not body and self.done["mute"] < self.faults.get("mute", 0) and self.is_mute(lines):
            self.done["mute"] += 1
            return [b"HTTP/1.1 503 Busy", b"Content-Length: 0"], b""
        if len(body) > self.faults.get("limit", 1 << 60):
            self.done["limit"] += 1
            return [b"HTTP/1.1 413 Large", b"Content-Length: 0"], b""
        if self.strips("strip-up"):
            lines = self.without_stream(lines)
        lines = [line for line in lines if not line.lower().startswith(b"connection:")]
        message = b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body
        if self.faults.get("reset") and self.random.randrange(2) and self.strikes("reset"):
            raise Gone
        asked = [asyncio.ensure_future(self.ask(message))]
        if self.strikes("double"):
            asked.append(asyncio.ensure_future(self.ask(message)))
        cut = self.faults.get("cut")
        finished, waiting = await asyncio.wait(
            asked,
            timeout=cut / 1000 if cut else None,
            return_when=asyncio.FIRST_COMPLETED if self.random.randrange(2) else asyncio.ALL_COMPLETED,
        )
        for task in waiting:
            if cut and not finished:
                task.cancel()
        if not finished:
            self.done["cut"] += 1
            return [b"HTTP/1.1 504 Late", b"Content-Length: 0"], b""
        lines, body = self.random.choice(list(finished)).result()
        if self.strikes("drop"):
            if self.random.randrange(2):
                raise Gone
            return [b"HTTP/1.1 502 Bad", b"Content-Length: 0"], b""
        if self.strips("strip-down"):
            lines = self.without_stream(lines)
        lines = [line for line in lines if not line.lower().startswith(b"connection:")]
        if slow := self.faults.get("slow"):
            await asyncio.sleep(self.random.uniform(0, slow) / 1000)
        if self.strikes("reset"):
            self.part(writer, b"\r\n".join([*lines, b"", b""]) + body)
        return lines, body

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            if asyncio.get_running_loop().time() < self.dark_until:
                raise Gone
            while True:
                lines, body = await self.read_message(reader)
                self.count += 1
                await self.quiet()
                lines, body = await self.answer(lines, body, writer)
                await self.quiet()
                writer.write(b"\r\n".join([*lines, b"", b""]) + body)
                await writer.drain()
        except (Gone, OSError, ConnectionError, asyncio.IncompleteReadError):
            self.reset(writer)
        finally:
            self.writers.discard(writer)

    @staticmethod
    def reset(writer):
        with contextlib.suppress(OSError):
            link = writer.get_extra_info("socket")
            if link is not None:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def restarts(self):
        every = self.faults["restart"] / 1000
        while True:
            await asyncio.sleep(every)
            self.done["restart"] += 1
            self.dark_until = asyncio.get_running_loop().time() + HOLD_OFF
            for writer in list(self.writers):
                self.reset(writer)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("faults", nargs="*")
    arguments = parser.parse_args()
    relay = Relay(arguments)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=1 << 20)
    with open(arguments.port_file, "w", encoding="ascii") as ports:
        print(server.sockets[0].getsockname()[1], file=ports)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    restarts = asyncio.ensure_future(relay.restarts()) if "restart" in relay.faults else None
    await end.wait()
    if restarts:
        restarts.cancel()
    print(f"{relay.count} requests", *(f"{name} {n}" for name, n in sorted(relay.done.items())), sep=", ", flush=True)


asyncio.run(main())
