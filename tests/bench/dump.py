#!/usr/bin/env python3
"""dump.py: how fast atls-dump reads, beside ssldump and tshark: the same bytes, one run, medians of
rounds in turn. BENCH_DUMP_ROUNDS (5), BENCH_DUMP_MIB (256); needs bin/atls-dump built.

A time is the CPU time of the whole program, user and system, its output thrown away: on a machine
that does other work the time on the clock says more of that. All read a pcap of packets as on a wire; "bodies" is atls-dump
on the TLS bytes alone, which the other two cannot read. tshark, which takes minutes for what the
others do in a second, reads once, and a small part of the same. The last columns are what atls-dump
does, with pcap and without, beside the better of the other two."""
import os
import resource
import shutil
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile

ROUNDS = int(os.environ.get("BENCH_DUMP_ROUNDS", "5"))
MIB = int(os.environ.get("BENCH_DUMP_MIB", "256"))
TOOL = os.environ.get("ATLS_BIN", "bin") + "/atls-dump"
PORT = 443
SEGMENT = 1448  # bytes that a packet carries, as on a wire
PART = 16  # tshark reads one PART-th, where there is a file of it
SEALED = MIB // 8


class Pcap:
    """Packets on Ethernet, which all three read; a connection is opened, says things and is closed."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.time = 0

    def packet(self, client, side, seq, ack, flags, data=b""):
        address, port = client
        ends = [(address, port), (0x0A000001, PORT)]
        (src, sport), (dst, dport) = ends if side == 0 else ends[::-1]
        tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 80,
                          flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, src, dst)
        self.time += 10
        self.file.write(struct.pack("<IIII", self.time // 1000000, self.time % 1000000,
                                    54 + len(data), 54 + len(data)))
        self.file.write(bytes(12) + b"\x08\0" + ip + tcp + data)

    def connection(self, client, said):
        seq = [1, 1]
        self.packet(client, 0, 0, 0, 2)
        self.packet(client, 1, 0, 1, 0x12)
        self.packet(client, 0, 1, 1, 0x10)
        for side, data in said:
            for at in range(0, len(data), SEGMENT):
                part = data[at:at + SEGMENT]
                self.packet(client, side, seq[side], seq[1 - side], 0x18, part)
                seq[side] += len(part)
        self.packet(client, 0, seq[0], seq[1], 0x11)
        self.packet(client, 1, seq[1], seq[0] + 1, 0x11)
        self.packet(client, 0, seq[0] + 1, seq[1] + 1, 0x10)
        return self


def pump(context, server_context, sent, directory):
    """A TLS session in memory: what each side said, in order."""
    keys = os.path.join(directory, "keys")
    context.keylog_filename = keys
    c_in, c_out, s_in, s_out = (ssl.MemoryBIO() for _ in range(4))
    client = context.wrap_bio(c_in, c_out, server_hostname="service.example.com")
    server = server_context.wrap_bio(s_in, s_out, server_side=True)
    said, done = [], [False, False]

    def move(side, source, dest):
        data = source.read()
        if data:
            said.append((side, data))
            dest.write(data)

    while not all(done):
        for i, end in enumerate((client, server)):
            if not done[i]:
                try:
                    end.do_handshake()
                    done[i] = True
                except ssl.SSLWantReadError:
                    pass
            move(i, (c_out, s_out)[i], (s_in, c_in)[i])
    block = bytes(range(256)) * 64
    for _ in range(max(sent // len(block), 1)):
        server.write(block[:sent])
        move(1, s_out, c_in)
        client.read(len(block))
    return said, keys


def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    directory = tempfile.mkdtemp()
    try:
        run(directory)
    finally:
        shutil.rmtree(directory)


def hello(context):
    c_in, c_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(c_in, c_out, server_hostname="service.example.com")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return c_out.read()


def run(directory):
    def path(name):
        return os.path.join(directory, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                    "-keyout", path("key.pem"), "-out", path("cert.pem")],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path("cert.pem"), path("key.pem"))
    greeting = hello(context)
    short, keys = pump(context, server, 100, directory)
    sealed, keys = pump(context, server, SEALED << 20, directory)
    client = (0x0A000002, 40000)

    def stream(name, record, count):
        for end, many in (("", count), (".part", count // PART)):
            said = [(0, greeting)] + [(0, record * 16)] * (many // 16)
            Pcap(path(name + end)).connection(client, said).file.close()
        write(name, [(0, greeting)] + [(0, record * 16)] * (count // 16))

    def greetings(name, count):
        pcap = Pcap(path(name))
        for i in range(count):
            pcap.connection((0x0A010000 + i // 30000, 20000 + i % 30000), [(0, greeting)])
        pcap.file.close()

    def write(name, said):
        with open(path(name) + ".tls", "wb") as out:
            for _, data in said:
                out.write(data)
    stream("large", b"\x17\3\3\x40\0" + os.urandom(16384), MIB * 64)
    stream("small", b"\x17\3\3\0\x64" + os.urandom(100), MIB * 4096)
    hellos = MIB * 400
    greetings("hellos", hellos)
    greetings("hellos.part", hellos // PART)
    write("hellos", [(0, greeting)] * hellos)
    for name, said in (("short", short), ("sealed", sealed)):
        Pcap(path(name)).connection(client, said).file.close()
        write(name, said)
    tls = ["-d", f"tcp.port=={PORT},tls"]
    works = [
        ("16 KiB records, headers", MIB, "MiB/s", "large",
         [TOOL], ["ssldump", "-n", "-r"],
         ["tshark", "-n", *tls, "-T", "fields", "-e", "tls.record.length", "-r"]),
        ("100 byte records", MIB * 4096, "/s", "small",
         [TOOL], ["ssldump", "-n", "-r"],
         ["tshark", "-n", *tls, "-T", "fields", "-e", "tls.record.length", "-r"]),
        ("ClientHellos to JSON", hellos, "/s", "hellos",
         [TOOL, "--json"], ["ssldump", "-n", "-j", "-r"],
         ["tshark", "-n", *tls, "-T", "json", "-r"]),
        ("TLS 1.3 decrypted", SEALED, "MiB/s", "sealed",
         [TOOL, "--keylog", keys], None,
         ["tshark", "-n", *tls, "-o", f"tls.keylog_file:{keys}", "-T", "fields", "-e",
          "tls.record.opaque_type", "-r"]),
        ("a short session", 1, "/s", "short",
         [TOOL], ["ssldump", "-n", "-r"], ["tshark", "-n", *tls, "-r"]),
    ]
    names = ["atls-dump", "ssldump", "tshark", "bodies"]
    times = {}
    for round_ in range(ROUNDS):
        print(f"round {round_ + 1} of {ROUNDS}", file=sys.stderr)
        for work, _, _, file, *commands in works:
            for name, command in zip(names, [*commands, commands[0]]):
                if not command or not shutil.which(command[0]):
                    continue
                if name != "tshark":
                    end = ".tls" if name == "bodies" else ""
                    taken = cpu([*command, path(file + end)])
                elif round_ > 0:
                    continue
                elif os.path.exists(path(file + ".part")):
                    taken = cpu([*command, path(file + ".part")]) * PART
                else:
                    taken = cpu([*command, path(file)])
                times.setdefault((work, name), []).append(taken)
    print(f"{'work':26}" + "".join(f"{name:>14}" for name in names) + "  ratios")
    for work, amount, unit, *_ in works:
        rates = [amount / max(statistics.median(times[work, name]), 0.001)
                 if (work, name) in times else 0 for name in names]
        best = max(rates[1:3])
        print(f"{work:26}" + "".join(f"{rate:>14,.0f}" if rate else f"{'-':>14}"
                                     for rate in rates)
              + (f"{rates[0] / best:8.1f}{rates[3] / best:8.1f}" if best else 2 * "       -")
              + f"  {unit}")


main()
