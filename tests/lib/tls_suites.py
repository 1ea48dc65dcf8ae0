#!/usr/bin/env python3
"""tls_suites.py DIR CERTS: sessions of each cipher suite, group and kind of key that this machine's
openssl and gnutls have, with clients and servers of either. DIR/suites.pcap has their packets,
DIR/keys is the keylog, DIR/suites.tsv says of each session, in order: its name, the suite that it
was to have, or -, and what client and server said, in hexadecimal.

CERTS has rsa, ecdsa, dsa, p384, p521, ed25519, ed448 and pss as NAME.pem and NAME.key."""
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

from record_tls import Pcap

PSK = "0123456789abcdef0123456789abcdef"
WAIT = 20  # seconds, at most
DIR, CERTS = sys.argv[1:]
PROCESSES = []


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def text_of(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Server:
    """One that is there for many clients, one after the other."""

    def __init__(self, name, command, echo):
        self.name, self.echo, self.port = name, echo, free_port()
        self.log = f"{DIR}/suites-{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [part.replace("PORT", str(self.port)) for part in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        PROCESSES.append(self.process)
        end = time.monotonic() + WAIT
        while not self.listens():
            if time.monotonic() > end or self.process.poll() is not None:
                sys.exit(f"{name} does not listen: {open(self.log, errors='replace').read()}")
            time.sleep(0.02)

    def listens(self):
        with open("/proc/net/tcp") as tcp, open("/proc/net/tcp6") as tcp6:
            return re.search(rf":{self.port:04X} 0+:0000 0A ", tcp.read() + tcp6.read()) is not None


def converse(number, name, server, command):
    """One session: the client says "hello NAME", hears the answer, and ends. What both said."""
    said = b"hello " + name.encode() + b"\n"
    answer = said if server.echo else said[:-1][::-1] + b"\n"
    listener = socket.create_server(("127.0.0.1", 0))
    port = str(listener.getsockname()[1])
    with open(f"{DIR}/suites-client.err", "wb") as err:
        process = subprocess.Popen(
            [part.replace("PORT", port) for part in command], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=err, env=dict(os.environ, SSLKEYLOGFILE=f"{DIR}/keys"))
    process.stdin.write(said)
    process.stdin.flush()
    output, end, told = b"", time.monotonic() + WAIT, False
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, "listener")
    selector.register(process.stdout, selectors.EVENT_READ, "output")
    pcap, open_sides = None, 2
    while selector.get_map() and (open_sides or not told) and time.monotonic() < end:
        for key, _ in selector.select(1):
            if key.data == "listener":
                client, _ = listener.accept()
                upstream = socket.create_connection(("127.0.0.1", server.port))
                pcap = Pcap(f"{DIR}/suites.pcap", 10000 + number, server.port)
                for side, flags in ((0, 2), (1, 0x12), (0, 0x10)):
                    pcap.packet(side, flags)
                selector.unregister(listener)
                selector.register(client, selectors.EVENT_READ, (0, upstream))
                selector.register(upstream, selectors.EVENT_READ, (1, client))
            elif key.data == "output":
                data = os.read(process.stdout.fileno(), 65536)
                output += data
                if not data:
                    selector.unregister(process.stdout)
                    told = True
                if not told and answer in output:
                    told = True
                    process.stdin.close()
            else:
                open_sides -= not pass_on(selector, key, pcap)
    if time.monotonic() >= end:
        process.kill()
    process.wait()
    pcap.file.close()
    # gnutls-cli 3.7.9 ends so where it would print of (EC)DHE-PSK, when the handshake is done.
    if process.returncode == -signal.SIGSEGV and "DHE_PSK" in name:
        return b"", b""
    if answer not in output:
        with open(f"{DIR}/suites-client.err", errors="replace") as err:
            print(f"{name}: {' '.join(command)}\n{err.read()}{output.decode(errors='replace')}",
                  file=sys.stderr)
        return None
    return said, answer


def pass_on(selector, key, pcap):
    """From one side to the other; false at its end."""
    side, other = key.data
    try:
        data = key.fileobj.recv(65536)
    except OSError:
        data = b""
    try:
        if data:
            pcap.data(side, data)
            other.sendall(data)
            return True
        pcap.packet(side, 0x11)
        selector.unregister(key.fileobj)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    return bool(data)


def host(name):
    return re.sub("[^a-z0-9]+", "-", name.lower()) + ".example"


