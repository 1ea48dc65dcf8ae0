#!/usr/bin/python3
"""A service on ordinary TLS in front of a backend, for atls-client --direct; or, with --how, what
stands in its place. A line on standard output for each connection tells how many bytes of the
application came, and what became of it.

  silence     takes connections, and says nothing
  reset       resets each connection
  stall       resets it after the ClientHello
  garbage     answers with no TLS
  portal      answers with a captive portal's page
  mute        sends its part of the handshake but for the last message's last byte
  forge       the same, with that byte altered: the handshake fails at its very end
  truncate    ends after the backend's answer without close_notify
  cut         resets a session when the first bytes of the application have come
"""

import argparse
import socket
import ssl
import struct
import sys
import threading

PORTAL = (b"HTTP/1.1 302 Found\r\nLocation: http://portal.test/\r\nContent-Type: text/html\r\n"
          b"Connection: close\r\n\r\n<html><body>Log in</body></html>")


def reset(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


class Session:
    """TLS over memory, so that both directions may run at a time."""

    def __init__(self, link, context, how):
        self.link, self.how = link, how
        self.spoils = how in ("forge", "mute")
        self.one_flight = context.minimum_version == ssl.TLSVersion.TLSv1_3
        self.incoming, self.outgoing, self.lock = ssl.MemoryBIO(), ssl.MemoryBIO(), threading.Lock()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.received = 0

    def flush(self, spoil=False):
        data = self.outgoing.read()
        if spoil and data:
            last = bytes([data[-1] ^ 1]) if self.how == "forge" else b""
            data = data[:-1] + last
        if data:
            self.link.sendall(data)

    def more(self):
        data = self.link.recv(65536)
        if not data:
            self.incoming.write_eof()
        self.incoming.write(data)
        return bool(data)

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                self.flush(self.spoils and not self.one_flight)
                return
            except ssl.SSLWantReadError:
                # In TLS 1.3 the server's last message is out before the client's.
                self.flush(self.spoils and self.one_flight)
                if not self.more():
                    raise ConnectionError("closed amid the handshake") from None
            except ssl.SSLError:
                self.flush()
                raise

    def read(self):
        """Bytes; empty at close_notify."""
        while True:
            with self.lock:
                try:
                    data = self.tls.read(65536)
                    self.received += len(data)
                    return data
                except ssl.SSLZeroReturnError:
                    return b""
                except ssl.SSLWantReadError:
                    self.flush()
            if not self.more():
                raise ConnectionError("truncated")

    def write(self, data):
        with self.lock:
            self.tls.write(data)
            self.flush()

    def close(self):
        with self.lock:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self.flush()


def to_backend(session, backend, link, how, fate):
    try:
        while data := session.read():
            if how == "cut":
                reset(link)
                return
            backend.sendall(data)
        backend.shutdown(socket.SHUT_WR)
    except OSError as error:
        fate.append(str(error))
        backend.shutdown(socket.SHUT_RDWR)


def serve(link, context, options):
    session, fate = Session(link, context, options.how), []
    try:
        session.handshake()
        backend = socket.create_connection(options.backend.rsplit(":", 1))
        other = threading.Thread(target=to_backend, args=(session, backend, link, options.how, fate), daemon=True)
        other.start()
        while data := backend.recv(65536):
            session.write(data)
        if options.how == "truncate":
            link.shutdown(socket.SHUT_WR)
        else:
            session.close()
        other.join()
    except OSError as error:
        fate.append(str(error))
    finally:
        link.close()
    tell(session.received, f"{session.tls.version()}: {', '.join(fate) or 'ended'}")


def tell(received, fate):
    print(f"{received} bytes of the application, {fate}", flush=True)


def hostile(link, how):
    link.settimeout(30)
    try:
        if how == "reset":
            reset(link)
        elif how == "stall":
            link.recv(65536)
            reset(link)
        elif how == "silence":
            while link.recv(65536):
                pass
        else:
            link.recv(65536)
            link.sendall(PORTAL if how == "portal" else b"SSH-2.0-none of TLS\r\n")
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass
    except OSError:
        pass
    finally:
        link.close()
    tell(0, how)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--backend")
    parser.add_argument("--clients", help="ask for certificates of this CA")
    parser.add_argument("--tls", choices=["1.2", "1.3"], default="1.3")
    parser.add_argument("--how", default="serve")
    parser.add_argument("--port-file", required=True)
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        version = ssl.TLSVersion.TLSv1_2 if options.tls == "1.2" else ssl.TLSVersion.TLSv1_3
        context.minimum_version = context.maximum_version = version
        if options.clients:
            context.load_verify_locations(options.clients)
            context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    with open(options.port_file, "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    while True:
        link = listener.accept()[0]
        if context:
            threading.Thread(target=serve, args=(link, context, options), daemon=True).start()
        else:
            threading.Thread(target=hostile, args=(link, options.how), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
