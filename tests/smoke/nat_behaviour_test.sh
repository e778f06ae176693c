#!/usr/bin/env bash
# What a stranger's discovery program makes of it (RFC 5780): coturn's.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly OTHER=192.0.2.11

smoke_topology
if [[ -n $(missing_packages coturn) ]]; then
    (need_packages coturn) || skip "coturn cannot be installed here"
fi
ip -n "$(ns outside)" address add "$OTHER/32" dev lo
spawn "$PTL_WORK/stun.log" ip netns exec "$(ns outside)" turnserver -n --stun-only --no-tls --no-dtls \
    --no-cli --listening-ip="$SERVER" --listening-ip="$OTHER" --log-file=stdout --simple-log \
    --pidfile="$PTL_WORK/stun.pid" --userdb="$PTL_WORK/stun.db"
wait_until 10 listening outside udp "$SERVER:3478" || die "the STUN server did not start"

# finds KIND TEXT: the program's verdict on mapping (-m), filtering (-f) or hairpin (-H).
finds() {
    in_ns inside-a timeout 60 turnutils_natdiscovery "$1" "$SERVER" >"$PTL_WORK/found" 2>&1 || true
    grep -qi "$2" "$PTL_WORK/found" || { cat "$PTL_WORK/found"; return 1; }
}

for filtering in endpoint-independent address-dependent address-and-port-dependent; do
    smoke_config "s/filtering: address-dependent/filtering: $filtering/"
    start_portolan
    check "$filtering: the mapping is endpoint-independent" finds -m 'Endpoint Independent Mapping'
    case $filtering in
        endpoint-independent) verdict='Endpoint Independent Filtering' ;;
        address-dependent) verdict='Address Dependent Filtering' ;;
        *) verdict='Address and Port Dependent Filtering' ;;
    esac
    check "$filtering: filtering is as configured" finds -f "$verdict"
    stop "$PORTOLAN_PID"
done
smoke_config 's/mapping: endpoint-independent/mapping: address-and-port-dependent/'
start_portolan
check "address-and-port-dependent mapping is found" finds -m 'Address and Port Dependent Mapping'
finish
