"""H.323 over real connections: terminals inside and outside, and a gatekeeper.

    _h323.py keeper ADDRESS PEER SECONDS
    _h323.py peer ADDRESS KEEPER SECONDS
    _h323.py host OWN PEER KEEPER HOW VERSION...

All of them speak through pycrate, an encoder by others. A host, which is inside, has calls with the
peer in each version, all versions at once:

    direct     with media control on a connection to where the peer says
    offered    ... to where the host says, which calls
    fast       with media in the first messages (fast start)
    tunnelled  with media control in call signalling
    routed     as direct, by way of the gatekeeper where it is registered
    called     likewise, called by the peer where it has registered

HOW is a list of these, with commas. RTP and RTCP come in before anything of the host's goes out. What
anybody writes to a connection goes in pieces cut anywhere, several messages in one or one in several.

Each prints a line for a call, `VERSION HOW RTP RTCP`, or of the gatekeeper `VERSION registered` and
the like. `inside` is behind it if a message has told an address that only the host's network knows,
in whatever form; `strange` if one has told an address that cannot be reached from where it came, or
if an address came back other than it went.
"""

import contextlib
import copy
import random
import socket
import struct
import sys
import threading
import time

from _media import PATIENCE, Media
from pycrate_asn1dir import H225, H245

H225 = H225.H323_MESSAGES
CONTROL = H245.MULTIMEDIA_SYSTEM_CONTROL.MultimediaSystemControlMessage
ELEMENT = H245.MULTIMEDIA_SYSTEM_CONTROL.OpenLogicalChannel

