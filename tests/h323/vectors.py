#!/usr/bin/env python3
"""Writes random messages of H.323 and what there is to be found in them.

    VENV/bin/python tests/h323/vectors.py [COUNT [SEED]] >crates/appproto/src/h323/vectors.txt

One a line: the service, the addresses in it with what they are for, and the message in hex. Values
are made by the recommendations' modules and encoded by pycrate; where addresses count is written
down here once more, by the names of fields.
"""

import random
import struct
import sys

from h450 import ARGUMENTS, H450, RESULTS
from pycrate_asn1dir import H225, H245

H225 = H225.H323_MESSAGES
H245 = H245.MULTIMEDIA_SYSTEM_CONTROL

# The last of these on the way to an address says what it is for.
MEANS = {
    "rasAddress": "r", "replyAddress": "r", "callSignalAddress": "s", "destCallSignalAddress": "t",
    "srcCallSignalAddress": "t", "sourceCallSignalAddress": "t", "alternativeAddress": "s",
    "signalAddress": "s", "h245Address": "c", "transportID": "t", "h245": "t", "callSignalling": "t",
    "rtpAddress": "u", "rtcpAddress": "u", "mediaChannel": "m", "mediaControlChannel": "m",
    "separateStack": "k", "annexE": "e",
}
SPECIAL = {
    ("admissionConfirm", "destCallSignalAddress"): "s", ("0", "destCallSignalAddress"): "s",
    ("infoRequestResponse", "rasAddress"): "u",
    ("infoRequestResponse", "callSignalAddress"): "t", ("unregistrationRequest", "callSignalAddress"): "t",
    ("communicationModeCommand", "mediaChannel"): "u", ("communicationModeCommand", "mediaControlChannel"): "u",
    ("communicationModeResponse", "mediaChannel"): "u", ("communicationModeResponse", "mediaControlChannel"): "u",
}
# Nothing counts below these.
NOT = {"cryptoTokens", "tokens", "genericData", "featureSet", "serviceControl", "capacity", "circuitInfo",
       "neededFeatures", "desiredFeatures", "supportedFeatures", "sctp", "usageInformation",
       "multicastAddress", "terminalCapabilitySet", "requestMode", "transportCapability", "conferenceRequest",
       "h235Key", "encryptionSync", "multilinkRequest", "multilinkResponse", "callCapacity", "genericInformation",
       "currentCallCapacity", "maximumCallCapacity", "circuitToRelease"}
