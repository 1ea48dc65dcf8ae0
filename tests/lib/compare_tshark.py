#!/usr/bin/env python3
"""compare_tshark.py PCAP KEYLOG ATLS_DUMP: what tshark and atls-dump say of the TLS sessions in a
capture, field by field and connection by connection. Prints what differs, and ends with 1 if
anything does.

What tshark says otherwise without being right is listed at known().
"""
import base64
import hashlib
import json
import re
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


def member(name):
    return lambda m: [m[name]] if name in m else []


def code(name):
    return lambda m: [m[name]["code"]] if isinstance(m.get(name), dict) else []


def inner(names, get):
    """Of the extensions of these names."""
    def of_message(m):
        return [value for name in names for e in extension(m, name) for value in get(e)]
    return of_message


def raw(get):
    """Byte strings, in hexadecimal; one that is empty is no field to tshark."""
    return lambda m: [base64.b64decode(value).hex() for value in get(m) if value]


def share_keys(e):
    return [share["public"] for share in e.get("shares", []) + ([e["share"]] if "share" in e else [])
            if isinstance(share, dict)]


def digest(certificate):
    """SHA-256 of what stands there: a certificate, or a raw public key, whose pin it is."""
    if "sha256" in certificate:
        return certificate["sha256"]
    return base64.b64decode(certificate["key"]["pin"].removeprefix("sha256//")).hex()


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
    "tls.handshake.session_ticket_age_add": ((4,), member("age_add")),
    "tls.handshake.extension.len": ((1, 2, 6, 8, 13, 11, 4), lambda m: [
        e["length"] - 4 for e in m.get("extensions", [])
        + [x for c in m.get("certificates", []) for x in c.get("extensions", [])]]),
    "tls.handshake.comp_method": (HELLO, lambda m: codes(
        m["compression_methods"] if "compression_methods" in m else [m["compression_method"]])),
    "tls.extension.psk_ke_mode": ((1,), listed("psk_key_exchange_modes", "modes")),
    "tls.handshake.extensions.psk.identity.obfuscated_ticket_age": ((1,), inner(
        ["pre_shared_key"], lambda e: [i["obfuscated_ticket_age"] for i in e["identities"]])),
    "tls.handshake.extensions.psk.identity.selected": ((2,), inner(
        ["pre_shared_key"], member("selected_identity"))),
    "tls.handshake.server_named_curve": ((12,), code("group")),
    "tls.handshake.cert_type": ((13,), lambda m: codes(m.get("certificate_types", []))),
    "tls.handshake.key_update.request_update": ((24,), code("request_update")),
    "tls.handshake.extension.heartbeat.mode": ((1, 2, 8), inner(["heartbeat"], code("mode"))),
    "tls.handshake.max_fragment_length": ((1, 2, 8), inner(
        ["max_fragment_length"], code("fragment_length"))),
    "tls.record_size_limit": ((1, 2, 8), inner(["record_size_limit"], member("limit"))),
    "tls.early_data.max_early_data_size": ((4,), inner(
        ["early_data"], member("max_early_data_size"))),
    "tls.handshake.cert_type.type": ((1, 2, 8), inner(
        ["client_certificate_type", "server_certificate_type"], lambda e: codes(
            e["certificate_types"] if "certificate_types" in e else [e["certificate_type"]]))),
    "tls.handshake.extensions_srp_username": ((1,), inner(["srp"], member("user"))),
}
# The same for byte strings.
BYTES = {
    "tls.handshake.random": (HELLO, raw(member("random"))),
    "tls.handshake.session_id": (HELLO, raw(member("session_id"))),
    "tls.handshake.extensions_key_share_key_exchange": (HELLO, raw(inner(["key_share"], share_keys))),
    "tls.handshake.extensions.psk.identity.identity": ((1,), raw(inner(
        ["pre_shared_key"], lambda e: [i["identity"] for i in e["identities"]]))),
    "tls.handshake.extensions.cookie": ((1, 6), raw(inner(["cookie"], member("cookie")))),
    "tls.handshake.extensions_reneg_info": (HELLO, raw(inner(
        ["renegotiation_info"], member("verify_data")))),
    "tls.handshake.certificate": ((11,), lambda m: [digest(c) for c in m["certificates"]]),
    "tls.handshake.certificate_request_context": ((11, 13), raw(member("request_context"))),
    "tls.handshake.session_ticket": ((4,), raw(member("ticket"))),
    "tls.handshake.session_ticket_nonce": ((4,), raw(member("nonce"))),
    "tls.handshake.server_point": ((12,), raw(lambda m: member("public")(m) if "group" in m else [])),
    "tls.handshake.p": ((12,), raw(member("dh_p"))),
    "tls.handshake.g": ((12,), raw(member("dh_g"))),
    "tls.handshake.ys": ((12,), raw(lambda m: member("public")(m) if "dh_p" in m else [])),
    "tls.handshake.sig": ((12,), raw(lambda m: [m["signature"]["signature"]]
                                     if isinstance(m.get("signature"), dict) else [])),
    "tls.handshake.client_cert_vrfy.sig": ((15,), raw(member("signature"))),
    "tls.handshake.identity": ((16,), lambda m: [m["identity"].encode().hex()]
                               if m.get("identity") else []),
    "tls.handshake.hint": ((12,), lambda m: [m["identity_hint"].encode().hex()]
                           if m.get("identity_hint") else []),
    "tls.handshake.epms": ((16,), raw(member("encrypted_premaster"))),
}
MESSAGES = FIELDS | BYTES
RECORDS = {
    "tls.record.content_type": lambda r: [r["type"]["code"]],
    "tls.record.length": lambda r: [r["length"]],
    "tls.handshake.type": lambda r: [2 if m["type"]["code"] == 6 else m["type"]["code"]
                                     for m in r.get("messages", [])],
    "tls.alert_message.desc": lambda r: [r["content"]["description"]["code"]]
    if "description" in r.get("content", {}) else [],
}


