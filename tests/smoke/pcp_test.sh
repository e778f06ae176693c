#!/usr/bin/env bash
# PCP with the client in Debian's libtorrent: it is granted two ports, by which the outside comes in,
# prolongs them and deletes them. What it may not have is refused. Debian's client of NAT-PMP is told
# that PCP is spoken here, and after a reload it is served: it learns its address, maps and deletes.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly SERVER_OF_PCP=10.64.0.1 HOST_A=10.64.0.10 HOST_B=10.64.0.20 PORT=6881
readonly PROGRAM=$PTL_ROOT/tests/smoke/_pcp.py

smoke_topology
need_packages python3-libtorrent natpmpc
# So short that the client has to prolong them while one looks.
smoke_config 's/^      filtering: .*/&\n      pcp: { max_mappings: 2, min_lifetime: 1s, max_lifetime: 4s }/'
mkdir -p "$PTL_WORK/www"
serve_web inside-b "$HOST_B" "$PORT" "$PTL_WORK/www"
start_portolan

explicit() { portolan show mappings --json | jq '[.[] | select(.kind == "pcp")] | length'; }
shows_explicit() { [[ $(explicit) == "$1" ]]; }
was_granted() { (($(grep -cE "^(tcp|udp) [0-9]+$" "$PTL_WORK/client.log") >= 2)); }
was_prolonged() { (($(counter pcp.granted) >= 4)); }
outside_of_tcp() {
    portolan show mappings --json |
        jq -r '.[] | select(.kind == "pcp" and .protocol == "tcp") | .outside'
}
connects() { in_ns outside timeout 5 bash -c "exec 3<>/dev/tcp/${1%:*}/${1#*:}"; }

spawn "$PTL_WORK/client.log" ip netns exec "$(ns inside-a)" \
    timeout 60 /usr/bin/python3 "$PROGRAM" client "$PORT" 5
CLIENT=$SPAWNED
check "the client is granted a port of TCP and one of UDP" wait_until 60 was_granted
check "they are shown as what they are" shows_explicit 2
check "the outside connects to the client's port" connects "$(outside_of_tcp)"

in_ns inside-a /usr/bin/python3 "$PROGRAM" refused "$SERVER_OF_PCP" "$HOST_A" "$HOST_B" "$PORT" \
    >"$PTL_WORK/refused" || true
check "another nonce, more than its share and another's name are refused" \
    equal "$(<"$PTL_WORK/refused")" "2 2 10 5"
in_ns inside-b timeout 5 natpmpc -g "$SERVER_OF_PCP" >"$PTL_WORK/natpmpc" 2>&1 || true
was_answered() { (($(counter pcp.unsupp_version) >= 1)); }
# Workers tell what they have counted a moment later.
check "the client of NAT-PMP is answered" wait_until 60 was_answered
check "and understands that its version is not spoken" \
    matches "$(<"$PTL_WORK/natpmpc")" 'UNSUPPORTEDVERSION|-14|ersion'

check "the client prolongs what it was granted" wait_until 60 was_prolonged
wait "$CLIENT" || true
check "it has spoken PCP" equal "$(tail -n 1 "$PTL_WORK/client.log")" PCP
check "it has deleted both at the end" wait_until 60 shows_explicit 0
by_request() { [[ $(counter pcp.deleted) == 2 ]]; }
check "by request" wait_until 60 by_request

sed -i 's/pcp: {/& nat_pmp: true,/; s/max_lifetime: 4s/max_lifetime: 60s/' "$PTL_CONFIG"
check "a rule that serves NAT-PMP is reloaded" portolan reload
# natpmp ARGUMENT...: what its client on inside-b says.
natpmp() { in_ns inside-b timeout 10 natpmpc -g "$SERVER_OF_PCP" "$@" >"$PTL_WORK/natpmpc" 2>&1; }
mapped_port() { sed -n 's/^Mapped public port \([0-9]*\) .*/\1/p' "$PTL_WORK/natpmpc"; }
told_address() { sed -n 's/^Public IP address : //p' "$PTL_WORK/natpmpc"; }
check "its client is granted a port" natpmp -a 0 "$PORT" tcp 600
ENDPOINT=$(told_address):$(mapped_port)
check "at the address that it is told" equal "$(outside_of_tcp)" "$ENDPOINT"
check "by which the outside connects to it" connects "$ENDPOINT"
check "it deletes the port" natpmp -a 0 "$PORT" tcp 0
check "which is nobody's by request any more" equal "$(outside_of_tcp)" ""
finish