# ---- openssl ------------------------------------------------------------------------------------

ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def s_server(name, cert, *options):
    return Server(name, ["openssl", "s_server", "-quiet", "-rev", "-accept", "127.0.0.1:PORT",
                         "-cert", f"{CERTS}/{cert}.pem", "-key", f"{CERTS}/{cert}.key",
                         "-cipher", ALL, "-psk", PSK, *options], False)


def s_client(name, *options):
    return ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", host(name),
            "-keylogfile", f"{DIR}/keys", *options]


def openssl_suites():
    """Name, name in the registry, and version of each that a client can ask for. Not of SRP: for
    -srpuser of s_client 3.0.19, s_server looks for a user of another, random name. GnuTLS has them."""
    lines = text_of(["openssl", "ciphers", "-s", "-stdname", "-psk", ALL]).splitlines()
    for line in lines:
        standard, _, name, version = line.split()[:4]
        yield name, standard, version


def openssl_sessions(gnutls):
    both = s_server("both", "rsa", "-dcert", f"{CERTS}/ecdsa.pem", "-dkey", f"{CERTS}/ecdsa.key",
                    "-groups", "X25519:X448:P-256:P-384:P-521:ffdhe2048:"
                    "ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192", "-ciphersuites",
                    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
                    "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256")
    dsa = s_server("dsa", "dsa")
    for name, standard, version in openssl_suites():
        server = dsa if "DSS" in name else both
        if version == "TLSv1.3":
            options = ["-tls1_3", "-ciphersuites", name]
        else:
            options = ["-tls1_2", "-cipher", name + ":@SECLEVEL=0"]
        if "PSK" in name:
            options += ["-psk", PSK]
        yield f"o-{name}", standard, server, s_client(f"o-{name}", *options)
        if "DHE-PSK" in name and "ARIA" not in name:
            yield f"og-{name}", standard, gnutls[0], s_client(f"og-{name}", *options)
    for suite in ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
        yield f"o-{suite}", suite, both, s_client(f"o-{suite}", "-tls1_3", "-ciphersuites", suite)
    for group in ("X25519", "X448", "P-256", "P-384", "P-521", "ffdhe2048", "ffdhe3072",
                  "ffdhe4096", "ffdhe6144", "ffdhe8192"):
        yield f"o13-{group}", "-", both, s_client(group, "-tls1_3", "-groups", group)
        if group[0] in "XP":
            yield f"o12-{group}", "-", both, s_client(group, "-tls1_2", "-groups", group)
    # One's client with the other's server.
    for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3"):
        name = f"o-g{version}"
        server = gnutls[version == "-tls1_3"]
        yield name, "-", server, s_client(name, version, "-cipher", "ALL:@SECLEVEL=0")
    for version in ("1.0", "1.1", "1.2", "1.3"):
        name = f"g-o{version}"
        yield name, "-", both, gnutls_cli(name, f"NORMAL:-VERS-ALL:+VERS-TLS{version}")
    for version in ("-tls1", "-tls1_1"):
        for suite in ("AES128-SHA", "ECDHE-RSA-AES256-SHA", "DHE-RSA-CAMELLIA128-SHA"):
            name = f"o{version}-{suite}"
            yield name, "-", both, s_client(name, version, "-cipher", suite + ":@SECLEVEL=0")
    for cert in ("p384", "p521", "ed25519", "ed448", "pss"):
        server = s_server(cert, cert, "-Verify", "1")
        for version in ("-tls1_2", "-tls1_3"):
            name = f"o{version}-{cert}"
            yield name, "-", server, s_client(name, version, "-cert", f"{CERTS}/{cert}.pem", "-key",
                                              f"{CERTS}/{cert}.key")


# ---- GnuTLS -------------------------------------------------------------------------------------

KEY_EXCHANGES = ("ECDHE_ECDSA", "ECDHE_RSA", "ECDHE_PSK", "DHE_RSA", "DHE_DSS", "DHE_PSK",
                 "RSA_PSK", "RSA", "PSK", "SRP_SHA_RSA", "SRP_SHA_DSS", "SRP_SHA", "DH_ANON",
                 "ECDH_ANON")
REST = "+SIGN-ALL:+SIGN-DSA-SHA256:+SIGN-DSA-SHA1:+GROUP-ALL:+COMP-NULL:+CTYPE-X509"


def priority_of(kx):
    return {"SRP_SHA": "SRP", "SRP_SHA_RSA": "SRP-RSA", "SRP_SHA_DSS": "SRP-DSS",
            "DH_ANON": "ANON-DH", "ECDH_ANON": "ANON-ECDH"}.get(kx, kx.replace("_", "-"))


