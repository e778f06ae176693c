"""Scenarios for sipp, both sides of each from one description.

    scenarios.py DIRECTORY

writes DIRECTORY/NAME-caller.xml and NAME-callee.xml for every flow below, and the sound they
play, DIRECTORY/silence.raw and silence.pcap. A step is `>` for what the caller sends or `<` for what the callee
does, with the number of the dialog in front if it is not the first; then a method, or a status
with the method it answers; then what comes with it:

    sdp         a description of media; `hold` and `moved` say how it differs
    100rel      the response wants a PRACK
    refer, refer-replaces, refer-consulted
                where to: back here, back here in the place of a call of this side's, to the
                other side in the place of dialog 2
    replaces    what the REFER said
    100, 200    what a NOTIFY reports

`media` starts both sides' sound, `pause` stops it and `resume` goes on; whoever says the next thing
waits so long, as with `more`, and both do at the end.
"""

import struct
import sys

ANSWERED = [">INVITE sdp", "<180 INVITE", "<200 INVITE sdp", ">ACK", "media"]
SECOND = ["2>INVITE sdp", "2<200 INVITE sdp", "2>ACK"]
HUNG_UP = [">BYE", "<200 BYE"]
REPORTED = ["<NOTIFY 200", ">200 NOTIFY"]
ACCEPTED = ["<202 REFER", "<NOTIFY 100", ">200 NOTIFY"]
CALLED_BACK = ["2>200 INVITE sdp", "2<ACK", "more"]
CALLED_BACK_ENDS = ["2<BYE", "2>200 BYE"]

FLOWS = {
    "register": [">REGISTER", "<200 REGISTER"],
    "call": [*ANSWERED, *HUNG_UP],
    "left": ANSWERED,
    "many": [">INVITE sdp own", "<180 INVITE", "<200 INVITE sdp own", ">ACK", "some", *HUNG_UP],
    "hold": [
        *ANSWERED,
        *[">INVITE sdp hold", "<200 INVITE sdp hold", ">ACK", "pause"],
        *["<INVITE sdp moved", ">200 INVITE sdp moved", "<ACK", "resume"],
        *HUNG_UP,
    ],
    "prack": [
        *[">INVITE sdp", "<183 INVITE sdp 100rel", ">PRACK", "<200 PRACK", "media"],
        *["<200 INVITE", ">ACK", *HUNG_UP],
    ],
    "late": [
        *[">INVITE", "<183 INVITE sdp 100rel", ">PRACK sdp", "<200 PRACK", "media"],
        *["<200 INVITE", ">ACK", *HUNG_UP],
    ],
    "cancel": [
        *[">INVITE sdp", "<180 INVITE", ">CANCEL", "<200 CANCEL", "<487 INVITE", ">ACK"],
    ],
    "blind": [
        *[*ANSWERED, ">REFER refer", *ACCEPTED, "2<INVITE sdp", *CALLED_BACK],
        *[*REPORTED, *HUNG_UP, *CALLED_BACK_ENDS],
    ],
    "attended": [
        *[*ANSWERED, ">REFER refer-replaces", *ACCEPTED, "2<INVITE sdp replaces", *CALLED_BACK],
        *[*REPORTED, *HUNG_UP, *CALLED_BACK_ENDS],
    ],
    "consulted": [
        *[*ANSWERED, *SECOND, ">REFER refer-consulted", *ACCEPTED, *REPORTED],
        *["2<BYE", "2>200 BYE", *HUNG_UP],
    ],
}

REASONS = {
    "180": "Ringing",
    "183": "Session Progress",
    "200": "OK",
    "202": "Accepted",
    "487": "Request Terminated",
}
# Twenty milliseconds of G.711.
SILENCE = b"\xff" * 160
SOUND = '<exec rtp_stream="silence.raw,-1,0,PCMU/8000"/>'
WAITS = {"media": (SOUND, 300), "pause": ('<exec rtp_stream="pause"/>', 100)}
WAITS["more"] = ("", 200)
WAITS["resume"] = ('<exec rtp_stream="resume"/>', 300)
CONTACT = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>"
# Of a call this side has with somebody beside it, which nobody else has heard of.
CONSULTED = "consulted-[call_number]%40[local_ip]%3Bto-tag%3Dthere%3Bfrom-tag%3Dhere"


