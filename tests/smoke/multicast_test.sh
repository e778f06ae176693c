#!/usr/bin/env bash
# Real hosts join groups through Portolan and send to them (RFC 5135), with two workers
# where there are cores for them.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

GROUP=233.1.2.3 SSM=232.1.2.3 OTHER=234.1.2.3

# host ROLE LOG ADDRESS VIA VERB ARGUMENTS...: a program of a host, which speaks from ADDRESS by
# the interface with the address VIA; its words go to LOG.
host() {
    local role=$1 log=$2
    shift 2
    spawn "$PTL_WORK/$log" ip netns exec "$(ns "$role")" /usr/bin/python3 -c "$PROGRAM" "$@"
}

# join GROUP [SOURCE]: prints who sends to it and answers from the own address.
# send GROUP WORD PORT: sends WORD from PORT five times a second, 20 times; prints answers.
PROGRAM='
import socket, sys, time
own, via, verb, group, *rest = sys.argv[1:]
pack = lambda *addresses: b"".join(map(socket.inet_aton, addresses))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if verb == "join":
    s.bind((group, 6000))
    answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answers.bind((own, 6000))
    if rest:
        s.setsockopt(socket.IPPROTO_IP, 39, pack(group, via, rest[0]))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, pack(group, via))
    print("joined", flush=True)
    while True:
        data, who = s.recvfrom(2048)
        print(data.decode(), *who, flush=True)
        answers.sendto(b"answer", who)
s.bind((own, int(rest[1])))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, pack(via))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
s.setblocking(False)
for turn in range(20):
    s.sendto(rest[0].encode(), (group, 6000))
    time.sleep(0.2)
    try:
        data, who = s.recvfrom(2048)
        print(data.decode(), *who, flush=True)
    except BlockingIOError:
        pass
'

# heard LOG REGEX: a line of a program is so.
heard() { grep -qE "$2" "$PTL_WORK/$1"; }

# moved COUNTER: it has moved.
moved() { (($(counter "$1") > 0)); }

smoke_topology
edits=("\$a multicast: { upstream: outside, downstream: [inside] }")
if (($(nproc) >= 2)); then
    cores='[0, 1]'
    if (($(nproc) >= 3)); then
        cores='[1, 2]'
    fi
    edits+=("s/^workers:.*/workers: { cores: $cores, slow_path_core: 0 }/"
        's/,iface=ptl-[a-z]*/&,qpairs=2/')
fi
smoke_config "${edits[@]}"
start_portolan

router=198.51.100.254
host inside-a joined 10.64.0.10 10.64.0.10 join "$GROUP"
check "a host joins a group" wait_until 60 heard joined joined
host outside sent "$router" "$router" send "$GROUP" picture 5000
check "what is sent to the group outside reaches it" wait_until 60 heard joined "^picture $router 5000"
check "its answer comes from an outside address" wait_until 60 heard sent '^answer 203\.0\.113\.'

host inside-b wanted 10.64.0.20 10.64.0.20 join "$SSM" "$router"
check "a host joins a group for one source" wait_until 60 heard wanted joined
host outside sent-other "$SERVER" "$router" send "$SSM" unwanted 5001
host outside sent-wanted "$router" "$router" send "$SSM" wanted 5002
check "it gets that source" wait_until 60 heard wanted "^wanted $router 5002"
check "the other was dropped here" wait_until 60 moved drop.multicast_no_member

host outside member "$router" "$router" join "$OTHER"
wait_until 60 heard member joined
host inside-a told 10.64.0.10 10.64.0.10 send "$OTHER" question 5003
host inside-b told-too 10.64.0.20 10.64.0.20 send "$OTHER" question 5003
check "what a host sends to a group leaves with an outside address" wait_until 60 heard member '^question 203\.0\.113\.'
check "and the unicast answer of a member comes back" wait_until 60 heard told "^answer $router 6000"
check "to another host as well" wait_until 60 heard told-too "^answer $router 6000"
check "what the hosts said upstream was in Portolan's own name" wait_until 60 moved igmp.reports_sent
check "nothing was malformed" equal "$(counter drop.igmp)" 0
finish