def gnutls_suites():
    """Name, number and priority of each that is not of GOST."""
    for line in text_of(["gnutls-cli", "--list"]).splitlines():
        found = re.match(r"TLS_(\w+)\s+0x(\w\w), 0x(\w\w)\s+TLS(\S+)", line)
        if not found or "GOST" in line:
            continue
        name, number, version = found[1], found[2] + found[3], found[4]
        kx = next((f"{kx}_" for kx in KEY_EXCHANGES if name.startswith(f"{kx}_")), "")
        rest = name[len(kx):].replace("3DES_EDE", "3DES")
        mac = re.search("_(SHA1|SHA256|SHA384|MD5)$", rest)
        cipher = rest[:mac.start()] if mac else rest
        mac = mac[1] if mac and not re.search("GCM|CCM|POLY1305", cipher) else "AEAD"
        kxs = f":+{priority_of(kx[:-1])}" if kx else ":+ECDHE-RSA"
        wanted = "1.2" if version == "1.0" else version
        yield name, number, (f"NONE:+VERS-TLS{wanted}{kxs}:+{cipher.replace('_', '-')}:+{mac}:"
                             f"{REST}")


def gnutls_serv(name, priority, *options):
    return Server(name, ["gnutls-serv", "-q", "--echo", "-p", "PORT", "--priority", priority, *options],
                  True)


def gnutls_cli(name, priority, *options):
    return ["gnutls-cli", "--insecure", "-p", "PORT", "--priority", priority, "--sni-hostname",
            host(name), *options, "127.0.0.1"]


def gnutls_servers():
    subprocess.run(["srptool", "--create-conf", f"{DIR}/srp.conf"], check=True, capture_output=True)
    with open(f"{DIR}/srp", "w"):
        pass
    subprocess.run(["srptool", "-u", "user", "-p", f"{DIR}/srp", "-v", f"{DIR}/srp.conf", "-i", "3"],
                   input="secret\nsecret\n", text=True, check=True, capture_output=True,
                   start_new_session=True)
    with open(f"{DIR}/psk", "w") as file:
        print(f"Client_identity:{PSK}", file=file)
    kxs = ":".join(f"+{priority_of(kx)}" for kx in KEY_EXCHANGES)
    ciphers = sorted({part for *_, priority in gnutls_suites() for part in priority.split(":")
                      if re.match(r"\+(AES|3DES|ARC|CAM|CHA|NULL)", part)})
    options = []
    for cert in ("rsa", "ecdsa", "dsa"):
        options += ["--x509certfile", f"{CERTS}/{cert}.pem", "--x509keyfile", f"{CERTS}/{cert}.key"]
    suites = f"{':'.join(ciphers)}:+AEAD:+SHA1:+SHA256:+SHA384:+MD5:{REST}"
    return [gnutls_serv("gnutls", f"NONE:+VERS-ALL:{kxs}:{suites}", *options, "--srppasswd",
                        f"{DIR}/srp", "--srppasswdconf", f"{DIR}/srp.conf", "--pskpasswd",
                        f"{DIR}/psk"),
            # With the others beside, no key exchange is one of TLS 1.3 to it.
            gnutls_serv("gnutls13", "NORMAL:-VERS-ALL:+VERS-TLS1.3:+AES-128-CCM:+AES-128-CCM-8",
                        *options)]


def gnutls_sessions(servers):
    for name, number, priority in gnutls_suites():
        options = []
        if "PSK" in name:
            options = ["--pskusername", "Client_identity", "--pskkey", PSK]
        if "SRP" in name:
            options = ["--srpusername", "user", "--srppasswd", "secret"]
        server = servers["TLS1.3" in priority]
        yield f"g-{name}", number, server, gnutls_cli(name, priority, *options)


def main():
    sessions = 0
    failed = []
    with open(f"{DIR}/suites.tsv", "w") as table:
        gnutls = gnutls_servers()
        for name, suite, server, command in [*openssl_sessions(gnutls), *gnutls_sessions(gnutls)]:
            said = converse(sessions, name, server, command)
            sessions += 1
            if not said:
                failed.append(name)
                continue
            print(name, suite, said[0].hex(), said[1].hex(), sep="\t", file=table)
    print(f"{sessions} sessions, {len(failed)} failed: {' '.join(failed)}")
    return 1 if failed else 0


try:
    STATUS = main()
finally:
    for each in PROCESSES:
        each.send_signal(signal.SIGTERM)
    for each in PROCESSES:
        each.wait()
sys.exit(STATUS)
