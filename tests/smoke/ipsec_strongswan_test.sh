#!/usr/bin/env bash
# strongSwan: two clients behind Portolan and one gateway, with NAT traversal; then the same
# with port 500 kept for both at once.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_charon.sh
source "$(dirname "$0")/_charon.sh"

[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun for ESP in user space"
smoke_topology
need_packages strongswan-charon strongswan-swanctl libcharon-extra-plugins
# Both share one address.
ONE='s|prefixes: \[203.0.113.0/28\]|prefixes: [203.0.113.1/32]|'
smoke_config "$ONE" '/^  static:/,/^$/d'
start_portolan
in_ns outside ip address add 10.99.0.1/32 dev lo
in_ns inside-a ip address add 10.98.0.10/32 dev lo
in_ns inside-b ip address add 10.98.0.20/32 dev lo

begin_charons() {
    charon outside || return 1
    connection outside "$SERVER" 0.0.0.0/0 gateway %any "$GATEWAY_NET" 10.98.0.0/24
    local host
    for host in a:10 b:20; do
        charon "inside-${host%:*}" || return 1
        connection "inside-${host%:*}" "10.64.0.${host#*:}" "$SERVER" "client-${host%:*}" gateway \
            "10.98.0.${host#*:}/32" "$GATEWAY_NET"
    done
}

up() { swan "$1" --initiate --child net >"$PTL_WORK/up-$1" 2>&1; }
pings() { in_ns "$1" ping -c 3 -i 0.2 -W 2 -I "$2" 10.99.0.1 >"$PTL_WORK/ping" 2>&1; }
rekeys() { swan "$1" --rekey --child net >"$PTL_WORK/rekey-$1" 2>&1 && sleep 1; }
shown() { portolan show ipsec --json | tee "$PTL_WORK/shown" | jq -e "$1" >/dev/null || { cat "$PTL_WORK/shown"; return 1; }; }

begin_charons || skip "charon does not start here: $(tail -n 1 "$PTL_WORK"/charon-*/out)"

say "with NAT traversal"
check "client a is connected" up inside-a
check "client b is connected" up inside-b
check "a reaches the net behind the gateway" pings inside-a 10.98.0.10
check "b reaches it too" pings inside-b 10.98.0.20
check "a keys anew" rekeys inside-a
check "b keys anew" rekeys inside-b
check "a still reaches it" pings inside-a 10.98.0.10
check "b still reaches it" pings inside-b 10.98.0.20
# With ESP in user space charon pretends a NAT, so that its hash is wrong before it gets here.
check "both are shown, with a NAT found and payload in UDP" shown \
    'length == 2 and all(.ike == 2 and .nat_detection == "differs-before" and .encapsulation == "udp" and .nat_traversal == [true, true])'

say "port 500 kept"
stop "$PORTOLAN_PID"
smoke_config "$ONE" '/^  static:/,/^$/d' '$ a alg: { ike: { preserve_port: [10.64.0.0/16] } }'
start_portolan
for role in inside-a inside-b outside; do
    swan "$role" --terminate --ike peer --force >/dev/null 2>&1 || true
done
kept() { portolan show translations --json | jq -e '[.[] | select(.outside == "203.0.113.1:500")] | length >= 2' >/dev/null; }
check "client a is connected" up inside-a
check "client b is connected" up inside-b
check "both have port 500 outside" kept
check "a reaches the net behind the gateway" pings inside-a 10.98.0.10
check "b reaches it too" pings inside-b 10.98.0.20

finish
