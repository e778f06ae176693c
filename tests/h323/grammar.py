#!/usr/bin/env python3
"""Writes crates/appproto/src/h323/grammar.rs: what H.225.0 and H.245 have on the way to addresses.

    python3 -m venv VENV && VENV/bin/pip install pycrate==0.8.1
    VENV/bin/python tests/h323/grammar.py | rustfmt --edition 2024 >crates/appproto/src/h323/grammar.rs

The ASN.1 modules of both recommendations come with pycrate. Only the layout of fields is kept, and
of extensions and of what comes last only what holds an address.
"""

import sys

from pycrate_asn1dir import H225, H245

H225 = H225.H323_MESSAGES
H245 = H245.MULTIMEDIA_SYSTEM_CONTROL

# What fields are, by the type they are in (or any), however deep the address in them is.
PLACES = {
    "GatekeeperRequest.rasAddress": "Ras",
    "GatekeeperConfirm.rasAddress": "Ras",
    "RegistrationRequest.rasAddress": "Ras",
    "RegistrationRequest.callSignalAddress": "Signalling",
    "RegistrationConfirm.callSignalAddress": "Signalling",
    "UnregistrationRequest.callSignalAddress": "NamedTcp",
    "AdmissionRequest.destCallSignalAddress": "NamedTcp",
    "AdmissionRequest.srcCallSignalAddress": "NamedTcp",
    "AdmissionConfirm.destCallSignalAddress": "Signalling",
    "AdmissionReject.callSignalAddress": "Signalling",
    "LocationRequest.replyAddress": "Ras",
    "LocationConfirm.callSignalAddress": "Signalling",
    "LocationConfirm.rasAddress": "Ras",
    "InfoRequest.replyAddress": "Ras",
    "InfoRequestResponse.rasAddress": "NamedUdp",
    "InfoRequestResponse.callSignalAddress": "NamedTcp",
    "Endpoint.rasAddress": "Ras",
    "Endpoint.callSignalAddress": "Signalling",
    "AlternateGK.rasAddress": "Ras",
    "perCallInfo.h245": "NamedTcp",
    "perCallInfo.callSignalling": "NamedTcp",
    "RTPSession.rtpAddress": "NamedUdp",
    "RTPSession.rtcpAddress": "NamedUdp",
    "AliasAddress.transportID": "NamedTcp",
    ".h245Address": "Control",
    "Setup_UUIE.destCallSignalAddress": "NamedTcp",
    "Setup_UUIE.sourceCallSignalAddress": "NamedTcp",
    "Facility_UUIE.alternativeAddress": "Signalling",
    "RegistrationRequest.timeToLive": "TimeToLive",
    "RegistrationConfirm.timeToLive": "TimeToLive",
    "OpenLogicalChannel.forwardLogicalChannelParameters": "Channel",
    "OpenLogicalChannel.reverseLogicalChannelParameters": "Channel",
    "OpenLogicalChannel.forwardLogicalChannelNumber": "Offered",
    "OpenLogicalChannelAck.forwardLogicalChannelNumber": "Accepted",
    "DataProtocolCapability.tcp": "Tcp",
    "DataProtocolCapability.udp": "Udp",
    "H2250LogicalChannelParameters.mediaChannel": "Media",
    "H2250LogicalChannelParameters.mediaControlChannel": "MediaControl",
    "H2250LogicalChannelAckParameters.mediaChannel": "Media",
    "H2250LogicalChannelAckParameters.mediaControlChannel": "MediaControl",
    "CommunicationModeTableEntry.mediaChannel": "NamedUdp",
    "CommunicationModeTableEntry.mediaControlChannel": "NamedUdp",
    "MCLocationIndication.signalAddress": "Signalling",
    "AlternateTransportAddresses.annexE": "SignallingUdp",
    ".separateStack": "Stack",
}

# Of interest by themselves.
NOTED = {"TimeToLive", "Offered", "Accepted", "Tcp", "Udp"}

# Octet strings with a value in them.
HELD = {"fastStart": "OpenLogicalChannel", "h245Control": "MultimediaSystemControlMessage",
        "parallelH245Control": "MultimediaSystemControlMessage"}

# The same, with what is written by hand.
BY_HAND = {"h4501SupplementaryService": "super::h450::SUPPLEMENTARY_SERVICE"}
NEEDED_THERE = {"ALIAS_ADDRESS", "NON_STANDARD_PARAMETER"}

# What is signed, hashed, or nobody knows what for, what says only what one could do, and IPv6's and
# SCTP's.
LEFT = {"CryptoH323Token", "CryptoToken", "ClearToken", "GenericData", "FeatureDescriptor", "FeatureSet",
        "CallCapacity", "ServiceControlSession", "multicastAddress", "Criteria", "sctp",
        "RasUsageInformation", "CircuitInfo", "TransportCapability", "ConferenceRequest", "h235Key",
        "encryptionSync", "MultilinkRequest", "MultilinkResponse", "terminalCapabilitySet", "requestMode",
        "genericData", "featureSet", "serviceControl", "capacity", "circuitInfo"}

