#!/usr/bin/env bash
# Two inside hosts reach each other by outside addresses (RFC 4787 REQ-9, RFC 5382
# REQ-8), by a static mapping and by a dynamic one.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start 's/filtering: address-dependent/filtering: endpoint-independent/'
serve_hello

# inside-b opens a mapping towards the server and waits for somebody to write to it.
dynamic_mapping() {
    local outside
    spawn "$PTL_WORK/udp-b" ip netns exec "$(ns inside-b)" /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.64.0.20", 5000))
s.settimeout(20)
s.sendto(b"open", ("192.0.2.10", 9))
while True:
    data, who = s.recvfrom(2048)
    print(who[0], flush=True)
    s.sendto(b"echo " + data, who)'
    wait_until 60 mapped || return 1
    outside=$(mapping_of 10.64.0.20:5000)
    in_ns inside-a /usr/bin/python3 -c '
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(b"hello", (host, int(port)))
data, who = s.recvfrom(2048)
assert data == b"echo hello", data
assert who == (host, int(port)), who' "$outside"
}

mapping_of() {
    portolan show mappings --json |
        jq -r --arg inside "$1" 'map(select(.protocol == "udp" and .inside == $inside) | .outside) | first // ""'
}

mapped() { [[ -n $(mapping_of 10.64.0.20:5000) ]]; }

check "inside-a reaches inside-b by the forwarded address" says_hello inside-a "http://$FORWARD/hello.txt"
check "inside-b sees inside-a's outside address" matches "$(last_client inside-b)" '^203\.0\.113\.'
check "inside-b reaches itself by the forwarded address" says_hello inside-b "http://$FORWARD/hello.txt"
check "UDP to a dynamic mapping, and the answer from it" dynamic_mapping
check "the receiver saw an outside address" matches "$(<"$PTL_WORK/udp-b")" '^203\.0\.113\.'

# With `source: preserve` the answer must come back by Portolan too, so inside-b
# gets a route to inside-a that leads there.
stop "$PORTOLAN_PID"
smoke_config 's/source: translate/source: preserve/'
start_portolan
ip -n "$(ns inside-b)" route add 10.64.0.10 via 10.64.0.1
check "source: preserve: inside-a reaches inside-b" says_hello inside-a "http://$FORWARD/hello.txt"
check "source: preserve: inside-b sees inside-a itself" equal "$(last_client inside-b)" 10.64.0.10
finish