# Not made: what pycrate cannot make of any value.
NEVER = {"toBeSigned", "cryptoTokens", "cryptoEPPwdHash"}


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.found = []
        self.count = 0
        self.tcp = False
        self.full = 0.5
        self.version = 1.0

    def chance(self, share):
        return self.random.random() < share

    def make(self, o, path, depth):
        match o.TYPE:
            case "NULL":
                if path[-1] == "tcp":
                    self.tcp = True
                return 0
            case "BOOLEAN":
                return self.chance(0.5)
            case "INTEGER":
                values = getattr(o, "_const_val", None)
                if values is None:
                    return self.random.randrange(-300, 70000)
                low = values.lb
                high = values.ub if values.ub is not None else low + 70000
                return self.random.choice([low, high, self.random.randint(low, high)])
            case "ENUMERATED":
                return self.random.choice(list(o._root) + list(o._ext or []))
            case "OCTET STRING":
                return self.random.randbytes(self.size(o))
            case "BIT STRING":
                size = self.size(o)
                return (self.random.getrandbits(size) if size else 0, size)
            case "OBJECT IDENTIFIER":
                return (0, 0, 8, 2250, 0, self.random.randint(1, 7))
            case "BMPString":
                return "".join(self.random.choice("abcZ€9") for _ in range(self.size(o)))
            case "OPEN_TYPE":
                raise ValueError("open")
            case "SEQUENCE OF" | "SET OF":
                if path[-1] in ("fastStart", "h245Control", "parallelH245Control"):
                    return [self.held(path) for _ in range(self.random.randint(1, 3))]
                if path[-1] == "h4501SupplementaryService":
                    return [self.service(path) for _ in range(self.random.randint(1, 2))]
                size = getattr(o, "_const_sz", None)
                least = size.lb if size else 0
                most = min(size.ub if size and size.ub else 3, max(3, least))
                inner = [*path, "0"] if path[-1] == "admissionConfirmSequence" else path
                return [self.make(o._cont, inner, depth + 1) for _ in range(self.random.randint(least, most))]
            case "CHOICE":
                return self.choice(o, path, depth)
            case "SEQUENCE" | "SET":
                return self.sequence(o, path, depth)
        alphabet = getattr(o, "_const_alpha", None)
        letters = []
        if alphabet:
            for one in alphabet.root:
                letters += [chr(c) for c in range(ord(one.lb), ord(one.ub) + 1)] if hasattr(one, "lb") else [one]
        return "".join(self.random.choice(letters or "0123456789") for _ in range(self.size(o)))

    def size(self, o):
        size = getattr(o, "_const_sz", None)
        if size is None:
            return self.random.choice([0, 1, 3, 5, 130]) if self.chance(0.9) else 200
        high = min(size.ub if size.ub is not None else 40, max(40, size.lb))
        return self.random.choice([size.lb, high, self.random.randint(size.lb, high)])

    def held(self, path):
        fast = path[-1] == "fastStart"
        # Bytes that are nothing have nothing in them, wherever they stand.
        if self.chance(0.1):
            return b""
        o = H245.OpenLogicalChannel if fast else H245.MultimediaSystemControlMessage
        value = self.make(o, [*path, "openLogicalChannel"], 3)
        return encoded(o, value)

    def service(self, path):
        """Operations of H.450, and some that there are not."""
        if self.chance(0.1):
            return b""
        value = {}
        if self.chance(0.3):
            extension = H450.NetworkFacilityExtension
            value["networkFacilityExtension"] = self.make(extension, [*path, "networkFacilityExtension"], 3)
        if self.chance(0.3):
            value["interpretationApdu"] = (self.random.choice(["discard", "clear", "reject"]), 0)
        value["serviceApdu"] = ("rosApdus", [self.operation(path) for _ in range(self.random.randint(1, 3))])
        return encoded(H450.H4501SupplementaryService, value)

    def operation(self, path):
        number = self.random.choice([0, 200, 65535])
        if self.chance(0.3):
            result = {}
            if self.chance(0.8):
                opcode = self.random.choice([*RESULTS, 15])
                result["result"] = {"opcode": ("local", opcode), "result": self.told(RESULTS, opcode, path)}
            return ("returnResult", {"invokeId": number, **result})
        opcode = self.random.choice([*ARGUMENTS, *ARGUMENTS, 7, 14, 1_000_000])
        value = {"invokeId": number, "opcode": ("local", opcode)}
        if self.chance(0.1):
            value["opcode"] = ("global", (1, 3, 6, 1, 4, 1, 4712))
            opcode = 0
        if self.chance(0.2):
            value["linkedId"] = 9
        if self.chance(0.9):
            value["argument"] = self.told(ARGUMENTS, opcode, path)
        return ("invoke", value)

    def told(self, types, opcode, path):
        if opcode not in types:
            return self.random.randbytes(self.random.choice([0, 1, 30]))
        o = getattr(H450, types[opcode])
        return encoded(o, self.make(o, [*path, types[opcode]], 3))

    def choice(self, o, path, depth):
        names = list(o._root) + list((o._ext or [])[:int(len(o._ext or []) * self.version + 0.99)])
        names = [name for name in names if name not in NEVER]
        # Addresses are mostly IPv4, and channels H.323's.
        for name, share in (("ipAddress", 0.7), ("iPAddress", 0.7), ("unicastAddress", 0.7),
                            ("h2250LogicalChannelParameters", 0.8), ("h2250LogicalChannelAckParameters", 0.8),
                            ("t38fax", 0.5), ("data", 0.3), ("tcp", 0.4), ("openLogicalChannel", 0.3),
                            ("openLogicalChannelAck", 0.3), ("setup", 0.3), ("transportID", 0.6 if "h4501SupplementaryService" in path else 0.4),
                            ("nullData", 0.2 if depth < 9 else 1)):
            if name in names and self.chance(share):
                names = [name]
        if depth > 14:
            simple = [name for name in names if o._cont[name].TYPE not in ("SEQUENCE", "CHOICE", "SEQUENCE OF", "SET OF", "SET")]
            names = simple or names
        name = self.random.choice(names)
        return (name, self.make(o._cont[name], [*path, name], depth + 1))

    def sequence(self, o, path, depth):
        if depth > 40:
            raise ValueError("deep")
        if path[-1] in ("forwardLogicalChannelParameters", "reverseLogicalChannelParameters"):
            self.tcp = False
        fields = list(o._cont)
        if fields[:2] in (["ip", "port"], ["network", "tsapIdentifier"]) and o._cont[fields[0]].TYPE == "OCTET STRING" \
                and getattr(o._cont[fields[0]], "_const_sz").ub == 4:
            return self.address(o, fields, path)
        if "network" in fields and "tsapIdentifier" in fields and "routing" in fields:
            value = self.every(o, path, depth)
            value["network"], value["tsapIdentifier"] = self.endpoint(path)
            return value
        return self.every(o, path, depth)

    def every(self, o, path, depth):
        value = {}
        extended = (o._ext or [])[:int(len(o._ext or []) * self.version + 0.5)]
        share = self.full if depth < 9 else 0.15 if depth < 13 else 0
        for name in list(o._root) + list(extended):
            child = o._cont[name]
            may = child._opt or child._def is not None
            wanted = name in MEANS or name in ("h245Control", "timeToLive")
            if name in NEVER or name not in o._root and not may and not self.chance(share):
                # Without it there are none behind it either, as of an older version.
                if name in NEVER:
                    continue
                break
            often = 0.5 if name == "fastStart" else min(1, share * 2) if wanted else share
            if may and not self.chance(often):
                continue
            value[name] = self.make(child, [*path, name], depth + 1)
        return value

    def address(self, o, fields, path):
        ip, port = self.endpoint(path)
        value = {fields[0]: ip, fields[1]: port}
        for name in fields[2:]:
            if name in o._root and not o._cont[name]._opt:
                value[name] = self.make(o._cont[name], [*path, name], 20)
        return value

    def endpoint(self, path):
        self.count += 1
        ip = struct.pack(">I", 0x0a400000 + self.count)
        port = self.random.randint(1024, 65535)
        means = [name for name in path if name in MEANS]
        odd = self.random.random()
        if odd < 0.03:
            return (bytes(4), port)
        if odd < 0.06:
            return (ip, 0)
        if odd < 0.09 or "multicastAddress" in path:
            return (b"\xe0" + ip[1:], port)
        if not means or NOT & set(path):
            return (ip, port)
        kind = MEANS[means[-1]]
        for (top, field), other in SPECIAL.items():
            at = len(path) - 1 - path[::-1].index(field) if field in path else 0
            if top in path and field == means[-1] and ("ommunication" in top or path[at - 1] == top):
                kind = other
        if kind == "t" and {"reroutingNumber", "calledAddress"} & set(path):
            kind = "s"
        if kind == "m" and self.tcp and "openLogicalChannel" in path:
            kind = "k"
        self.found.append(f"{ip.hex()}{port:04x}{kind}")
        return (ip, port)


