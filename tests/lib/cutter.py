#!/usr/bin/python3
"""Connections that are cut after exactly so many bytes: the sweep over every byte of a small session.

cutter.py app --port-file FILE
    The application behind the service: a line comes, half of answer() goes, and after a pause, so that
    polls fetch it, the other half; then it waits for the end.
cutter.py sweep OPTION... --to PORT -- CLIENT ARG...
    Runs CLIENT ARG... URL once for each position of the byte stream in --direction. Its first connection
    goes to PORT through a relay that ends it, both ways, right behind that byte; later connections pass.
    Every position is cut in one way, by FIN and by RST in turn (--kind: all of them in this one).
    Prints what is not as protocol.md 4.1 and 4.4 have it, and last a line of totals; 1 if anything was.

What is right:
    no answer came whole       exit 3 without a second try, one error line, no output
    else                       exit 0, the whole answer, and nothing said
    else, a poll's answer was lost with bytes in it, which is no one's to repeat: also exit 4 or 5, an
                               error line, and a part of the answer
"""

import argparse
import asyncio
import base64
import collections
import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import time

PAUSE = 0.015
GIVEN_UP = 90  # seconds after which a run is killed; --max-time comes first


def answer(request):
    """What the application says to a line: 1000 bytes of text."""
    text = b""
    while len(text) < 999:
        text += hashlib.sha256(request + text).hexdigest().encode()
    return text[:999] + b"\n"


REQUEST = b"x" * 40 + b" what the sweep asks for, and the end of the line " + b"y" * 9 + b"\n"


async def application(reader, writer):
    with contextlib.suppress(OSError):
        line = await reader.readline()
        if line.endswith(b"\n"):
            text = answer(line)
            writer.write(text[:500])
            await asyncio.sleep(PAUSE)
            writer.write(text[500:])
            await writer.drain()
            await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def serve_application(port_file):
    server = await asyncio.start_server(application, "127.0.0.1", 0, backlog=128)
    with open(port_file, "w", encoding="ascii") as file:
        print(server.sockets[0].getsockname()[1], file=file)
    await server.serve_forever()


class Messages:
    """Follows the HTTP messages of one direction, all with a Content-Length: which are whole."""

    def __init__(self):
        self.bytes = bytearray()
        self.bodies = []

    def feed(self, data):
        self.bytes += data
        while True:
            head = self.bytes.find(b"\r\n\r\n")
            if head < 0:
                return
            length = re.search(rb"\r\ncontent-length: *(\d+)", self.bytes[:head].lower())
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self.bytes) < end:
                return
            self.bodies.append(bytes(self.bytes[head + 4:end]))
            del self.bytes[:end]


def carries(body):
    """Whether TLS bytes are in a body; false for a poll."""
    if body.startswith(b"{"):
        return bool(base64.b64decode(json.loads(body).get("records", "")))
    return bool(body)


class Relay:
    """Relays one run's connections; the first is cut."""

    def __init__(self, options, position, kind):
        self.options = options
        self.position = position
        self.kind = kind
        self.connections = 0
        self.counts = {"up": 0, "down": 0}
        self.messages = {"up": Messages(), "down": Messages()}
        self.cut_at = None
        self.tasks = set()

    def connected(self, reader, writer):
        task = asyncio.create_task(self.relay(reader, writer))
        self.tasks.add(task)

    async def relay(self, reader, writer):
        self.connections += 1
        first = self.connections == 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.options.to)
        except OSError:
            writer.close()
            return
        cut = asyncio.Event() if first else None
        if first and self.position == 0:
            self.cut_now(cut)
        pumps = [
            asyncio.create_task(self.pump("up", reader, far_writer, cut)),
            asyncio.create_task(self.pump("down", far_reader, writer, cut)),
        ]
        ended = asyncio.create_task(cut.wait()) if first else None
        try:
            await asyncio.wait(pumps + ([ended] if first else []), return_when=asyncio.FIRST_COMPLETED)
            if first and cut.is_set() and self.kind == "rst":
                for end in (writer, far_writer):
                    with contextlib.suppress(OSError):
                        end.get_extra_info("socket").setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.transport.abort()
            elif first and cut.is_set():
                for end in (writer, far_writer):
                    with contextlib.suppress(OSError):
                        end.write_eof()
                await asyncio.wait(pumps, timeout=GIVEN_UP)
        finally:
            for task in pumps + ([ended] if first else []):
                task.cancel()
            for end in (writer, far_writer):
                end.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()

    def cut_now(self, cut):
        self.cut_at = time.monotonic()
        cut.set()

    async def pump(self, direction, reader, writer, cut):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if cut is None:
                    writer.write(data)
                    continue
                if cut.is_set():
                    continue
                if direction == self.options.direction and self.position is not None:
                    data = data[:self.position - self.counts[direction]]
                self.counts[direction] += len(data)
                self.messages[direction].feed(data)
                writer.write(data)
                if direction == self.options.direction and self.counts[direction] == self.position:
                    self.cut_now(cut)

    def state(self):
        """What the cut hit: "opening", "poll" (asked, and not answered) or "other"."""
        asked, answered = self.messages["up"].bodies, self.messages["down"].bodies
        if self.cut_at is None:
            return "uncut"
        if not answered:
            return "opening"
        if len(asked) > len(answered) and not carries(asked[-1]):
            return "poll"
        return "other"


