#!/usr/bin/env python3
"""Writes messages of H.323 calls for tests/gateways/h323.rs, encoded by pycrate.

    VENV/bin/python tests/h323/calls.py >tests/gateways/h323.txt

One a line: a name and the message in hex, with TPKT where it goes over TCP. The host inside is
10.64.0.7, its peer 192.0.2.9, the gatekeeper 192.0.2.1; tests write other ports into copies.
"""

import struct

from h450 import ARGUMENTS, H450, RESULTS
from pycrate_asn1dir import H225, H245

H225 = H225.H323_MESSAGES
H245 = H245.MULTIMEDIA_SYSTEM_CONTROL
OWN, PEER, KEEPER = bytes([10, 64, 0, 7]), bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1])
VERSION = (0, 0, 8, 2250, 0, 4)
GUID = bytes(range(16))


def address(ip, port):
    return ("ipAddress", {"ip": ip, "port": port})


def unicast(ip, port):
    return ("unicastAddress", ("iPAddress", {"network": ip, "tsapIdentifier": port}))


def encoded(o, value):
    o.set_val(value)
    encoding = o.to_aper()
    o.from_aper(encoding)
    assert o.to_aper() == encoding
    return encoding


def tpkt(body):
    return b"\3\0" + struct.pack(">H", len(body) + 4) + body


def call(kind, body, **more):
    pdu = {"h323-message-body": body, "h245Tunnelling": bool(more), **more}
    value = b"\5" + encoded(H225.H323_UserInformation, {"h323-uu-pdu": pdu})
    head = b"\x08\x02\x12\x34" + bytes([kind]) + b"\x04\x03\x88\x93\xa5\x28\x04Anna"
    return tpkt(head + b"\x7e" + struct.pack(">H", len(value)) + value)


def control(value):
    return encoded(H245.MultimediaSystemControlMessage, value)


def media(rtp=None, rtcp=None):
    value = {"sessionID": 1}
    if rtp:
        value["mediaChannel"] = unicast(*rtp)
    if rtcp:
        value["mediaControlChannel"] = unicast(*rtcp)
    return value


AUDIO = ("audioData", ("g711Ulaw64k", 20))


def t38(transport):
    return ("data", {"application": ("t38fax", {
        "t38FaxProtocol": (transport, 0),
        "t38FaxProfile": {"fillBitRemoval": False, "transcodingJBIG": False, "transcodingMMR": False}}),
        "maxBitRate": 144})


def offer(number, rtp=None, rtcp=None, data=AUDIO):
    return {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": {
        "dataType": data, "multiplexParameters": ("h2250LogicalChannelParameters", media(rtp, rtcp))}}


def offer_back(number, rtp, rtcp):
    return {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": {
        "dataType": ("nullData", 0), "multiplexParameters": ("none", 0)},
        "reverseLogicalChannelParameters": {
            "dataType": AUDIO,
            "multiplexParameters": ("h2250LogicalChannelParameters", media(rtp, rtcp))}}


def open_channel(value):
    return ("request", ("openLogicalChannel", value))


def accept(number, rtp, rtcp):
    return ("response", ("openLogicalChannelAck", {
        "forwardLogicalChannelNumber": number,
        "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", media(rtp, rtcp))}))


def accept_fax(number, place):
    return ("response", ("openLogicalChannelAck", {
        "forwardLogicalChannelNumber": number,
        "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", {
            "sessionID": 3, "mediaChannel": unicast(*place)})}))


def service(kind, opcode, **value):
    """A Facility with an operation of H.450."""
    types, key = (ARGUMENTS, "argument") if kind == "invoke" else (RESULTS, "result")
    content = {"opcode": ("local", opcode), key: encoded(getattr(H450, types[opcode]), value)}
    operation = (kind, {"invokeId": 7, **(content if kind == "invoke" else {"result": content})})
    apdu = encoded(H450.H4501SupplementaryService, {"serviceApdu": ("rosApdus", [operation])})
    return call(0x62, ("empty", 0), h4501SupplementaryService=[apdu])


def endpoint(*place):
    return {"destinationAddress": [("transportID", address(*place))]}


def element(value):
    return encoded(H245.OpenLogicalChannel, value)


def setup(**more):
    return ("setup", {
        "protocolIdentifier": VERSION, "sourceAddress": [("h323-ID", "anna")],
        "sourceInfo": {"terminal": {}, "mc": False, "undefinedNode": False},
        "destinationAddress": [("dialledDigits", "200")], "destCallSignalAddress": address(PEER, 1720),
        "activeMC": False, "conferenceID": GUID, "conferenceGoal": ("create", 0),
        "callType": ("pointToPoint", 0), "sourceCallSignalAddress": address(OWN, 30001),
        "callIdentifier": {"guid": GUID}, "mediaWaitForConnect": False, "canOverlapSend": False,
        "multipleCalls": False, "maintainConnection": False, **more})


def connect(**more):
    return ("connect", {
        "protocolIdentifier": VERSION, "destinationInfo": {"terminal": {}, "mc": False, "undefinedNode": False},
        "conferenceID": GUID, "callIdentifier": {"guid": GUID}, "multipleCalls": False,
        "maintainConnection": False, **more})