# Four octets followed by a port.
ADDRESSES = {("ip", "port"), ("network", "tsapIdentifier")}
USED = set()
CONSTRUCTED = ("SEQUENCE", "SET", "CHOICE")
LISTS = ("SEQUENCE OF", "SET OF")


def named(o):
    """The name of its type, if it has one."""
    ref = getattr(o, "_typeref", None)
    if ref is not None:
        return ref.called[-1].replace("-", "_")
    return None


def constraint(o, name):
    return getattr(o, name, None)


def bits(count):
    return (count - 1).bit_length()


def place_of(owner, field):
    for key in (f"{owner}.{field}", f".{field}"):
        if key in PLACES:
            USED.add(key)
            return PLACES[key]
    return None


def optional(o):
    return o._opt or o._def is not None


def size(o):
    bounds = constraint(o, "_const_sz")
    if bounds is None or bounds.ub is None or bounds.ub >= 65536:
        return "ANY"
    assert bounds.ext is None, o._name
    count = bounds.ub - bounds.lb + 1
    width = bits(count) if count <= 255 else 8 if count == 256 else 16
    return f"Size {{ least: {bounds.lb}, bits: {width}, aligned: {str(count > 255).lower()} }}"


def string(o, unit):
    bounds = constraint(o, "_const_sz")
    if bounds is None or bounds.ub is None:
        return f"Type::String(ANY, {unit})"
    if bounds.lb == bounds.ub:
        width = bounds.lb * unit
        if width <= 16:
            return f"Type::Bits({width})"
        assert width % 8 == 0
        return f"Type::Octets({width // 8})"
    assert bounds.ub * unit >= 16, o._name
    return f"Type::String({size(o)}, {unit})"


def integer(o):
    values = constraint(o, "_const_val")
    if values is None or values.lb is None or values.ub is None:
        return "Type::String(ANY, 8)"
    count = values.ub - values.lb + 1
    if count <= 255:
        rust = f"Type::Bits({bits(count)})"
    elif count <= 65536:
        rust = f"Type::Octets({1 if count == 256 else 2})"
    else:
        octets = (values.ub - values.lb).bit_length() + 7 >> 3
        rust = f"Type::Number({bits(octets)}, {values.lb})"
    assert values.ext is None, o._name
    return rust


def primitive(o):
    match o.TYPE:
        case "NULL":
            return "Type::Bits(0)"
        case "BOOLEAN":
            return "Type::Bits(1)"
        case "INTEGER":
            return integer(o)
        case "ENUMERATED":
            width = bits(len(o._root))
            return f"Type::Bits({width})" if o._ext is None else f"Type::Enumerated({width})"
        case "OCTET STRING":
            return string(o, 8)
        case "BIT STRING":
            return string(o, 1)
        case "OBJECT IDENTIFIER" | "GeneralString" | "UTF8String" | "ObjectDescriptor" | "OPEN_TYPE":
            return "Type::String(ANY, 8)"
        case "BMPString":
            return string(o, 16)
        case "IA5String" | "NumericString" | "PrintableString" | "VisibleString":
            alphabet = constraint(o, "_const_alpha")
            letters = alphabet and sum(
                ord(one.ub) - ord(one.lb) + 1 if hasattr(one, "ub") else 1 for one in alphabet.root)
            letters = letters or {"NumericString": 11}.get(o.TYPE, 128)
            return string(o, 1 << bits(bits(letters)))
    raise ValueError(o.TYPE)


