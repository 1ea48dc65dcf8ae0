#!/usr/bin/env python3
"""rfc8448_pcap.py PCAP FOLDER...: the example handshakes of RFC 8448, as in tests/data/rfc8448, as the
packets of a connection each."""
import sys

from record_tls import Pcap


def main():
    for number, folder in enumerate(sys.argv[2:]):
        streams = []
        for name in ("client", "server"):
            with open(f"{folder}/{name}.bin", "rb") as file:
                streams.append(file.read())
        pcap = Pcap(sys.argv[1], 40000 + number, 443)
        for side, flags in ((0, 2), (1, 0x12), (0, 0x10)):
            pcap.packet(side, flags)
        with open(f"{folder}/segments", encoding="ascii") as segments:
            for line in segments:
                side, offset, length = line.split()
                pcap.data("cs".index(side), streams["cs".index(side)][int(offset):][:int(length)])
        pcap.packet(0, 0x11)
        pcap.packet(1, 0x11)
        pcap.file.close()


main()
