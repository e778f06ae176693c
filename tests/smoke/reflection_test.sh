#!/usr/bin/env bash
# An inside client reaches a server in a DMZ by the server's public address, and the
# server sees the client itself: configs/reflection.yaml, docs/reflection.md.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly CLIENT=10.0.30.2 NEIGHBOR=10.0.30.3 EXPRESSWAY=10.0.10.2
readonly PUBLIC=64.100.0.10 SHARED=64.100.0.11 NEIGHBOR_PUBLIC=64.100.0.12
# shellcheck disable=SC2034 # for _init.sh
SMOKE_BASE=reflection

#   client   10.0.30.2 --+
#                        +-- switch -- ptl-in [           ]
#   neighbor 10.0.30.3 --+                    [ appliance ] ptl-out -- outside 64.100.0.1
#   server   10.0.10.2 ----------------ptl-dmz[           ]                    192.0.2.10
topology() {
    local role
    for role in appliance switch client neighbor server outside; do
        new_ns "$role"
    done
    wire client eth0 switch port-a
    wire neighbor eth0 switch port-b
    wire appliance ptl-in switch port-nat
    wire server eth0 appliance ptl-dmz
    wire outside eth0 appliance ptl-out

    ip -n "$(ns switch)" link add bridge0 type bridge forward_delay 0 mcast_snooping 0
    for role in port-a port-b port-nat; do
        ip -n "$(ns switch)" link set "$role" master bridge0
    done
    ip -n "$(ns switch)" link set bridge0 up

    ip -n "$(ns client)" address add "$CLIENT/24" dev eth0
    ip -n "$(ns client)" route add default via 10.0.30.1
    ip -n "$(ns neighbor)" address add "$NEIGHBOR/24" dev eth0
    ip -n "$(ns neighbor)" route add default via 10.0.30.1
    ip -n "$(ns server)" address add "$EXPRESSWAY/24" dev eth0
    ip -n "$(ns server)" route add default via 10.0.10.1
    # No route inwards: what is not translated finds no way back.
    ip -n "$(ns outside)" address add 64.100.0.1/24 dev eth0
    ip -n "$(ns outside)" address add "$SERVER/32" dev lo
}

# serve ROLE ADDRESS: what _peer.py serves; its log in PTL_WORK/peer-ROLE.log.
serve() {
    spawn "$PTL_WORK/peer-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 "$PTL_ROOT/tests/smoke/_peer.py" "$2" "$PTL_WORK/cert.pem" "$PTL_WORK/key.pem"
    wait_until 60 listening "$1" udp "$2:7005" || die "the server on $1 did not start"
    wait_until 60 listening "$1" tcp "$2:7001" || die "the server on $1 did not start"
}

# sees ROLE URL PORT EXPECTED [CURL ARGUMENT]...: who the server says it sees when ROLE
# asks from local port PORT.
sees() {
    local role=$1 url=$2 port=$3 expected=$4
    shift 4
    in_ns "$role" curl -sS --max-time 5 --local-port "$port" --cacert "$PTL_WORK/cert.pem" "$@" "$url/who" \
        >"$PTL_WORK/who" || return 1
    matches "$(<"$PTL_WORK/who")" "^${expected//./\\.}\$"
}

unreached() { ! in_ns "$1" curl -s --max-time 3 -o "$PTL_WORK/who" "$2/who"; }

# A session as SIP over TLS has it: one connection, the server's certificate verified,
# several requests, from a port of the client's own choice.
tls_session() {
    local request='GET /who HTTP/1.1\r\nHost: expe\r\n\r\n'
    printf "%b" "$request$request" >"$PTL_WORK/requests"
    in_ns client timeout 10 bash -c "openssl s_client -quiet -no_ign_eof -verify_return_error \
        -verify_ip $PUBLIC -CAfile '$PTL_WORK/cert.pem' -bind $CLIENT:27901 -connect $PUBLIC:7001 \
        < <(cat '$PTL_WORK/requests'; sleep 1)" >"$PTL_WORK/tls" 2>"$PTL_WORK/tls.log" ||
        { cat "$PTL_WORK/tls.log"; return 1; }
    equal "$(grep -c "^$CLIENT:27901\$" "$PTL_WORK/tls")" 2
}

