"""Hosts that ask by PCP.

_pcp.py client PORT SECONDS: libtorrent, whose client asks for one port of TCP and one of UDP, prolongs
them for so long and deletes them at the end. Says "PROTOCOL PORT" for each that was granted, and at the
end which protocol was spoken. What it says by the way goes to standard error.

_pcp.py refused SERVER OWN OTHER PORT: requests that must not be granted, as no honest client makes them.
Says the result code of each: the mapping of PORT with another nonce, the same to be deleted, one more, and
one in the name of OTHER.
"""

import ipaddress
import socket
import struct
import sys
import time


def client(port, seconds):
    import libtorrent as lt

    session = lt.session({
        "listen_interfaces": f"0.0.0.0:{port}",
        "enable_natpmp": True,
        "enable_upnp": False,
        "enable_lsd": False,
        "enable_dht": False,
        "alert_mask": lt.alert.category_t.port_mapping_notification
        | lt.alert.category_t.port_mapping_log_notification,
    })
    end = time.monotonic() + seconds
    granted, spoken = set(), set()
    while time.monotonic() < end:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            text = alert.message()
            print(text, file=sys.stderr, flush=True)
            if isinstance(alert, lt.portmap_alert):
                line = f"{alert.map_protocol} {alert.external_port}"
                if line not in granted:
                    granted.add(line)
                    print(line, flush=True)
            elif "transport: " in text:
                spoken.add(text.split("transport: ")[1].split()[0])
    # Ends with requests to delete.
    del session
    print(*sorted(spoken), flush=True)


def mapped(address):
    return ipaddress.IPv6Address("::ffff:" + address).packed


def refused(server, own, other, port):
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.settimeout(2)
    line.connect((server, 5351))

    def code(lifetime, port, option=b""):
        head = struct.pack(">BBHI", 2, 1, 0, lifetime) + mapped(own)
        data = b"another one!" + struct.pack(">BxxxHH", 17, port, 0) + mapped("0.0.0.0")
        line.send(head + data + option)
        return line.recv(1100)[3]

    third_party = struct.pack(">BxH", 1, 16) + mapped(other)
    print(code(600, port), code(0, port), code(600, port + 1), code(600, port, third_party))


if sys.argv[1] == "client":
    client(int(sys.argv[2]), float(sys.argv[3]))
else:
    refused(*sys.argv[2:5], int(sys.argv[5]))
