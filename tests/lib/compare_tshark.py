#!/usr/bin/env python3
"""compare_tshark.py PCAP KEYLOG ATLS_DUMP: what tshark and atls-dump say of the TLS sessions in a
capture, field by field and connection by connection. Prints what differs, and ends with 1 if
anything does.

What tshark says otherwise without being right is listed at known().
"""
import json
import subprocess
import sys



def codes(items):
    return [item["code"] for item in items]


def extension(message, name):
    return [e for e in message.get("extensions", []) if e["type"]["name"] == name]


def listed(name, key):
    return lambda m: [c for e in extension(m, name) for c in codes(e.get(key, []))]


def shares(message):
    found = []
    for e in extension(message, "key_share"):
        for share in e.get("shares", []) + ([e["share"]] if "share" in e else []):
            found.append(share["group"]["code"])
    return found


HELLO = (1, 2, 6)
# Field of tshark: what atls-dump has for it, as a function of a message of the given types.
FIELDS = {
    "tls.handshake.version": (HELLO, lambda m: [m["version"]["code"]]),
    "tls.handshake.ciphersuite": (HELLO, lambda m: codes(m["cipher_suites"])
                                  if "cipher_suites" in m else [m["cipher_suite"]["code"]]),
    "tls.handshake.extension.type": ((1, 2, 6, 8, 13, 11, 4), lambda m: [
        e["type"]["code"] for e in m.get("extensions", [])
        + [x for c in m.get("certificates", []) for x in c.get("extensions", [])]]),
    "tls.handshake.extensions_supported_group": ((1, 8), listed("supported_groups", "groups")),
    "tls.handshake.extensions_ec_point_format": (HELLO, listed("ec_point_formats", "formats")),
    "tls.handshake.extensions_key_share_group": (HELLO, shares),
    "tls.handshake.extensions_key_share_selected_group": ((6,), lambda m: [
        e["selected_group"]["code"] for e in extension(m, "key_share")]),
    "tls.handshake.extensions_server_name": ((1,), lambda m: [
        n["name"] for e in extension(m, "server_name") for n in e.get("names", [])]),
    "tls.handshake.extensions_alpn_str": ((1, 2, 8), lambda m: [
        p for e in extension(m, "application_layer_protocol_negotiation") for p in e["protocols"]]),
    "tls.handshake.extensions.supported_version": (HELLO, lambda m: [
        v for e in extension(m, "supported_versions")
        for v in (codes(e["versions"]) if "versions" in e else [e["selected_version"]["code"]])]),
    "tls.handshake.sig_hash_alg": ((1, 12, 13, 15), lambda m: [
        c for e in extension(m, "signature_algorithms") + extension(m, "signature_algorithms_cert")
        for c in codes(e["algorithms"])]
        + (codes(m["signature_algorithms"]) if "signature_algorithms" in m else [])
        + ([m["algorithm"]["code"]] if "algorithm" in m else [])
        + ([m["signature"]["algorithm"]["code"]]
           if isinstance(m.get("signature"), dict) and "algorithm" in m["signature"] else [])),
    "tls.handshake.certificate_length": ((11,), lambda m: [
        c["size"] for c in m["certificates"]]),
    "x509af.serialNumber": ((11,), lambda m: [
        int(c["serial"], 16) for c in m["certificates"] if "serial" in c]),
    "tls.handshake.ja3": ((1,), lambda m: [m["ja3"]]),
    "tls.handshake.ja3s": ((2, 6), lambda m: [m["ja3s"]]),
    "tls.handshake.session_ticket_lifetime_hint": ((4,), lambda m: [m["lifetime"]]),
}
RECORDS = {
    "tls.record.content_type": lambda r: [r["type"]["code"]],
    "tls.record.length": lambda r: [r["length"]],
    "tls.handshake.type": lambda r: [2 if m["type"]["code"] == 6 else m["type"]["code"]
                                     for m in r.get("messages", [])],
    "tls.alert_message.desc": lambda r: [r["content"]["description"]["code"]]
    if "description" in r.get("content", {}) else [],
}


def number(text):
    text = text.strip()
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return text


def of_tshark(pcap, keylog):
    names = list(RECORDS) + list(FIELDS)
    command = ["tshark", "-r", pcap, "-o", f"tls.keylog_file:{keylog}", "-T", "fields",
               "-E", "occurrence=a", "-E", "aggregator=|", "-e", "tcp.stream"]
    for name in names:
        command += ["-e", name]
    told = {}
    # A connection is decoded as TLS whatever its port.
    ports = subprocess.run(["tshark", "-r", pcap, "-T", "fields", "-e", "tcp.dstport", "-Y",
                            "tcp.flags.syn==1 && tcp.flags.ack==0"],
                           capture_output=True, text=True, check=True).stdout.split()
    for port in sorted(set(ports)):
        command += ["-d", f"tcp.port=={port},tls"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        stream, *values = line.split("\t")
        for name, value in zip(names, values):
            if not value:
                continue
            parts = value.split("|")
            if name == "x509af.serialNumber":
                parts = [int(part.replace(":", "").removeprefix("0x"), 16) for part in parts]
            told.setdefault(int(stream), {}).setdefault(name, []).extend(
                part if isinstance(part, int) else number(part) for part in parts)
    return told


def of_dump(pcap, keylog, tool):
    result = subprocess.run([tool, "--json", "--keylog", keylog, pcap], capture_output=True,
                            text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"atls-dump ended with {result.returncode}: {result.stderr}")
    told, flows = {}, {}
    for line in result.stdout.splitlines():
        record = json.loads(line)
        stream = flows.setdefault(record["flow"], int(record["flow"]) - 1)
        fields = told.setdefault(stream, {})
        for name, get in RECORDS.items():
            fields.setdefault(name, []).extend(get(record))
        for message in record.get("messages", []):
            for name, (types, get) in FIELDS.items():
                if message["type"]["code"] in types:
                    fields.setdefault(name, []).extend(get(message))
    return told


# What tshark 4.0 says otherwise, judged:
# - content_type: of a record of TLS 1.3 that it opens, the inner type as well: compared without.
# - handshake.type: messages split over records are counted once, where they end, as here.
# - serialNumber: of the certificates inside an OCSP answer as well, behind those of the message.
def known(name, values, other):
    if name == "x509af.serialNumber":
        return len(other) > 0 and values[:len(other)] == other
    return name == "tls.record.content_type" and len(values) >= len(other)


def main():
    pcap, keylog, tool = sys.argv[1:]
    theirs, ours = of_tshark(pcap, keylog), of_dump(pcap, keylog, tool)
    compared = differences = 0
    for stream in sorted(set(theirs) | set(ours)):
        left, right = theirs.get(stream, {}), ours.get(stream, {})
        for name in list(RECORDS) + list(FIELDS):
            a, b = left.get(name, []), right.get(name, [])
            compared += len(b)
            if a != b and not known(name, a, b):
                differences += 1
                print(f"connection {stream}: {name}\n  tshark:    {a}\n  atls-dump: {b}")
    print(f"{len(ours)} connections, {compared} values compared, {differences} differences")
    sys.exit(1 if differences or compared < 500 else 0)


main()