# big URL: 4 MiB arrive intact.
big() {
    in_ns client curl -sS --max-time 30 --cacert "$PTL_WORK/cert.pem" -o "$PTL_WORK/big" "$1/big" || return 1
    equal "$(sha256sum <"$PTL_WORK/big")" \
        "$(/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * (4 << 12))' | sha256sum)"
}

# udp_sees ROLE PORT EXPECTED: the same over UDP; the answer comes from whom it was asked.
udp_sees() {
    in_ns "$1" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[2])))
s.connect((sys.argv[1], 7003))
s.settimeout(5)
s.send(b"who")
print(s.recv(2048).decode())' "$PUBLIC" "$2" >"$PTL_WORK/who" || return 1
    equal "$(<"$PTL_WORK/who")" "$3"
}

# A port nobody serves: the ICMP error reaches the client's socket.
refused_by_icmp() {
    in_ns client /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 7004))
s.settimeout(5)
s.send(b"anybody?")
try:
    s.recv(2048)
except ConnectionRefusedError:
    sys.exit(0)
sys.exit(1)' "$PUBLIC"
}

# The other way: the server writes to a socket the client has closed.
refuses_by_icmp() {
    in_ns client /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 27905))
s.connect((sys.argv[1], 7005))
s.settimeout(5)
s.send(b"who")
assert s.recv(2048) == b"now"' "$PUBLIC" || return 1
    wait_until 60 grep -qx "refused by $CLIENT:27905" "$PTL_WORK/peer-server.log"
}

# A TCP port nobody serves: the server's RST is the client's at once.
refused_by_reset() {
    local status=0
    in_ns client curl -s --max-time 5 -o "$PTL_WORK/who" "http://$PUBLIC:81/who" || status=$?
    equal "$status" 7
}

# A connection the client resets ends at the server too.
resets() {
    in_ns client /usr/bin/python3 -c '
import socket, struct, sys
s = socket.create_connection((sys.argv[1], 80), 5, ("", 27906))
s.send(b"GET /who HTTP/1.1\r\nHost: expe\r\n\r\n")
assert s.recv(2048)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()' "$PUBLIC" || return 1
    wait_until 60 grep -qx "reset by $CLIENT:27906" "$PTL_WORK/peer-server.log"
}

# No connection is left half open on either side.
all_closed() {
    [[ -z $(ip netns exec "$(ns client)" ss -Htn state connected exclude time-wait) ]] &&
        [[ -z $(ip netns exec "$(ns server)" ss -Htn state connected exclude time-wait) ]]
}

# asks_outside ROLE PORT EXPECTED: who the outside host sees.
asks_outside() {
    in_ns "$1" curl -sS --max-time 5 --local-port "$2" "http://$SERVER/who" >"$PTL_WORK/who" || return 1
    matches "$(<"$PTL_WORK/who")" "^${3//./\\.}\$"
}

# start_with SED EXPRESSION...: Portolan anew, its configuration edited.
start_with() {
    [[ -z ${PORTOLAN_PID:-} ]] || stop "$PORTOLAN_PID"
    smoke_config "$@"
    start_portolan
}

smoke_topology
need_packages openssl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=expe \
    -addext "subjectAltName=IP:$PUBLIC" -keyout "$PTL_WORK/key.pem" -out "$PTL_WORK/cert.pem" 2>/dev/null
start_with
serve server "$EXPRESSWAY"
serve neighbor "$NEIGHBOR"
serve outside "$SERVER"

