#!/usr/bin/python3
"""ws_relay.py --to PORT --port-file FILE [--swallow] [--cut BYTES]: a TCP relay that lets requests pass, and
breaks WebSockets: it answers to the upgrade itself and says no more, or resets their connections
after so many bytes from the service. How many it saw is told at its end, one line."""

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


class Relay:
    def __init__(self, options):
        self.options = options
        self.seen = 0

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
        with contextlib.suppress(OSError):
            head = await reader.read(65536)
        upgrade = head.startswith(b"GET ")
        self.seen += upgrade
        if upgrade and self.options.swallow:
            await self.swallow(head, reader, writer)
            return
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.options.to)
        other.write(head)
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
    relay = Relay(parser.parse_args())
    server = await asyncio.start_server(relay.connection, "127.0.0.1", 0)
    with open(relay.options.port_file, "w") as file:
        file.write(f"{server.sockets[0].getsockname()[1]}\n")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    print(f"{relay.seen} upgrades were asked for", flush=True)


asyncio.run(main())