def judge(relay, code, output, said):
    """What is wrong with a run, or none."""
    state, expected = relay.state(), answer(REQUEST)
    lines = said.decode(errors="replace").splitlines()
    if "--max-time" in said.decode(errors="replace"):
        return "it hung"
    if any(not line.startswith(("atls-client: ", "hint: ")) for line in lines):
        return "strange words"
    if code == 0:
        if state == "opening":
            return "success without an answer"
        if output != expected:
            return "success with a wrong output"
        return "complaints about a success" if lines else None
    if not lines or not expected.startswith(output):
        return "no error line" if not lines else "a wrong output"
    if state == "opening":
        again = relay.connections > 1
        return "it tried again" if again else None if code == 3 and not output else "not exit 3 alone"
    if state == "poll" and code in (4, 5):
        return None
    return "it could have been mended"


async def run_client(options, relay):
    server = await asyncio.start_server(relay.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with open(options.request, "rb") as request:
        process = await asyncio.create_subprocess_exec(
            *options.client, f"http://127.0.0.1:{port}", stdin=request,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        output, said = await asyncio.wait_for(process.communicate(), GIVEN_UP)
    except asyncio.TimeoutError:
        process.kill()
        output, said = await process.communicate()
        said += b"killed: --max-time was over and it lived\n"
    server.close()
    ended = time.monotonic()
    for task in relay.tasks:
        task.cancel()
    await asyncio.gather(*relay.tasks, return_exceptions=True)
    return process.returncode, output, said, ended


async def one(options, position, kind, totals):
    relay = Relay(options, position, kind)
    began = time.monotonic()
    code, output, said, ended = await run_client(options, relay)
    wrong = judge(relay, code, output, said)
    totals[f"exit {code}"] += 1
    totals[relay.state()] += 1
    if wrong:
        totals["wrong"] += 1
        print(f"{options.direction} byte {position} ({kind}): {wrong}: exit {code} after "
              f"{ended - began:.1f} s, {len(output)} bytes, cut in '{relay.state()}' with "
              f"{relay.counts['up']} up and {relay.counts['down']} down: {said.decode(errors='replace').strip()!r}",
              flush=True)
    return relay


async def sweep(options):
    with contextlib.suppress(AttributeError):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    with open(options.request, "wb") as file:
        file.write(REQUEST)
    totals, whole = collections.Counter(), []
    for _ in range(3):
        whole.append((await one(options, None, "none", totals)).counts[options.direction])
    if totals["wrong"]:
        return 1
    totals.clear()
    # A few more than the longest run had: another poll may come.
    positions = iter(range(options.offset, max(whole) + 1, options.stride))

    async def worker():
        for position in positions:
            kind = options.kind or ("fin", "rst")[position // options.stride % 2]
            # The last bytes are those of a poll that not every run needs.
            for _ in range(3):
                if (await one(options, position, kind, totals)).cut_at:
                    break
            if totals["wrong"] >= options.enough:
                return

    began = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(options.parallel)))
    runs = sum(count for name, count in totals.items() if name.startswith("exit"))
    print(f"{runs} cuts in {max(whole)} bytes {options.direction}, {time.monotonic() - began:.0f} s:",
          ", ".join(f"{name}: {count}" for name, count in sorted(totals.items())))
    return 1 if totals["wrong"] or not runs else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="what", required=True)
    app = kinds.add_parser("app")
    app.add_argument("--port-file", required=True)
    run = kinds.add_parser("sweep")
    run.add_argument("--to", type=int, required=True)
    run.add_argument("--direction", choices=("up", "down"), required=True)
    run.add_argument("--kind", choices=("fin", "rst"))
    run.add_argument("--request", required=True, help="file to write the request to")
    run.add_argument("--parallel", type=int, default=12)
    run.add_argument("--stride", type=int, default=1)
    run.add_argument("--offset", type=int, default=0)
    run.add_argument("--enough", type=int, default=10, help="wrong runs after which to stop")
    run.add_argument("client", nargs="+")
    options = parser.parse_args()
    if options.what == "app":
        return asyncio.run(serve_application(options.port_file))
    return asyncio.run(sweep(options))


if __name__ == "__main__":
    sys.exit(main())