class Side:
    """What one side says and expects."""

    def __init__(self, arrow, name):
        self.arrow, self.name = arrow, name
        self.out, self.variables = [], set()
        self.began, self.cseq, self.invite = {}, {}, {}

    def xml(self, flow):
        steps = FLOWS[flow]
        for step, after in zip(steps, [*steps[1:], ""]):
            self.step(step, not after or self.arrow in after[:2])
        names = ",".join(sorted(self.variables))
        used = f'<Reference variables="{names}"/>' if names else ""
        return f'<scenario name="{flow}">\n' + "\n".join(self.out) + used + "\n</scenario>\n"

    def step(self, step, is_next):
        if step == "some":
            return self.some()
        if step in WAITS:
            action, wait = WAITS[step]
            if action:
                self.out.append(f"<nop><action>{action}</action></nop>")
            if is_next:
                self.out.append(f'<pause milliseconds="{wait}"/>')
            return None
        dialog = "1"
        if step[0].isdigit():
            dialog, step = step[0], step[1:]
        arrow, (what, *more) = step[0], step[1:].split()
        say = self.send if arrow == self.arrow else self.receive
        return say(dialog, what, more)

    def some(self):
        """Five seconds of sound in one call of twenty, as it comes, from and to a port that no other
        call has; the caller lets all of them stand as long as -d says."""
        self.out.append('<nop chance="0.95" next="quiet"/>')
        self.out.append('<nop><action><exec play_pcap_audio="silence.pcap"/></action></nop>')
        self.out.append('<label id="quiet"/>')
        if self.arrow == ">":
            self.out.append("<pause/>")

    # --- sending

    def send(self, dialog, what, more):
        head = self.response(dialog, what, more) if what.isdigit() else self.request(dialog, what, more)
        body = []
        if "sdp" in more:
            head.append("Content-Type: application/sdp")
            body = self.sdp(more)
        if what == "NOTIFY":
            head += ["Event: refer", "Content-Type: message/sipfrag"]
            head.append("Subscription-State: " + ("active;expires=60" if more == ["100"] else "terminated;reason=noresource"))
            body = ["SIP/2.0 " + ("100 Trying" if more == ["100"] else "200 OK")]
        text = "\n".join([*head, "Content-Length: [len]", "", *body])
        final = what >= "200" and "INVITE" in more if what.isdigit() else what != "ACK"
        again = ' retrans="500"' if final else ""
        self.out.append(f"<send{again}><![CDATA[\n{text}\n\n]]></send>")

    def response(self, dialog, what, more):
        start = f"SIP/2.0 {what} {REASONS[what]}"
        if more[0] == "INVITE":
            names = [("Via", "via"), ("From", "from"), ("To", "to"), ("Call-ID", "id"), ("CSeq", "cseq")]
            lines = [f"{header}:[${name}{dialog}]" for header, name in names]
            if self.invite[dialog]:
                lines[2] += f";tag={self.tag(dialog)}"
        else:
            lines = [f"[last_{header}:]" for header in ("Via", "From", "To", "Call-ID", "CSeq")]
        if more[0] == "REGISTER":
            lines[2] += ";tag=registrar"
            return [start, *lines, "[last_Contact:]", "Expires: 600"]
        if "100rel" in more:
            lines += ["Require: 100rel", "RSeq: 1"]
        return [start, *lines, CONTACT]

    def request(self, dialog, what, more):
        begins = dialog not in self.began
        if begins:
            self.began[dialog], self.cseq[dialog] = True, 0
        if what not in ("ACK", "CANCEL"):
            self.cseq[dialog] += 1
        number = self.cseq[dialog] if what == "CANCEL" or what != "ACK" else self.invite[dialog]
        if what == "INVITE":
            self.invite[dialog] = number
        # ACK and CANCEL go with their INVITE; so does the ACK of an error, by its branch.
        branch = number if what in ("ACK", "CANCEL", "INVITE") else f"{number}{what}"
        if begins and what == "INVITE" and dialog == "2" and self.arrow == "<":
            uri = "[$refer]"
        elif begins or what == "CANCEL" or f"contact{dialog}" not in self.variables:
            uri = "sip:[service]@[remote_ip]:[remote_port]"
        else:
            uri = f"[$contact{dialog}]"
        if self.began[dialog]:
            me = f"<sip:{self.name}@[local_ip]:[local_port]>;tag={self.tag(dialog)}"
            to = "<sip:[service]@[remote_ip]:[remote_port]>"
            if not begins and what != "CANCEL":
                to += f"[$tag{dialog}]"
        else:
            me, to = f"[$to{dialog}];tag={self.tag(dialog)}", f"[$from{dialog}]"
        call_id = "[call_id]" if dialog == "1" else f"{dialog}///[call_id]"
        contact = CONTACT
        if what == "REGISTER":
            contact = "Contact: <sip:phone@[local_ip]:[contact];transport=[transport]>\nExpires: 600"
        lines = [
            f"{what} {uri} SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK{self.tag(dialog)}-{branch}",
            f"From: {me}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} {what}",
            "Max-Forwards: 70",
            contact,
        ]
        if what == "PRACK":
            lines.append(f"RAck: 1 {self.invite[dialog]} INVITE")
        if what == "INVITE":
            lines.append("Supported: 100rel, replaces")
        here = "sip:third@[local_ip]:[local_port];transport=[transport]"
        if "refer" in more:
            lines.append(f"Refer-To: <{here}>")
        if "refer-replaces" in more:
            lines.append(f"Refer-To: <{here}?Replaces={CONSULTED}>")
        if "refer-consulted" in more:
            call = f"2///[call_number]-[pid]%40[local_ip]%3Bto-tag%3D[$peer2]%3Bfrom-tag%3D{self.tag('2')}"
            lines.append(f"Refer-To: <[$contact2]?Replaces={call}>")
        if what == "REFER":
            lines.append(f"Referred-By: <sip:{self.name}@[local_ip]:[local_port]>")
        if "replaces" in more:
            lines.append("Replaces: [$who]@[$where];to-tag=there;from-tag=here")
        return lines

    def tag(self, dialog):
        return f"{self.name}{dialog}-[pid]-[call_number]"

    def sdp(self, more):
        port = "[media_port+4]" if "moved" in more else "[rtpstream_audio_port]"
        if "own" in more:
            port = "[auto_media_port]"
        way = "sendrecv"
        if "hold" in more:
            way = "sendonly" if self.arrow == ">" else "recvonly"
        return [
            "v=0",
            f"o={self.name} 1 {len(self.out) + 1} IN IP4 [local_ip]",
            "s=-",
            "c=IN IP4 [media_ip]",
            "t=0 0",
            f"m=audio {port} RTP/AVP 0",
            "a=rtpmap:0 PCMU/8000",
            f"a={way}",
        ]

    # --- receiving

    def receive(self, dialog, what, more):
        find = []
        if what.isdigit():
            kind = f'response="{what}"'
            if what in ("180", "183", "200") and self.began.get(dialog) and more[0] == "INVITE":
                find += [self.part("To", "(;tag=[^;]*)", f"tag{dialog}"), self.part("To", ";tag=([^;]*)", f"peer{dialog}")]
        else:
            kind = f'request="{what}"'
            if what == "INVITE":
                # Not so in a later one: its To has a tag already.
                self.invite[dialog] = dialog not in self.began
                for header, name in (("Via", "via"), ("Call-ID", "id"), ("CSeq", "cseq")):
                    find.append(self.part(header, "(.*)", name + dialog))
                for header, name in (("From", "from"), ("To", "to")):
                    if dialog not in self.began or what == "INVITE":
                        find.append(self.part(header, "(.*)", name + dialog))
            if dialog not in self.began:
                self.began[dialog], self.cseq[dialog] = False, 0
            if what == "REFER":
                find.append(self.part("Refer-To", "<(sip:[^?>]*)", "refer"))
                if more == ["refer-replaces"]:
                    find.append(self.part("Refer-To", "Replaces=([^%]*)%40", "who"))
                    find.append(self.part("Refer-To", "%40([^%]*)%3Bto-tag%3Dthere", "where"))
        if what in ("INVITE", "180", "183", "200") and what not in more and (what == "INVITE" or more[0] == "INVITE"):
            find.append(self.part("Contact", "<(sip:[^>]*)>", f"contact{dialog}"))
        action = f"<action>{''.join(find)}</action>" if find else ""
        self.out.append(f"<recv {kind}>{action}</recv>")

    def part(self, header, pattern, name):
        pattern = pattern.replace("<", "&lt;").replace(">", "&gt;")
        self.variables |= {"all", name}
        return f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="all,{name}"/>'


def packet(number):
    """RTP over UDP, IPv4 and Ethernet; sipp puts its own addresses in."""
    rtp = struct.pack(">BBHII", 0x80, 0, number, number * 160, 1) + SILENCE
    udp = struct.pack(">HHHH", 4000, 4000, 8 + len(rtp), 0) + rtp
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0x7F000001, 0x7F000001)
    return bytes(12) + b"\x08\0" + ip + udp


def main(directory):
    for flow in FLOWS:
        for arrow, name in ((">", "caller"), ("<", "callee")):
            with open(f"{directory}/{flow}-{name}.xml", "w", encoding="ascii") as file:
                file.write('<?xml version="1.0" encoding="UTF-8"?>\n' + Side(arrow, name).xml(flow))
    with open(f"{directory}/silence.raw", "wb") as file:
        file.write(SILENCE * 75)
    with open(f"{directory}/silence.pcap", "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(250):
            frame = packet(number)
            file.write(struct.pack("<IIII", number // 50, number % 50 * 20_000, len(frame), len(frame)) + frame)


main(sys.argv[1])
