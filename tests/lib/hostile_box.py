#!/usr/bin/python3
"""hostile_box.py --to PORT --port-file FILE: a box before atls-serve that breaks one answer in a chosen way.

The query of a URL chooses, `?RUN,WHEN,NAME[,ARGUMENT]`: RUN is any word that tells one run's requests from
another's; WHEN is N for the N-th of them alone, or N+ for it and all later ones; NAME is a function of
hostile_ways.py. Every other answer passes as it is. Each request is a line "RUN N METHOD PATH LENGTH" on
standard output.
"""

import argparse
import asyncio
import collections
import re
import sys

sys.dont_write_bytecode = True

import hostile_ways  # noqa: E402


async def message_head(reader):
    """(first line, other lines, length of the body)"""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    first, *lines = head[:-4].split(b"\r\n")
    return first, lines, int(length[1]) if length else 0


async def message(reader):
    """The next message with a Content-Length: (first line, other lines, body)"""
    first, lines, length = await message_head(reader)
    return first, lines, await reader.readexactly(length)


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, box, reader, writer, head, run):
        self.box, self.reader, self.writer = box, reader, writer
        self.first, self.lines, self.length = head
        self.run = run

    def first_time(self):
        """Whether this run's answers were left alone so far; asked by ways that wait for a fit one."""
        new = self.run not in self.box.spent
        self.box.spent.add(self.run)
        return new

    async def genuine(self):
        """What the service says to it: (first line, other lines, body)."""
        body = await self.reader.readexactly(self.length)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.box.to, limit=1 << 23)
        try:
            writer.write(b"\r\n".join([self.first, *self.lines, b"Connection: close", b"", b""]) + body)
            first, lines, body = await message(reader)
        finally:
            writer.close()
        return first, [line for line in lines if not line.lower().startswith(b"connection:")], body

    def say(self, data):
        self.writer.write(data)

    async def drain(self):
        await self.writer.drain()


class Box:
    """The listener, and how far each run has come."""

    def __init__(self, to):
        self.to = to
        self.turns = collections.Counter()
        self.spent = set()

    async def connected(self, reader, writer):
        try:
            while await self.answer(reader, writer, await message_head(reader)):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, reader, writer, head):
        """Whether the connection goes on."""
        method, target = head[0].decode("latin-1").split(" ")[:2]
        path, _, query = target.partition("?")
        run, when, name, argument = (query.split(",", 3) + ["", "", "", ""])[:4]
        self.turns[run] += 1
        turn = self.turns[run]
        print(run, turn, method, path, head[2], flush=True)
        exchange = Exchange(self, reader, writer, head, run)
        if turn == int(when.rstrip("+")) or (when.endswith("+") and turn > int(when[:-1])):
            go_on = await getattr(hostile_ways, name.replace("-", "_"))(exchange, argument)
        else:
            go_on = await hostile_ways.none(exchange, argument)
        return go_on


async def serve(options):
    box = Box(options.to)
    server = await asyncio.start_server(box.connected, "127.0.0.1", 0, limit=1 << 23, backlog=128)
    with open(options.port_file, "w", encoding="ascii") as file:
        print(server.sockets[0].getsockname()[1], file=file)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
