#!/usr/bin/env python3
"""Decodes messages of H.323 as they went in and as they came out, and says what else has changed.

    VENV/bin/python tests/h323/differences.py <FILE

A line each: transport and port, the inside address, the outside one, the message before and after,
in hex. Decoded by pycrate, which knows nothing of the appliance: in what came out, the inside
address stands nowhere, and nothing but an endpoint with it has changed.
"""

import struct
import sys

from pycrate_asn1dir import H225, H245

RAS = H225.H323_MESSAGES.RasMessage
CALL = H225.H323_MESSAGES.H323_UserInformation
CONTROL = H245.MULTIMEDIA_SYSTEM_CONTROL.MultimediaSystemControlMessage
CHANNEL = H245.MULTIMEDIA_SYSTEM_CONTROL.OpenLogicalChannel


def packets(stream):
    """What TPKT cuts a stream into."""
    while len(stream) >= 4 and stream[0] == 3:
        length = struct.unpack(">H", stream[2:4])[0]
        if not 4 <= length <= len(stream):
            return
        yield stream[4:length]
        stream = stream[length:]


def user_user(packet):
    """The last element of call signalling (H.225.0 section 7.2)."""
    at = 3 + packet[1]
    while at < len(packet) and packet[at] != 0x7E:
        at += 1 if packet[at] & 0x80 else 2 + packet[at + 1]
    length = struct.unpack(">H", packet[at + 1:at + 3])[0]
    return packet[at + 4:at + 3 + length]


def value(o, encoding):
    o.from_aper(encoding)
    return o.get_val()


def decoded(kind, data):
    if kind == "ras":
        return [value(RAS, data)]
    values = []
    for packet in packets(data):
        if packet[:1] != b"\x08":
            values.append(value(CONTROL, packet))
            continue
        said = value(CALL, user_user(packet))
        pdu = said["h323-uu-pdu"]
        for name, o in (("h245Control", CONTROL),):
            pdu[name] = [value(o, encoding) for encoding in pdu.get(name, [])]
        body = pdu["h323-message-body"][1]
        if isinstance(body, dict) and "fastStart" in body:
            body["fastStart"] = [value(CHANNEL, encoding) for encoding in body["fastStart"]]
        values.append(said)
    return values


def differences(before, after, way):
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in before:
            yield from differences(before[name], after[name], way + [name])
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        for nth, (one, other) in enumerate(zip(before, after)):
            yield from differences(one, other, way + [str(nth)])
    elif before != after:
        yield way, before, after


def endpoint(way, root):
    """What stands beside a value, and its parent's choice."""
    for step in way[:-1]:
        root = root[int(step)] if isinstance(root, (list, tuple)) else root[step]
    return root


def judge(kind, inside, outside, before, after):
    old, new = decoded(kind, before), decoded(kind, after)
    if inside in after:
        yield f"{inside.hex()} is left in {new}"
    for way, was, became in differences(old, new, []):
        beside = endpoint(way, old)
        name = way[-1]
        address = beside.get("ip", beside.get("network")) if isinstance(beside, dict) else None
        if address != inside or name not in ("ip", "network", "port", "tsapIdentifier"):
            yield f"{'.'.join(way)}: {was} became {became}"
        elif name in ("ip", "network") and became != outside:
            yield f"{'.'.join(way)} is {became.hex()}, not {outside.hex()}"


def main():
    count = 0
    for line in sys.stdin:
        title, kind, *fields = line.rstrip("\n").split("\t")
        for complaint in judge(kind, *map(bytes.fromhex, fields)):
            print(f"{title}: pycrate: {complaint}")
        count += 1
    print(f"{count} messages and streams decoded", file=sys.stderr)


main()
