#!/usr/bin/python3
"""ws_relay.py --to PORT --port-file FILE [--swallow] [--cut BYTES] [--cut-frame WHERE --way up|down]: a TCP
relay that lets requests pass, and breaks WebSockets: it answers to the upgrade itself and says no more, or
resets their connections after so many bytes from the service, or ends the first few of them in their third
binary frame that way: behind the first byte of its header, in the middle of its payload, or behind a fragment
that it makes of the first half. How many it saw is told at its end, one line, and how many frames it cut."""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import re
import signal
import socket
import struct

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, FIN, MASKED = 0x02, 0x80, 0x80
FRAME, CONNECTIONS = 3, 3  # that are cut


class Frame:
    """One of RFC 6455 section 5.2, as it travels."""

    @classmethod
    async def read(cls, reader):
        frame = cls()
        start = await reader.readexactly(2)
        short = start[1] & ~MASKED
        extended = await reader.readexactly({126: 2, 127: 8}.get(short, 0))
        frame.mask = await reader.readexactly(4 if start[1] & MASKED else 0)
        frame.head = start + extended + frame.mask
        frame.payload = await reader.readexactly(int.from_bytes(extended, "big") if extended else short)
        return frame

    def is_data(self):
        return self.head[0] & 0x0f == BINARY and len(self.payload) > 1

    def half_fragment(self):
        half = self.payload[:len(self.payload) // 2]
        masked = MASKED if self.mask else 0
        return struct.pack("!BBQ", self.head[0] & ~FIN, 127 | masked, len(half)) + self.mask + half

    def cut(self, where):
        if where == "header":
            return self.head[:1]
        return self.head + self.payload[:len(self.payload) // 2] if where == "payload" else self.half_fragment()


class Relay:
    def __init__(self, options):
        self.options = options
        self.seen = self.cut = 0

    @staticmethod
    async def pump(reader, writer, budget):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
                budget -= len(data)
                if budget <= 0:
                    return
            writer.write_eof()

    async def pump_frames(self, reader, writer, way, spoken):
        """spoken is set once the service's first message passed."""
        count = 0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await Frame.read(reader)
                count += way == self.options.way and spoken.is_set() and frame.is_data()
                if count == FRAME and self.cut < CONNECTIONS:
                    self.cut += 1
                    writer.write(frame.cut(self.options.cut_frame))
                    await writer.drain()
                    return
                writer.write(frame.head + frame.payload)
                await writer.drain()
                if way == "down":
                    spoken.set()

    async def in_frames(self, reader, writer, other_reader, other):
        """Ends both connections where either way ended."""
        writer.write(await other_reader.readuntil(b"\r\n\r\n"))
        spoken = asyncio.Event()
        tasks = [asyncio.ensure_future(self.pump_frames(reader, other, "up", spoken)),
                 asyncio.ensure_future(self.pump_frames(other_reader, writer, "down", spoken))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        writer.close()
        other.close()

    @staticmethod
    async def swallow(head, reader, writer):
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head).group(1).decode()
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: atls\r\n\r\n".encode())
        while await reader.read(65536):
            pass
        writer.close()

    async def connection(self, reader, writer):
        head = b""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
        upgrade = head.startswith(b"GET ")
        self.seen += upgrade
        if upgrade and self.options.swallow:
            await self.swallow(head, reader, writer)
            return
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.options.to)
        other.write(head)
        if upgrade and self.options.cut_frame:
            await self.in_frames(reader, writer, other_reader, other)
            return
        budget = self.options.cut if upgrade and self.options.cut else 1 << 62
        up = asyncio.ensure_future(self.pump(reader, other, 1 << 62))
        await self.pump(other_reader, writer, budget)
        if budget < 1 << 62:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        up.cancel()
        writer.close()
        other.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--swallow", action="store_true")
    parser.add_argument("--cut", type=int)
    parser.add_argument("--cut-frame", choices=("header", "payload", "fragments"))
    parser.add_argument("--way", choices=("up", "down"))
    relay = Relay(parser.parse_args())
    server = await asyncio.start_server(relay.connection, "127.0.0.1", 0)
    with open(relay.options.port_file, "w") as file:
        file.write(f"{server.sockets[0].getsockname()[1]}\n")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    print(f"{relay.seen} upgrades were asked for", flush=True)
    if relay.options.cut_frame:
        print(f"{relay.cut} frames were cut", flush=True)


asyncio.run(main())