class Grammar:
    def __init__(self):
        self.bodies = {}
        self.wanted = {}

    def has(self, o, field=None):
        """Whether it holds anything that is listed."""
        name = named(o)
        if name in LEFT or field in LEFT:
            return False
        if field in HELD or field in BY_HAND:
            return True
        if o.TYPE in LISTS:
            return self.has(o._cont, field)
        if o.TYPE not in CONSTRUCTED:
            return False
        key = name or id(o)
        if key not in self.wanted:
            self.wanted[key] = False
            fields = list(o._cont.items())
            self.wanted[key] = tuple(one for one, _ in fields[:2]) in ADDRESSES and fields[0][1].TYPE == "OCTET STRING" or any(
                self.listed(name or field, one, child) for one, child in fields)
        return self.wanted[key]

    def listed(self, owner, field, child):
        """Whether anything of that field is listed."""
        return field not in LEFT and place_of(owner, field) in NOTED or self.has(child, field)

    def type(self, o, owner, last, field=None):
        """Rust for it; `last` if nothing comes behind it where it stands."""
        if last and not self.listed(owner, field, o):
            return "Type::Rest"
        if o.TYPE in LISTS:
            if field in BY_HAND:
                return f"Type::List({size(o)}, &Type::Holds(&{BY_HAND[field]}))"
            if field in HELD:
                if HELD[field] not in TOPS:
                    TOPS.append(HELD[field])
                inner = self.constructed(getattr(H245, HELD[field]), HELD[field], True)
                return f"Type::List({size(o)}, &Type::Holds(&{inner}))"
            return f"Type::List({size(o)}, &{self.type(o._cont, owner, False, field)})"
        if o.TYPE in CONSTRUCTED:
            return self.constructed(o, named(o) or field, last)
        return primitive(o)

    def constructed(self, o, name, last):
        ref = getattr(o, "_typeref", None)
        if ref is None and name not in TOPS:
            return self.body(o, name, last)
        module = ref.called[0] if ref else "H323-MESSAGES" if name in TOPS[:2] else "MULTIMEDIA-SYSTEM-CONTROL"
        rust = MODULES[module] + snake(name).upper() + ("_LAST" if last else "")
        if rust not in self.bodies:
            self.bodies[rust] = None
            self.bodies[rust] = self.body(o, name, last)
        return f"Type::Of(&{rust})"

    def placed(self, owner, field, child, last):
        place = place_of(owner, field)
        rust = self.type(child, owner, last, field)
        if rust == "Type::Rest" or place is None:
            return rust
        return f"Type::At(Place::{place}, &{rust})"

    def addition(self, owner, field, child):
        if not self.listed(owner, field, child):
            return "None"
        return f"Some({self.placed(owner, field, child, True)})"

    def body(self, o, name, last):
        assert not getattr(o, "_ext_group", None), o._name
        fields = o._cont
        extensible = str(o._ext is not None).lower()
        # In the order of the module, as everything in it is tagged automatically.
        more = [self.addition(name, field, fields[field]) for field in o._ext or []]
        while more and more[-1] == "None":
            more.pop()
        if o.TYPE == "CHOICE":
            root = [self.placed(name, field, fields[field], last) for field in o._root]
            return (f"Type::Choice(&Choice {{ extensible: {extensible}, bits: {bits(len(root))}, "
                    f"root: &[{', '.join(root)}], more: &[{', '.join(more)}] }})")
        root = list(o._root)
        bitmap = sum(1 for field in root if optional(fields[field]))
        behind = ""
        if last and not more:
            needed = [i for i, field in enumerate(root) if self.listed(name, field, fields[field])
                      or (field, root[i - 1]) in {(b, a) for a, b in ADDRESSES}]
            count = needed[-1] + 1 if needed else 0
            if count < len(root) or o._ext is not None:
                behind = "Must(Type::Rest)"
            root = root[:count]
        listed = []
        i = 0
        while i < len(root):
            child = fields[root[i]]
            if tuple(root[i:i + 2]) in ADDRESSES and primitive(child) == "Type::Octets(4)":
                assert not optional(child) and primitive(fields[root[i + 1]]) == "Type::Octets(2)"
                listed.append("Must(Type::Address)")
                i += 2
                continue
            is_last = last and not more and not behind and i + 1 == len(root)
            kind = "May" if optional(child) else "Must"
            listed.append(f"{kind}({self.placed(name, root[i], child, is_last)})")
            i += 1
        if behind:
            listed.append(behind)
        return (f"Type::Sequence(&Sequence {{ extensible: {extensible}, optional: {bitmap}, "
                f"root: &[{', '.join(listed)}], more: &[{', '.join(more)}] }})")


def snake(name):
    out = ""
    for i, c in enumerate(name):
        if c.isupper() and i and (name[i - 1].islower()
                                  or name[i - 1].isdigit() and i + 1 < len(name) and name[i + 1].islower()):
            out += "_"
        out += c
    return out


HEADER = """//! What H.225.0 and H.245 have on the way to addresses, in the order of their ASN.1.
//!
//! Made by `tests/h323/grammar.py`, not to be changed by hand. Names are those of the
//! recommendations; `_LAST` is a type behind which nothing comes, so that it is read no further
//! than to its last address.
#![allow(clippy::unreadable_literal, reason = "generated")]

use super::types::Field::{May, Must};
use super::types::{ANY, Choice, Place, Sequence, Size, Type};
"""

TOPS = ["RasMessage", "H323_UserInformation", "MultimediaSystemControlMessage"]
MODULES = {"H323-MESSAGES": "", "MULTIMEDIA-SYSTEM-CONTROL": "H245_", "H235-SECURITY-MESSAGES": "H235_"}


def main():
    grammar = Grammar()
    names = [grammar.constructed(getattr(H225, name, None) or getattr(H245, name), name, True) for name in TOPS]
    print(HEADER)
    for name, body in sorted(grammar.bodies.items()):
        visible = "pub(super) " if f"Type::Of(&{name})" in names or name in NEEDED_THERE else ""
        print(f"{visible}static {name}: Type = {body};")
    for unused in sorted(set(PLACES) - USED):
        print("never met:", unused, file=sys.stderr)


main()