def ras(name, **value):
    return encoded(H225.RasMessage, (name, {"requestSeqNum": 7, **value}))


TERMINAL = {"terminal": {}, "mc": False, "undefinedNode": False}



def registration(**more):
    return ras("registrationRequest", protocolIdentifier=VERSION, discoveryComplete=False,
               callSignalAddress=[address(OWN, 1720)], rasAddress=[address(OWN, 1719)],
               terminalType=TERMINAL, endpointVendor={"vendor": {
                   "t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 1}},
               keepAlive=False, willSupplyUUIEs=False, maintainConnection=False, **more)


def admission(**more):
    return ras("admissionConfirm", bandWidth=1280, callModel=("gatekeeperRouted", 0),
               destCallSignalAddress=address(KEEPER, 2720), willRespondToIRR=False,
               uuiesRequested={"setup": False, "callProceeding": False, "connect": False,
                               "alerting": False, "information": False, "releaseComplete": False,
                               "facility": False, "progress": False, "empty": False}, **more)


def annex_e(*place):
    return {"annexE": [address(*place)]}


MESSAGES = {
    "setup_fast": call(5, setup(fastStart=[
        element(offer(1, None, (OWN, 5001))), element(offer_back(2, (OWN, 5000), (OWN, 5001)))])),
    "connect_fast": call(7, connect(fastStart=[
        element(offer(1, (PEER, 6000), (PEER, 6001))), element(offer_back(2, (OWN, 5000), (PEER, 6001)))])),
    "setup": call(5, setup()),
    "peer_setup": call(5, setup(sourceCallSignalAddress=address(PEER, 40000),
                                destCallSignalAddress=address(KEEPER, 1720))),
    "setup_control": call(5, setup(h245Address=address(OWN, 7000))),
    "connect_control": call(7, connect(h245Address=address(PEER, 7100))),
    "facility_tunnelled": call(0x62, ("empty", 0), h245Control=[
        b"\xff\xff\xff", control(open_channel(offer(1, None, (OWN, 5003))))]),
    "tunnelled_accept": call(0x62, ("empty", 0), h245Control=[
        control(accept(2, (OWN, 5002), (OWN, 5003)))]),
    "channel": tpkt(control(open_channel(offer(1, None, (OWN, 5005))))),
    "channel_fax": tpkt(control(open_channel(offer(3, (OWN, 5900), None, t38("tcp"))))),
    "channel_fax_udp": tpkt(control(open_channel(offer(4, (OWN, 5910), None, t38("udp"))))),
    "peer_fax_tcp": tpkt(control(open_channel(offer(9, None, None, t38("tcp"))))),
    "peer_fax_udp": tpkt(control(open_channel(offer(9, None, None, t38("udp"))))),
    "peer_sound": tpkt(control(open_channel(offer(9, None, None)))),
    "accept_fax": tpkt(control(accept_fax(9, (OWN, 5920)))),
    "transfer": service("invoke", 9, callIdentity="", reroutingNumber=endpoint(OWN, 1720)),
    "transfer_away": service("invoke", 9, callIdentity="", reroutingNumber=endpoint(KEEPER, 2721)),
    "identified": service("returnResult", 7, callIdentity="12", reroutingNumber=endpoint(OWN, 1720)),
    "diverted": service(
        "invoke", 19, reroutingReason="cfb", calledAddress=endpoint(KEEPER, 2721), diversionCounter=1,
        h225InfoElement=b"\x04\x03\x88\x93\xa5", lastReroutingNr=endpoint(OWN, 1720),
        subscriptionOption="noNotification", callingNumber=endpoint(PEER, 1720)),
    "accept": tpkt(control(accept(1, (OWN, 5004), (OWN, 5005)))),
    "peer_channel": tpkt(control(open_channel(offer(1, None, (PEER, 6005))))),
    "peer_accept": tpkt(control(accept(1, (PEER, 6004), (PEER, 6005)))),
    "register": registration(),
    "register_udp": registration(alternateTransportAddresses=annex_e(OWN, 2517)),
    "released": call(0x5a, ("releaseComplete", {"protocolIdentifier": VERSION, "callIdentifier": {"guid": GUID}})),
    "unregister": ras("unregistrationRequest", callSignalAddress=[address(OWN, 1720)], endpointIdentifier="anna"),
    "unregistered": ras("unregistrationConfirm"),
    "rejected": ras("registrationReject", protocolIdentifier=VERSION, rejectReason=("fullRegistrationRequired", 0)),
    "registered": ras("registrationConfirm", protocolIdentifier=VERSION,
                      callSignalAddress=[address(KEEPER, 1720)], endpointIdentifier="anna", timeToLive=900,
                      willRespondToIRR=False, maintainConnection=False),
    "admit": ras("admissionRequest", callType=("pointToPoint", 0), endpointIdentifier="anna",
                 destinationInfo=[("dialledDigits", "200")], srcInfo=[("h323-ID", "anna")],
                 srcCallSignalAddress=address(OWN, 1720), bandWidth=1280, callReferenceValue=1,
                 conferenceID=GUID, activeMC=False, answerCall=False),
    "admitted": admission(),
    "admitted_udp": admission(alternateTransportAddresses=annex_e(KEEPER, 2519)),
}

for name, message in MESSAGES.items():
    print(name, message.hex())