def number(text):
    if isinstance(text, int):
        return text
    text = text.strip()
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return text


def of_tshark(pcap, keylog):
    names = list(RECORDS) + list(MESSAGES)
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
            elif name == "tls.handshake.certificate":
                parts = [hashlib.sha256(bytes.fromhex(part)).hexdigest() for part in parts]
            told.setdefault(int(stream), {}).setdefault(name, []).extend(
                number(part) if name in FIELDS or name in RECORDS else part for part in parts)
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
            if message["type"]["code"] == 2:
                fields["suite"] = message["cipher_suite"]
            if message["type"]["code"] == 20:
                fields["finished"] = fields.get("finished", 0) + 1
            for name, (types, get) in MESSAGES.items():
                if message["type"]["code"] in types:
                    fields.setdefault(name, []).extend(get(message))
    return told


# What tshark 4.0 says otherwise, judged:
# - content_type: of a record of TLS 1.3 that it opens, the inner type as well: compared without.
# - handshake.type: messages split over records are counted once, where they end, as here.
# - serialNumber: of the certificates inside an OCSP answer as well, behind those of the message.
# - It does not read server_key_exchange and client_key_exchange of suites with ARIA, (EC)DHE with a
#   PSK, or SRP: it shows a message without fields, though RFC 6209, 4279, 5489 and 5054 say what
#   they are. Of SRP's it has the name in the ClientHello.
# - Suite 0x0066 of GnuTLS is TLS_DHE_DSS_WITH_RC4_128_SHA of an expired draft to it. The registry
#   reserves the number without a name: here its messages have no fields, or stay closed.
# - Behind the Finished of an authentication after the handshake, of which a session has three, it
#   opens nothing more of the client, as if that had changed the keys.
KEY_EXCHANGE = {"tls.handshake.server_named_curve", "tls.handshake.server_point",
                "tls.handshake.p", "tls.handshake.g", "tls.handshake.ys", "tls.handshake.sig",
                "tls.handshake.identity", "tls.handshake.hint", "tls.handshake.epms"}


def known(name, values, other, session):
    suite = session.get("suite", {})
    if session.get("finished", 0) == 3:
        if name == "tls.record.content_type":
            return len(values) <= len(other)
        return name == "tls.alert_message.desc" and values == other[:len(values)]
    if name == "x509af.serialNumber":
        return len(other) > 0 and values[:len(other)] == other
    if name == "tls.record.content_type":
        return len(values) >= len(other)
    unread = re.search("_ARIA_|DHE_PSK_|_PSK_DHE_|_SRP_", suite.get("name") or "")
    if name in KEY_EXCHANGE and unread:
        return not values
    if name == "tls.handshake.sig_hash_alg" and unread:
        return other[:len(values)] == values and len(other) == len(values) + 1
    return suite.get("code") == 0x66 and name in KEY_EXCHANGE | {
        "tls.handshake.type", "tls.handshake.sig_hash_alg", "tls.alert_message.desc"} \
        and len(values) > len(other)


def main():
    pcap, keylog, tool = sys.argv[1:]
    theirs, ours = of_tshark(pcap, keylog), of_dump(pcap, keylog, tool)
    compared = differences = judged = 0
    for stream in sorted(set(theirs) | set(ours)):
        left, right = theirs.get(stream, {}), ours.get(stream, {})
        for name in list(RECORDS) + list(MESSAGES):
            a, b = left.get(name, []), right.get(name, [])
            compared += len(b)
            if a != b and known(name, a, b, right):
                judged += 1
            elif a != b:
                differences += 1
                print(f"connection {stream}: {name}\n  tshark:    {a}\n  atls-dump: {b}")
    print(f"{len(ours)} connections, {compared} values compared, {differences} differences, "
          f"{judged} known ones")
    sys.exit(1 if differences or compared < 500 else 0)


main()