def encoded(o, value):
    o.set_val(value)
    encoding = o.to_aper()
    # Of no use if pycrate does not read it itself (extensions of which none is there).
    o.from_aper(encoding)
    if o.to_aper() != encoding:
        raise ValueError("not the same again")
    return encoding


def message(service, maker):
    maker.full = maker.random.choice([0.1, 0.3, 0.6])
    maker.version = maker.random.choice([0, 0.3, 0.6, 1.0])
    if service == "ras":
        return encoded(H225.RasMessage, maker.make(H225.RasMessage, ["RasMessage"], 0))
    if service == "control":
        top = H245.MultimediaSystemControlMessage
        body = encoded(top, maker.make(top, ["MultimediaSystemControlMessage"], 0))
    else:
        top = H225.H323_UserInformation
        value = b"\5" + encoded(top, maker.make(top, ["H323-UserInformation"], 0))
        body = b"\x08\x02\x12\x34\x05\x04\x03\x88\x93\xa5\xa1\x28\x03abc\x7e" + struct.pack(">H", len(value)) + value
    return b"\3\0" + struct.pack(">H", len(body) + 4) + body


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    most = 600 if count <= 150 else 60000
    made = 0
    while made < count:
        seed += 1
        service = ("ras", "call", "control")[made % 3]
        maker = Maker(seed)
        try:
            bytes_ = message(service, maker)
        except ValueError as e:
            continue
        except Exception as e:
            print("not made:", seed, type(e).__name__, str(e)[:100], file=sys.stderr)
            continue
        if len(bytes_) > most or len(maker.found) > 90 or not maker.found and maker.chance(0.8):
            continue
        print(service, ",".join(maker.found) or "-", bytes_.hex())
        made += 1


main()
