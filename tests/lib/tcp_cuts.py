#!/usr/bin/python3
"""tcp_cuts.py --to PORT --port-file FILE [--cuts N] [--seed N]: a TCP relay whose first N connections are
reset after a random number of bytes. Each reaches the service from another loopback address. At SIGUSR1 all
that there are stand still for good, and none is closed; later ones carry bytes. What it did is told at its
end, one line."""

import argparse
import asyncio
import contextlib
import random
import signal
import socket
import struct


class Cut(Exception):
    """The budget is spent."""


class Cuts:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.cut = self.count = self.still = 0

    def stand_still(self):
        self.still = self.count
        print(f"{self.still} connections stand still", flush=True)

    async def pump(self, reader, writer, budget, number):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                budget[0] -= len(data)
                if budget[0] <= 0:
                    raise Cut
                if number <= self.still:
                    await asyncio.Event().wait()
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def connection(self, reader, writer):
        self.count += 1
        number = self.count
        other_reader, other = await asyncio.open_connection(
            "127.0.0.1", self.options.to, local_addr=(f"127.0.0.{1 + number % 100}", 0))
        cuts = self.cut < self.options.cuts
        self.cut += cuts
        budget = [self.random.randrange(1000, 600000) if cuts else 1 << 62]
        tasks = [asyncio.ensure_future(self.pump(reader, other, budget, number)),
                 asyncio.ensure_future(self.pump(other_reader, writer, budget, number))]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.exception() for task in done):
            for task in tasks:
                task.cancel()
            for end in (writer, other):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()
        writer.close()
        other.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    cuts = Cuts(parser.parse_args())
    server = await asyncio.start_server(cuts.connection, "127.0.0.1", 0)
    with open(cuts.options.port_file, "w") as file:
        print(server.sockets[0].getsockname()[1], file=file)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cuts.stand_still)
    await end.wait()
    print(f"{cuts.cut} connections were cut", flush=True)


asyncio.run(main())
