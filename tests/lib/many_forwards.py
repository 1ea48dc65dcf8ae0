#!/usr/bin/python3
"""many_forwards.py PORT COUNT: COUNT connections at once to an echo on PORT. One of them says 16 MiB and
reads nothing, with hardly a buffer, until all others are done, each with some small talk and a MiB back and
forth; then it reads all that it is owed. Tells at its end how it went, one line."""

import hashlib
import random
import socket
import sys
import threading

BULK, OTHERS, WORDS = 16 << 20, 1 << 20, 20
WAIT_S = 60


def connect(port, buffer=None):
    link = socket.socket()
    link.settimeout(WAIT_S)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    link.connect(("127.0.0.1", port))
    return link


def say_all(link, data):
    link.sendall(data)
    link.shutdown(socket.SHUT_WR)


def hear_all(link, head=b""):
    digest, size = hashlib.sha256(head), len(head)
    while data := link.recv(1 << 16):
        digest.update(data)
        size += len(data)
    return size, digest.digest()


def is_echoed(link, data):
    other = threading.Thread(target=say_all, args=(link, data))
    other.start()
    heard = hear_all(link)
    other.join()
    return heard == (len(data), hashlib.sha256(data).digest())


def talk(port, seed, done):
    with connect(port) as link:
        for number in range(WORDS):
            word = b"%d of %d\n" % (number, seed)
            link.sendall(word)
            if link.recv(len(word), socket.MSG_WAITALL) != word:
                return
        done[seed] = is_echoed(link, random.Random(seed).randbytes(OTHERS))


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    done = {}
    bulk = random.Random(count).randbytes(BULK)
    with connect(port, 65536) as slow:
        writer = threading.Thread(target=say_all, args=(slow, bulk))
        writer.start()
        others = [threading.Thread(target=talk, args=(port, seed, done)) for seed in range(count - 1)]
        for other in others:
            other.start()
        for other in others:
            other.join()
        heard = hear_all(slow)
        writer.join()
    right = heard == (BULK, hashlib.sha256(bulk).digest())
    print(f"{sum(done.values())} of {count - 1} echoed, and the one that did not read {'has all' if right else 'lacks something'}")


main()