check "preserve: the server sees the client's own address and port" sees client "http://$PUBLIC" 27900 "$CLIENT:27900"
check "preserve: a TLS session, the certificate verified" tls_session
check "preserve: HTTPS with curl" sees client "https://$PUBLIC:7001" 27902 "$CLIENT:27902"
check "preserve: 4 MiB arrive intact" big "http://$PUBLIC"
check "preserve: 4 MiB arrive intact over TLS" big "https://$PUBLIC:7001"
check "preserve: UDP, and the answer is the public address's" udp_sees client 27903 "$CLIENT:27903"
check "preserve: ping" pings client 3 "$PUBLIC"
check "preserve: a datagram in fragments" pings client 2 -s 4000 "$PUBLIC"
check "preserve: an ICMP error of the server's reaches the client" refused_by_icmp
check "preserve: an ICMP error of the client's reaches the server" refuses_by_icmp
check "preserve: a port that is shut is refused at once" refused_by_reset
check "preserve: a reset reaches the server" resets
check "preserve: closed connections are closed on both sides" wait_until 60 all_closed
check "an outside client reaches the server and is seen as itself" sees outside "http://$PUBLIC" 27900 64.100.0.1:27900
check "the same over TLS, from further away" \
    sees outside "https://$PUBLIC:7001" 27902 "$SERVER:27902" --interface "$SERVER"
check "the server is seen outside as its public address" asks_outside server 27900 "$PUBLIC:27900"
check "the client is seen outside as the shared address" asks_outside client 27907 "$SHARED:[0-9]+"
check "the client reaches the server by its own address too, untranslated" \
    sees client "http://$EXPRESSWAY" 27908 "$CLIENT:27908"
check "and the server the client's network" sees server "http://$NEIGHBOR" 27909 "$EXPRESSWAY:27909"
check "the server reaches itself by its public address" sees server "http://$PUBLIC" 27910 "$PUBLIC:27910"

# Client and server in one network: the answer must be made to come back by Portolan.
one_armed="s|inside: 10.0.10.2, outside: 64.100.0.10 }|&\n    - { inside: $NEIGHBOR, outside: $NEIGHBOR_PUBLIC }|"
start_with "$one_armed"
check "one network, translate: the server is reached, and sees the shared address" \
    sees client "http://$NEIGHBOR_PUBLIC" 27911 "$SHARED:[0-9]+"
start_with "$one_armed" "s|destination: 64.100.0.10\$|destination: [64.100.0.10, $NEIGHBOR_PUBLIC]|"
check "one network, preserve: the server answers past Portolan, so the client gets nowhere" \
    unreached client "http://$NEIGHBOR_PUBLIC"
check "while the server in the other network is reached" sees client "http://$PUBLIC" 27912 "$CLIENT:27912"

# The difference: with `translate` the server sees a public address and another port.
start_with 's/source: preserve/source: translate/'
check "translate: the server sees the shared address" sees client "http://$PUBLIC" 27913 "$SHARED:[0-9]+"
check "translate: over TLS too" sees client "https://$PUBLIC:7001" 27914 "$SHARED:[0-9]+"
check "translate: an outside client is still seen as itself" sees outside "http://$PUBLIC" 27915 64.100.0.1:27915

# A rule that shuts the networks off from each other does not concern what is reflected.
start_with 's/action: pass/action: drop/'
check "networks shut off from each other: the server's own address is out of reach" \
    unreached client "http://$EXPRESSWAY"
check "its public address is not, and its answers come back" sees client "http://$PUBLIC" 27916 "$CLIENT:27916"

# Several workers: the client's and the server's need not be the same one.
if (($(nproc) >= 2)); then
    start_with 's/^workers:.*/workers: { cores: [0, 1], slow_path_core: 0 }/' 's/,iface=ptl-[a-z]*/&,qpairs=2/'
    for last in {20..27}; do
        ip -n "$(ns client)" address add "10.0.30.$last/24" dev eth0
        check "two workers, preserve: 10.0.30.$last reaches the server" \
            sees client "http://$PUBLIC" "279$last" "10.0.30.$last:279$last" --interface "10.0.30.$last"
    done
    check "two workers, preserve: TLS" tls_session
fi
finish
