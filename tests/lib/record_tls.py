#!/usr/bin/env python3
"""record_tls.py PORT_FILE TARGET_PORT PCAP [COUNT]: relays one connection, or COUNT one after the other,
to TARGET_PORT of this machine, and adds them to PCAP as the packets of TCP connections, in the order
and at the times of the reads."""
import os
import selectors
import socket
import struct
import sys
import time


class Pcap:
    def __init__(self, path, client_port, server_port):
        new = not os.path.exists(path) or os.path.getsize(path) == 0
        self.file = open(path, "ab")
        self.ports = (client_port, server_port)
        self.seq = [1000, 5000]
        if new:  # little endian, microseconds, raw IP
            self.file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))

    def packet(self, side, flags, data=b""):
        source, dest = self.ports if side == 0 else self.ports[::-1]
        tcp = struct.pack(">HHIIBBHHH", source, dest, self.seq[side], self.seq[1 - side],
                          5 << 4, flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0,
                         bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1]))
        now = time.time_ns() // 1000
        raw = ip + tcp + data
        self.file.write(struct.pack("<IIII", now // 1000000, now % 1000000, len(raw), len(raw)))
        self.file.write(raw)
        self.seq[side] += len(data) + (1 if flags & 3 else 0)

    def data(self, side, data):
        for at in range(0, len(data), 16000):
            self.packet(side, 0x18, data[at:at + 16000])


def main():
    port_file, target, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    listener = socket.create_server(("127.0.0.1", 0))
    with open(port_file + ".new", "w") as file:
        file.write(f"{listener.getsockname()[1]}\n")
    os.rename(port_file + ".new", port_file)
    for _ in range(int(sys.argv[4]) if len(sys.argv) > 4 else 1):
        relay(listener, target, path)


def relay(listener, target, path):
    client, address = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    pcap = Pcap(path, address[1], target)
    pcap.packet(0, 2)
    pcap.packet(1, 0x12)
    pcap.packet(0, 0x10)
    selector = selectors.DefaultSelector()
    selector.register(client, selectors.EVENT_READ, (0, server))
    selector.register(server, selectors.EVENT_READ, (1, client))
    while selector.get_map():
        for key, _ in selector.select():
            side, other = key.data
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b""
            if data:
                pcap.data(side, data)
            else:
                pcap.packet(side, 0x11)
                selector.unregister(key.fileobj)
            try:
                if data:
                    other.sendall(data)
                else:
                    other.shutdown(socket.SHUT_WR)
            except OSError:
                pass
    pcap.file.close()
    client.close()
    server.close()


if __name__ == "__main__":
    main()
