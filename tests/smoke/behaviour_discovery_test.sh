#!/usr/bin/env bash
# What strangers' discovery of NAT behaviour makes of each mapping with each filtering
# (RFC 5780, terms of RFC 4787 sections 4.1 and 5): coturn's program, and one of our own
# that asks all four endpoints of the server, over TCP as well.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly OTHER=192.0.2.11

# finds OPTION TEXT: what coturn's program, started by `discover`, has said of it.
finds() { grep -qF "$2" "$PTL_WORK/found$1" || { cat "$PTL_WORK/found$1"; return 1; }; }

# discover: begins all three discoveries at once, mapping (-m), filtering (-f), hairpins (-H).
# It takes three seconds to give up on an answer, in which others may ask.
DISCOVERIES=()
discover() {
    local option
    DISCOVERIES=()
    for option in -m -f -H; do
        spawn "$PTL_WORK/found$option" ip netns exec "$(ns inside-a)" \
            timeout 60 turnutils_natdiscovery "$option" "$SERVER"
        DISCOVERIES+=("$SPAWNED")
    done
}

# discovered: until they have ended.
discovered() {
    local pid
    for pid in "${DISCOVERIES[@]}"; do
        wait "$pid" || true
    done
}

# stun ARGUMENT...: our own.
stun() { in_ns inside-a /usr/bin/python3 "$PTL_ROOT/tests/smoke/_stun.py" "$@"; }

hairpins() { grep -q 'successful hairpinning' "$PTL_WORK/found-H"; }
no_hairpins() { ! hairpins && (($(counter forward.hairpin) == 0)); }

smoke_topology
if [[ -n $(missing_packages coturn) ]]; then
    (need_packages coturn) || skip "coturn cannot be installed here"
fi
ip -n "$(ns outside)" address add "$OTHER/32" dev lo
spawn "$PTL_WORK/stun.log" ip netns exec "$(ns outside)" turnserver -n --stun-only --no-tls --no-dtls \
    --no-cli --listening-ip="$SERVER" --listening-ip="$OTHER" --log-file=stdout --simple-log \
    --pidfile="$PTL_WORK/stun.pid" --userdb="$PTL_WORK/stun.db"
for endpoint in "$SERVER:3478" "$SERVER:3479" "$OTHER:3478" "$OTHER:3479"; do
    wait_until 60 listening outside udp "$endpoint" || die "the STUN server did not start"
done

for mapping in endpoint-independent address-dependent address-and-port-dependent; do
    case $mapping in
        endpoint-independent) says_mapping='NAT with Endpoint Independent Mapping!' endpoints=1 ;;
        address-dependent) says_mapping='NAT with Address Dependent Mapping!' endpoints=2 ;;
        *) says_mapping='NAT with Address and Port Dependent Mapping!' endpoints=4 ;;
    esac
    for filtering in endpoint-independent address-dependent address-and-port-dependent; do
        stranger=
        case $filtering in
            endpoint-independent)
                says_filtering='NAT with Endpoint Independent Filtering!' lets_in='address+port address port'
                stranger='stranger '
                ;;
            address-dependent) says_filtering='NAT with Address Dependent Filtering!' lets_in=port ;;
            *) says_filtering='NAT with Address and Port Dependent Filtering!' lets_in= ;;
        esac
        smoke_config "s/mapping: endpoint-independent/mapping: $mapping/" \
            "s/filtering: address-dependent/filtering: $filtering/"
        start_portolan
        say "mapping $mapping, filtering $filtering"
        discover
        check "of four remote endpoints, $endpoints see different outside endpoints over UDP" \
            equal "$(stun mapping udp "$SERVER" "$OTHER")" "$endpoints"
        check "and over TCP" equal "$(stun mapping tcp "$SERVER" "$OTHER")" "$endpoints"
        check "what comes in is: ${lets_in:-nothing}" equal "$(stun filtering "$SERVER")" "$lets_in"
        discovered
        check "coturn finds the mapping" finds -m "$says_mapping"
        check "coturn finds the filtering" finds -f "$says_filtering"
        if [[ $filtering == endpoint-independent ]]; then
            check "coturn finds hairpins" hairpins
        else
            check "coturn finds none, for its second socket is a stranger to the filtering (RFC 4787 REQ-8)" no_hairpins
        fi
        if [[ $mapping == endpoint-independent ]]; then
            check "from inside come in:${stranger:+ a stranger and} whoever was written to" \
                equal "$(stun hairpin "$SERVER")" "${stranger}asked"
        fi
        stop "$PORTOLAN_PID"
    done
done

# And without hairpins the program finds none, though the filtering would let them in.
smoke_config 's/filtering: address-dependent/filtering: endpoint-independent/' \
    's/hairpin: { enabled: true/hairpin: { enabled: false/'
start_portolan
discover
discovered
check "hairpins switched off: coturn finds none" no_hairpins
check "they were dropped for that reason" test "$(counter drop.hairpin)" -gt 0
finish