RAS, SIGNALLING = 1719, 1720
SETUP, PROCEEDING, ALERTING, CONNECT, RELEASE, FACILITY = 5, 2, 1, 7, 0x5A, 0x62
HIDDEN, POOL = "10.64.", "203.0.113."
TERMINAL = {"terminal": {}, "mc": False, "undefinedNode": False}
VENDOR = {"vendor": {"t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 1}}
NOTHING_ASKED = dict.fromkeys(
    ["setup", "callProceeding", "connect", "alerting", "information", "releaseComplete", "facility", "progress",
     "empty"], False)
AUDIO = ("audioData", ("g711Ulaw64k", 20))

# --- messages ----------------------------------------------------------------------

CODEC = threading.Lock()


def encoded(grammar, value):
    with CODEC:
        grammar.set_val(value)
        return grammar.to_aper()


def decoded(grammar, data):
    with CODEC:
        grammar.from_aper(data)
        return copy.deepcopy(grammar.get_val())


def address(place):
    return ("ipAddress", {"ip": socket.inet_aton(place[0]), "port": place[1]})


def unicast(place):
    return ("unicastAddress", ("iPAddress", {"network": socket.inet_aton(place[0]), "tsapIdentifier": place[1]}))


def place_of(value):
    """Of either form of address."""
    kind, inner = value
    if kind == "unicastAddress":
        return socket.inet_ntoa(inner[1]["network"]), inner[1]["tsapIdentifier"]
    return socket.inet_ntoa(inner["ip"]), inner["port"]


def places(value):
    """All that a message tells, also of what is tunnelled in it."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        if value[0] in ("ipAddress", "unicastAddress"):
            yield place_of(value)
            return
        yield from places(value[1])
    elif isinstance(value, dict):
        for key, inner in value.items():
            held = {"fastStart": ELEMENT, "h245Control": CONTROL}.get(key)
            yield from places([decoded(held, one) for one in inner] if held else inner)
    elif isinstance(value, list):
        for inner in value:
            yield from places(inner)


def protocol(version):
    return (0, 0, 8, 2250, 0, version)


def of_version(version, value, **later):
    """With what has come with later versions: NAME_N since version N."""
    for name, inner in later.items():
        name, since = name.rsplit("_", 1)
        if version >= int(since):
            value[name] = inner
    return value


def call(kind, reference, body, control=None, **more):
    tunnel = {} if control is None else {"h245Control": [encoded(CONTROL, one) for one in control]} if control else {}
    pdu = {"h323-message-body": body, "h245Tunnelling": control is not None, **tunnel, **more}
    value = b"\5" + encoded(H225.H323_UserInformation, {"h323-uu-pdu": pdu})
    head = struct.pack(">BBHB", 8, 2, reference, kind) + b"\x04\x03\x88\x93\xa5\x28\x04Anna"
    return head + b"\x7e" + struct.pack(">H", len(value)) + value


def user_information(message):
    """Kind, reference, and H323-UU-PDU."""
    reference, kind = struct.unpack_from(">HB", message, 2)
    at = 5
    while message[at] != 0x7E:
        at += 1 if message[at] & 0x80 else 2 + message[at + 1]
    return kind, reference, decoded(H225.H323_UserInformation, message[at + 4:])["h323-uu-pdu"]


def channel(rtp=None, rtcp=None):
    value = {"sessionID": 1}
    if rtp:
        value["mediaChannel"] = unicast(rtp)
    if rtcp:
        value["mediaControlChannel"] = unicast(rtcp)
    return ("h2250LogicalChannelParameters", value)


def offer(rtp, rtcp):
    return {"forwardLogicalChannelNumber": 1,
            "forwardLogicalChannelParameters": {"dataType": AUDIO, "multiplexParameters": channel(rtp, rtcp)}}


def offer_back(rtp, rtcp):
    return {"forwardLogicalChannelNumber": 2,
            "forwardLogicalChannelParameters": {"dataType": ("nullData", 0), "multiplexParameters": ("none", 0)},
            "reverseLogicalChannelParameters": {"dataType": AUDIO, "multiplexParameters": channel(rtp, rtcp)}}


def media_of(element, way):
    return element[way + "LogicalChannelParameters"]["multiplexParameters"][1]


def accept(number, rtp, rtcp):
    kind, value = channel(rtp, rtcp)
    return ("response", ("openLogicalChannelAck", {
        "forwardLogicalChannelNumber": number,
        "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", value)}))


CAPABILITIES = ("request", ("terminalCapabilitySet", {
    "sequenceNumber": 1, "protocolIdentifier": (0, 0, 8, 245, 0, 7),
    "capabilityTable": [{"capabilityTableEntryNumber": 1,
                         "capability": ("receiveAudioCapability", ("g711Ulaw64k", 20))}]}))
MASTER = ("request", ("masterSlaveDetermination", {"terminalType": 50, "statusDeterminationNumber": 7}))
ANSWERS = {
    "terminalCapabilitySet": ("response", ("terminalCapabilitySetAck", {"sequenceNumber": 1})),
    "masterSlaveDetermination": ("response", ("masterSlaveDeterminationAck", {"decision": ("slave", 0)})),
    "closeLogicalChannel": ("response", ("closeLogicalChannelAck", {"forwardLogicalChannelNumber": 1})),
}
CLOSE = ("request", ("closeLogicalChannel", {"forwardLogicalChannelNumber": 1, "source": ("lcse", 0)}))
END = ("command", ("endSessionCommand", ("disconnect", 0)))


class Witness:
    """What all messages of a call have told."""

    def __init__(self, own, others):
        self.is_inside, self.others, self.told = own.startswith(HIDDEN), {own, *others}, []

    def heard(self, data):
        hidden = data.find(HIDDEN.encode()) >= 0 or any(
            data.find(socket.inet_aton(f"{HIDDEN}0.{host}")) >= 0 for host in (10, 20))
        if hidden and not self.is_inside:
            self.told.append("inside")

    def understood(self, value):
        for host, _ in places(value):
            if host not in self.others and (self.is_inside or not host.startswith(POOL)):
                self.told.append("strange")

    def compare(self, one, other):
        if one != other:
            self.told.append("strange")

    def verdict(self):
        return "".join(f" {word}" for word in sorted(set(self.told)))


class Line:
    """A connection with messages in TPKT: whole ones in, pieces out."""

    def __init__(self, connection, witness):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE * 3)
        self.connection, self.witness, self.had, self.all = connection, witness, b"", b""

    def send(self, *messages):
        whole = b"".join(struct.pack(">BBH", 3, 0, 4 + len(message)) + message for message in messages)
        while whole:
            size = random.choice([1, 4, 7, 40, len(whole), len(whole)])
            self.connection.sendall(whole[:size])
            whole = whole[size:]
            time.sleep(random.choice([0, 0, 0.003]))

    def read(self):
        while len(self.had) < 4 or len(self.had) < struct.unpack_from(">H", self.had, 2)[0]:
            data = self.connection.recv(4096)
            if not data:
                raise ConnectionError("closed")
            self.had += data
            self.all += data
        size = struct.unpack_from(">H", self.had, 2)[0]
        message, self.had = self.had[4:size], self.had[size:]
        self.witness.heard(self.all)
        return message

    def close(self):
        """When the other side has, too: what it has not read would be lost."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(4096):
                pass
        self.connection.close()


class Control:
    """Media control on a connection of its own."""

    def __init__(self, line):
        self.line = line

    def send(self, *values):
        self.line.send(*(encoded(CONTROL, value) for value in values))

    def read(self):
        value = decoded(CONTROL, self.line.read())
        self.line.witness.understood(value)
        return [value]

    def close(self):
        self.line.close()


class Tunnel:
    """Media control in call signalling."""

    def __init__(self, line, reference, before):
        self.line, self.reference, self.before = line, reference, before

    def send(self, *values):
        self.line.send(call(FACILITY, self.reference, ("empty", 0), values))

    def read(self):
        if not self.before:
            _, _, pdu = user_information(self.line.read())
            self.line.witness.understood(pdu)
            self.before = pdu.get("h245Control", [])
        values, self.before = [decoded(CONTROL, one) for one in self.before], []
        return values

    def close(self):
        pass


# --- terminals ---------------------------------------------------------------------


class Terminal:
    """One end of a call."""

    def __init__(self, own, others, version):
        self.own, self.version = own, version
        self.witness = Witness(own, others)
        self.media = Media(own)
        self.rtp, self.rtcp = (own, self.media.port), (own, self.media.port + 1)
        # Where the other end receives, and the two channels by which that was told.
        self.peer = self.control = None

    def calls(self, place, how, alias, back=None):
        """Calls somebody, who is to call back in such a way if one is given."""
        reference, listener = random.randrange(1, 0x7FFF), None
        line = Line(socket.create_connection(place, timeout=PATIENCE), self.witness)
        setup = {
            "protocolIdentifier": protocol(self.version), "sourceAddress": [("h323-ID", back or "anna")],
            "sourceInfo": TERMINAL, "destinationAddress": [("h323-ID", alias)],
            "destCallSignalAddress": address(place), "activeMC": False, "conferenceID": bytes(range(16)),
            "conferenceGoal": ("create", 0), "callType": ("pointToPoint", 0),
            "sourceCallSignalAddress": address(line.connection.getsockname()),
            "callIdentifier": {"guid": bytes(range(16))}, "mediaWaitForConnect": False, "canOverlapSend": False}
        of_version(self.version, setup, multipleCalls_3=False, maintainConnection_3=False,
                   language_4=["en"], symmetricOperationRequired_4=0, hopCount_6=9)
        if how == "fast":
            setup["fastStart"] = [encoded(ELEMENT, one) for one in (
                offer(None, self.rtcp), offer_back(self.rtp, self.rtcp))]
        if how == "offered":
            listener = socket.create_server((self.own, 0))
            setup["h245Address"] = address(listener.getsockname())
        line.send(call(SETUP, reference, ("setup", setup), [CAPABILITIES, MASTER] if how == "tunnelled" else None))
        kind = body = pdu = None
        while kind != CONNECT:
            kind, _, pdu = user_information(line.read())
            self.witness.understood(pdu)
            body = pdu["h323-message-body"][1]
        if how == "fast":
            there, here = (decoded(ELEMENT, one) for one in body["fastStart"])
            self.peer = place_of(media_of(there, "forward")["mediaChannel"])
            self.witness.compare(place_of(media_of(here, "reverse")["mediaChannel"]), self.rtp)
        elif how == "tunnelled":
            self.control = Tunnel(line, reference, pdu.get("h245Control", []))
        else:
            connection = (listener.accept()[0] if listener else
                          socket.create_connection(place_of(body["h245Address"]), timeout=PATIENCE))
            self.control = Control(Line(connection, self.witness))
            self.control.send(CAPABILITIES, MASTER)
        return self.talks(line, reference)

    def answers(self, connection):
        """Is called: how, who is to be called back and by which version, and what came of it."""
        line, listener = Line(connection, self.witness), None
        _, reference, pdu = user_information(line.read())
        reference |= 0x8000
        self.witness.understood(pdu)
        setup = pdu["h323-message-body"][1]
        self.version = setup["protocolIdentifier"][-1]
        connect = {
            "protocolIdentifier": protocol(self.version), "destinationInfo": TERMINAL,
            "conferenceID": setup["conferenceID"], "callIdentifier": setup["callIdentifier"]}
        of_version(self.version, connect, multipleCalls_3=False, maintainConnection_3=False, language_4=["en"])
        proceeding = {
            "protocolIdentifier": protocol(self.version), "destinationInfo": TERMINAL,
            "callIdentifier": setup["callIdentifier"]}
        of_version(self.version, proceeding, multipleCalls_3=False, maintainConnection_3=False)
        tunnelled = None
        if "fastStart" in setup:
            how = "fast"
            there, here = (decoded(ELEMENT, one) for one in setup["fastStart"])
            self.peer = place_of(media_of(here, "reverse")["mediaChannel"])
            self.witness.compare(place_of(media_of(there, "forward")["mediaControlChannel"]),
                                 (self.peer[0], self.peer[1] + 1))
            connect["fastStart"] = [encoded(ELEMENT, one) for one in (
                offer(self.rtp, self.rtcp), offer_back(self.peer, self.rtcp))]
        elif pdu["h245Tunnelling"]:
            how, tunnelled = "tunnelled", [CAPABILITIES, MASTER]
            self.control = Tunnel(line, reference, pdu["h245Control"])
        elif "h245Address" in setup:
            how = "offered"
        else:
            how = "direct"
            listener = socket.create_server((self.own, 0))
            connect["h245Address"] = address(listener.getsockname())
        line.send(call(PROCEEDING, reference, ("callProceeding", proceeding)),
                  call(ALERTING, reference, ("alerting", proceeding)),
                  call(CONNECT, reference, ("connect", connect), tunnelled))
        if how in ("offered", "direct"):
            connection = (listener.accept()[0] if listener else
                          socket.create_connection(place_of(setup["h245Address"]), timeout=PATIENCE))
            self.control = Control(Line(connection, self.witness))
            self.control.send(CAPABILITIES, MASTER)
        return how, setup["sourceAddress"][0][1], self.talks(line, reference)

    def negotiates(self):
        self.control.send(("request", ("openLogicalChannel", offer(None, self.rtcp))))
        rtcp, answered = None, False
        while not (self.peer and answered):
            for _, (what, value) in self.control.read():
                if what == "openLogicalChannel":
                    rtcp = place_of(media_of(value, "forward")["mediaControlChannel"])
                    number = value["forwardLogicalChannelNumber"]
                    self.control.send(accept(number, self.rtp, self.rtcp))
                    answered = True
                elif what == "openLogicalChannelAck":
                    told = value["forwardMultiplexAckParameters"][1]
                    self.peer = place_of(told["mediaChannel"])
                    self.witness.compare(place_of(told["mediaControlChannel"]), (self.peer[0], self.peer[1] + 1))
                elif what in ANSWERS:
                    self.control.send(ANSWERS[what])
        self.witness.compare(rtcp, (self.peer[0], self.peer[1] + 1))

    def talks(self, line, reference):
        """From when the two have each other until both have hung up: RTP and RTCP that came."""
        if self.control:
            self.negotiates()
        if self.witness.is_inside:
            # What comes in has to do so without anything of ours having gone out.
            had = self.media.count()
            self.media.send(self.peer)
            if self.control:
                self.reads_until_end()
                self.control.send(END)
            while user_information(line.read())[0] != RELEASE:
                pass
        else:
            self.media.send(self.peer)
            had = self.media.count()
            if self.control:
                self.control.send(CLOSE, END)
                self.reads_until_end()
            line.send(call(RELEASE, reference, ("releaseComplete", {
                "protocolIdentifier": protocol(self.version), "callIdentifier": {"guid": bytes(range(16))}})))
        for one in (self.control, line):
            if one:
                one.close()
        return had

    def reads_until_end(self):
        while True:
            for _, (what, _) in self.control.read():
                if what in ANSWERS:
                    self.control.send(ANSWERS[what])
                if what == "endSessionCommand":
                    return

    def line_of(self, how, had):
        return f"{self.version} {how} {had[0]} {had[1]}{self.witness.verdict()}"


def say(line):
    print(line + "\n", end="", flush=True)


class Registrar:
    """RAS of a terminal with its gatekeeper."""

    def __init__(self, own, peer, keeper, version):
        self.version, self.number = version, version * 1000
        self.witness = Witness(own, (peer, keeper))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((own, 0))
        self.socket.connect((keeper, RAS))
        self.socket.settimeout(PATIENCE)
        self.listener = socket.create_server((own, 0))
        self.listener.settimeout(PATIENCE * 3)
        self.ras, self.signalling = (address(one.getsockname()) for one in (self.socket, self.listener))
        self.name = f"host-{own}-{version}"

    def asks(self, kind, **value):
        """What is answered."""
        self.number += 1
        self.socket.send(encoded(H225.RasMessage, (kind, {"requestSeqNum": self.number, **value})))
        data = self.socket.recv(4096)
        what, answer = decoded(H225.RasMessage, data)
        self.witness.understood((what, answer))
        if answer["requestSeqNum"] != self.number or not what.endswith("Confirm"):
            raise ValueError(f"{kind}: {what}")
        return answer

    def registers(self):
        self.asks("gatekeeperRequest", protocolIdentifier=protocol(self.version), rasAddress=self.ras,
                  endpointType=TERMINAL)
        later = of_version(self.version, {}, keepAlive_2=False, willSupplyUUIEs_2=False, maintainConnection_3=False,
                           supportsAltGK_4=0, restart_5=0)
        answer = self.asks("registrationRequest", protocolIdentifier=protocol(self.version), discoveryComplete=True,
                           callSignalAddress=[self.signalling], rasAddress=[self.ras], terminalType=TERMINAL,
                           terminalAlias=[("h323-ID", self.name)], endpointVendor=VENDOR, timeToLive=600, **later)
        self.witness.compare(answer["callSignalAddress"], [self.signalling])

    def is_admitted(self, name, answering=False):
        """Where to call."""
        answer = self.asks(
            "admissionRequest", callType=("pointToPoint", 0), endpointIdentifier=self.name,
            destinationInfo=[("h323-ID", name)], srcInfo=[("h323-ID", self.name)],
            srcCallSignalAddress=self.signalling, bandWidth=1280, callReferenceValue=1,
            conferenceID=bytes(16), activeMC=False, answerCall=answering)
        return place_of(answer["destCallSignalAddress"])

    def leaves(self):
        self.asks("disengageRequest", endpointIdentifier=self.name, conferenceID=bytes(16), callReferenceValue=1,
                  disengageReason=("normalDrop", 0))
        self.asks("unregistrationRequest", callSignalAddress=[self.signalling], endpointIdentifier=self.name)


def host(own, peer, keeper, ways, version):
    """All calls of one version, one behind the other."""
    for how in ways:
        terminal = Terminal(own, (peer, keeper), version)
        if how not in ("routed", "called"):
            say(terminal.line_of(how, terminal.calls((peer, SIGNALLING), how, "peer")))
    if not {"routed", "called"} & set(ways):
        return
    registrar = Registrar(own, peer, keeper, version)
    registrar.registers()
    terminal = Terminal(own, (peer, keeper), version)
    had = terminal.calls(registrar.is_admitted("peer"), "routed", "peer", registrar.name)
    say(terminal.line_of("routed", had))
    terminal = Terminal(own, (peer, keeper), version)
    connection, _ = registrar.listener.accept()
    registrar.is_admitted(registrar.name, answering=True)
    _, _, had = terminal.answers(connection)
    registrar.leaves()
    say(terminal.line_of("called", had) + registrar.witness.verdict())


def peer(own, keeper, seconds):
    listener = socket.create_server((own, SIGNALLING))
    listener.settimeout(seconds)

    def serve(connection):
        terminal = Terminal(own, (keeper,), 0)
        how, caller, had = terminal.answers(connection)
        routed = caller.startswith("host-")
        say(terminal.line_of("routed" if routed else how, had))
        if routed:
            back = Terminal(own, (keeper,), terminal.version)
            say(back.line_of("called", back.calls((keeper, SIGNALLING), "called", caller)))

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


# --- gatekeeper --------------------------------------------------------------------


class Keeper:
    """Registers who asks, and carries call signalling between those it knows."""

    def __init__(self, own, peer):
        self.own, self.known = own, {"peer": (peer, SIGNALLING)}
        self.ras, self.signalling = address((own, RAS)), address((own, SIGNALLING))

    def registers(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((self.own, RAS))
        while True:
            data, asker = server.recvfrom(4096)
            witness = Witness(self.own, ())
            kind, value = decoded(H225.RasMessage, data)
            witness.heard(data)
            witness.understood((kind, value))
            kind, more = self.answer(kind, value, witness)
            answer = (kind, {"requestSeqNum": value["requestSeqNum"], **more})
            server.sendto(encoded(H225.RasMessage, answer), asker)

    def answer(self, kind, value, witness):
        match kind:
            case "gatekeeperRequest":
                return "gatekeeperConfirm", {
                    "protocolIdentifier": value["protocolIdentifier"], "rasAddress": self.ras}
            case "registrationRequest":
                name = value["terminalAlias"][0][1]
                self.known[name] = place_of(value["callSignalAddress"][0])
                say(f"{value['protocolIdentifier'][-1]} registered{witness.verdict()}")
                return "registrationConfirm", {
                    "protocolIdentifier": value["protocolIdentifier"], "callSignalAddress": value["callSignalAddress"],
                    "endpointIdentifier": name, "timeToLive": 600, "willRespondToIRR": False,
                    "maintainConnection": False}
            case "admissionRequest":
                say(f"{value['endpointIdentifier'][-1]} admitted{witness.verdict()}")
                return "admissionConfirm", {
                    "bandWidth": 1280, "callModel": ("gatekeeperRouted", 0), "destCallSignalAddress": self.signalling,
                    "willRespondToIRR": False, "uuiesRequested": NOTHING_ASKED}
            case "disengageRequest":
                return "disengageConfirm", {}
            case "unregistrationRequest":
                say(f"{value['endpointIdentifier'][-1]} left{witness.verdict()}")
                return "unregistrationConfirm", {}
        raise ValueError(kind)

    def carries(self, connection):
        """A call: its first message anew, as what goes to its next hop, and all others as they are."""
        witness = Witness(self.own, (self.known["peer"][0],))
        caller = Line(connection, witness)
        _, reference, pdu = user_information(caller.read())
        witness.understood(pdu)
        setup = pdu["h323-message-body"][1]
        place = self.known[setup["destinationAddress"][0][1]]
        callee = Line(socket.create_connection(place, timeout=PATIENCE), witness)
        setup["destCallSignalAddress"] = address(place)
        setup["sourceCallSignalAddress"] = address(callee.connection.getsockname())
        callee.send(call(SETUP, reference, ("setup", setup)))

        def pass_on(one, other):
            with contextlib.suppress(OSError):
                while True:
                    other.send(one.read())
            with contextlib.suppress(OSError):
                other.connection.shutdown(socket.SHUT_WR)

        back = threading.Thread(target=pass_on, args=(callee, caller), daemon=True)
        back.start()
        pass_on(caller, callee)
        back.join()
        say(f"{setup['protocolIdentifier'][-1]} carried{witness.verdict()}")
        for line in (caller, callee):
            line.connection.close()


def keeper(own, peer, seconds):
    one = Keeper(own, peer)
    threading.Thread(target=one.registers, daemon=True).start()
    listener = socket.create_server((own, SIGNALLING))
    listener.settimeout(seconds)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one.carries, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "host":
        own_address, peer_address, keeper_address, listed, *versions = rest
        hosts = [threading.Thread(target=host, args=(own_address, peer_address, keeper_address, listed.split(","),
                                                     int(number)))
                 for number in versions]
        for one in hosts:
            one.start()
        for one in hosts:
            one.join()
    else:
        with contextlib.suppress(TimeoutError):
            *rest, last = rest
            {"peer": peer, "keeper": keeper}[role](*rest, float(last))
