#!/usr/bin/env bash
# With two workers every kind of translation works whichever of them owns which host:
# protocols with and without ports, whole addresses, load sharing, twice NAT, hairpins
# between VRFs.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

# Subscribers in VRF homes, some with whole addresses, some behind the appliance's own; hosts of VRF office with the
# same addresses as others have in homes; servers; remotes, some of which are known
# inside by other addresses.
readonly HOMES=(10.64.0.11 10.64.1.12 10.64.7.13 10.64.30.14 10.64.77.15 10.64.90.16 10.64.120.17 10.64.200.18)
readonly WHOLE=(10.65.0.11 10.65.1.12 10.65.7.13 10.65.30.14 10.65.77.15 10.65.90.16 10.65.120.17 10.65.200.18)
readonly OWN=(10.66.0.11 10.66.1.12 10.66.7.13 10.66.30.14 10.66.77.15 10.66.200.18)
readonly OFFICE=(10.64.0.11 10.64.1.12 10.64.7.13 10.64.200.18)
readonly SHARING=(10.64.40.31 10.64.50.32 10.64.60.33 10.64.70.34)
readonly REMOTES=(192.0.2.101 192.0.2.102 192.0.2.103 192.0.2.104 192.0.2.105 192.0.2.106 192.0.2.107 192.0.2.108)
readonly FAR=(192.0.3.101 192.0.3.102 192.0.3.103 192.0.3.104 192.0.3.105 192.0.3.106)
readonly PROTOCOLS=$PTL_ROOT/tests/smoke/_protocols.py

(($(nproc) >= 2)) || skip "two workers need two cores"

#   homes (VRF homes)   eth0 -- ptl-in  [           ]
#                                       [ appliance ] ptl-out -- outside
#   office (VRF office) eth0 -- ptl-off [           ]
topology() {
    local role
    for role in appliance homes office outside; do
        new_ns "$role"
    done
    wire homes eth0 appliance ptl-in
    wire office eth0 appliance ptl-off
    wire outside eth0 appliance ptl-out
    addresses homes 14 "${HOMES[@]}" "${WHOLE[@]}" "${OWN[@]}" "${SHARING[@]}"
    addresses office 16 "${OFFICE[@]}"
    ip -n "$(ns homes)" route add default via 10.64.0.1
    ip -n "$(ns office)" route add default via 10.64.0.1
    ip -n "$(ns outside)" address add 198.51.100.254/24 dev eth0
    addresses outside 32 "$SERVER" "${REMOTES[@]}" "${FAR[@]}"
    ip -n "$(ns outside)" route add default via 198.51.100.1
}

# addresses ROLE LENGTH ADDRESS...
addresses() {
    local role=$1 length=$2 address
    shift 2
    for address in "$@"; do
        ip -n "$(ns "$role")" address add "$address/$length" dev eth0
    done
}

write_file() {
    local head
    head=$(sed -e '/^interfaces:/,$d' -e "s|socket: [^,]*|socket: $PTL_STATE/portolan.sock|" \
        -e 's/^workers:.*/workers: { cores: [0, 1], slow_path_core: 0 }/' "$PTL_ROOT/configs/quickstart.yaml")
    mkdir -p "$PTL_WORK/config"
    cat >"$PTL_WORK/config/nat.yaml" <<END
$head
interfaces:
  - { name: homes, device: "net_af_packet0,iface=ptl-in,qpairs=2", addresses: [10.64.0.1/14], vrf: homes }
  - { name: office, device: "net_af_packet1,iface=ptl-off,qpairs=2", addresses: [10.64.0.1/16], vrf: office }
  - { name: outside, device: "net_af_packet2,iface=ptl-out,qpairs=2", addresses: [198.51.100.1/24] }
routes:
  - { prefix: 0.0.0.0/0, next_hop: 198.51.100.254 }
nat:
  pools:
    - { name: public, prefixes: [203.0.113.0/29] }
    - { name: whole, prefixes: [198.18.0.0/27], one_to_one: true }
    - { name: own, interface: outside }
    - { name: office, prefixes: [203.0.113.8/30] }
    - { name: remotes, prefixes: [10.99.0.0/26], one_to_one: true }
  rules:
    - { name: whole, inside: homes, source: 10.65.0.0/16, pool: whole, outside_vrf: default,
        protocols: [tcp, udp, icmp, gre, sctp, dccp, udplite] }
    - { name: own, inside: homes, source: 10.66.0.0/16, pool: own, outside_vrf: default,
        protocols: [tcp, udp, icmp, gre, sctp] }
    - { name: homes, inside: homes, source: 10.64.0.0/16, pool: public, outside_vrf: default, paired: false,
        protocols: [tcp, udp, icmp, gre, sctp, dccp, udplite] }
    - { name: office, inside: office, source: 10.64.0.0/16, pool: office, outside_vrf: default, paired: false,
        protocols: [tcp, udp, icmp, gre, sctp, dccp, udplite] }
  outside_source:
    - { source: 192.0.3.0/24, pool: remotes }
  static:
    - { protocol: tcp, outside: "203.0.113.13:9000", affinity: 300s, vrf: homes,
        inside: ["10.64.40.31:9000", "10.64.50.32:9000", "10.64.60.33:9000", "10.64.70.34:9000"] }
$(forwards)
END
    adapt "$PTL_WORK/config/nat.yaml"
}

# Two ports of an address for each host of homes and of the office.
forwards() {
    local nth protocol
    for protocol in tcp udp; do
        for nth in "${!HOMES[@]}"; do
            printf '    - { protocol: %s, inside: "%s:9000-9001", outside: "203.0.113.16%s:9000-9001", vrf: homes }\n' \
                "$protocol" "${HOMES[$nth]}" "$nth"
        done
        for nth in "${!OFFICE[@]}"; do
            printf '    - { protocol: %s, inside: "%s:9000-9001", outside: "203.0.113.17%s:9000-9001", vrf: office }\n' \
                "$protocol" "${OFFICE[$nth]}" "$nth"
        done
    done
}

serve() {
    spawn "$PTL_WORK/protocols-$1.log" ip netns exec "$(ns "$1")" /usr/bin/python3 "$PROTOCOLS" serve
    wait_until 60 listening "$1" tcp 0.0.0.0:9000 || die "the server on $1 did not start: $(<"$PTL_WORK/protocols-$1.log")"
}

# ask ROLE PROTOCOL DESTINATIONS SOURCE...: the answers in $PTL_WORK/answers.
ask() {
    local role=$1
    shift
    in_ns "$role" timeout 30 /usr/bin/python3 "$PROTOCOLS" ask "$@" >"$PTL_WORK/answers" 2>"$PTL_WORK/ask.log" ||
        cat "$PTL_WORK/ask.log"
}

# asks ROLE PROTOCOL DESTINATIONS REGEX SOURCE...: every source is answered, and each answer
# "SOURCE LOCAL PEER" matches.
asks() {
    local role=$1 protocol=$2 destinations=$3 regex=$4 source well=0
    shift 4
    ask "$role" "$protocol" "$destinations" "$@"
    for source in "$@"; do
        if ! grep -qE "^${source//./\\.} $regex\$" "$PTL_WORK/answers"; then
            printf '        %s (worker %s): "%s"\n' "$source" "$(worker_of "$source")" \
                "$(grep "^$source " "$PTL_WORK/answers" || echo no answer)"
            well=1
        fi
    done
    return "$well"
}

# The servers that have answered.
servers_in_answers() { awk '{ print $2 }' "$PTL_WORK/answers" | sort -u; }

# worker_of HOST: who owns it, as far as is known.
worker_of() {
    portolan show subscribers --json | jq -r --arg inside "$1" 'map(select(.inside == $inside) | .worker | tostring) | join(",")'
}

# both_own VRF HOST...: each worker owns one of them at least.
both_own() {
    local vrf=$1
    shift
    equal "$(portolan show subscribers --json | jq -c --arg vrf "$vrf" \
        '[.[] | select(.vrf == $vrf and (.inside | IN($ARGS.positional[]))) | .worker] | unique' --args "$@")" '[0,1]'
}

comma() {
    local IFS=,
    printf '%s' "$*"
}

smoke_topology
write_file
start_portolan
serve outside
serve homes
serve office
readonly PUBLIC='203\.0\.113\.[0-7]' OFFICES='203\.0\.113\.([89]|1[01])' ALL_REMOTES="192\.0\.2\.[0-9]+"

for protocol in udp tcp udplite dccp; do
    check "$protocol by ports, of all hosts" asks homes "$protocol" "$SERVER" "192\.0\.2\.10 $PUBLIC:[0-9]+" "${HOMES[@]}"
done
check "both workers own some of them" both_own homes "${HOMES[@]}"
remotes=$(comma "${REMOTES[@]}")
check "gre by address pair" asks homes gre "$remotes" "$ALL_REMOTES $PUBLIC:0" "${HOMES[@]}"
check "sctp by address pair, its port kept" asks homes sctp "$remotes" "$ALL_REMOTES $PUBLIC:2000[0-7]" "${HOMES[@]}"
for protocol in udp tcp gre sctp dccp udplite; do
    check "$protocol of the hosts with the same addresses in another VRF" \
        asks office "$protocol" "$remotes" "$ALL_REMOTES $OFFICES:[0-9]+" "${OFFICE[@]}"
done
check "both workers own some of these" both_own office "${OFFICE[@]}"

# Whole addresses.
for protocol in udp tcp gre sctp dccp udplite; do
    port='2000[0-7]'
    [[ $protocol != gre ]] || port=0
    check "$protocol with whole addresses, ports kept" \
        asks homes "$protocol" "$SERVER" "192\.0\.2\.10 198\.18\.0\.[0-9]+:$port" "${WHOLE[@]}"
done
check "both workers own some of those" both_own homes "${WHOLE[@]}"
addresses=()
for host in "${WHOLE[@]}"; do
    addresses+=("$(portolan show subscribers --json | jq -r --arg inside "$host" '.[] | select(.inside == $inside) | .outside')")
    check "$host is pinged at ${addresses[-1]}" pings outside 1 "${addresses[-1]}"
done
check "no two have the same" equal "$(printf '%s\n' "${addresses[@]}" | sort -u | wc -l)" "${#WHOLE[@]}"
given=$(comma "${addresses[@]}")
for protocol in tcp udp gre sctp dccp udplite; do
    check "$protocol from outside to them" asks outside "$protocol" "$given" "10\.65\.[0-9.]+ $ALL_REMOTES:[0-9]+" "${REMOTES[@]}"
    check "$protocol from the office to them" asks office "$protocol" "$given" "10\.65\.[0-9.]+ $OFFICES:[0-9]+" "${OFFICE[@]}"
done

# Load sharing.
check "a list of servers is reached by all remotes" \
    asks outside tcp 203.0.113.13 "10\.64\.(40\.31|50\.32|60\.33|70\.34) $ALL_REMOTES:[0-9]+" "${REMOTES[@]}"
cut -d ' ' -f 1,2 "$PTL_WORK/answers" | sort >"$PTL_WORK/first"
check "by several of them" test "$(servers_in_answers | wc -l)" -ge 2
for i in 1 2 3; do
    ask outside tcp 203.0.113.13 "${REMOTES[@]}"
    check "and again by the same, $i" equal "$(cut -d ' ' -f 1,2 "$PTL_WORK/answers" | sort)" "$(<"$PTL_WORK/first")"
done
check "from inside" asks homes tcp 203.0.113.13 "10\.64\.[0-9.]+ $PUBLIC:[0-9]+" "${HOMES[@]}"
check "from the office" asks office tcp 203.0.113.13 "10\.64\.[0-9.]+ $OFFICES:[0-9]+" "${OFFICE[@]}"

# Twice NAT.
homes=$(printf '203.0.113.16%s,' "${!HOMES[@]}")
office=$(printf '203.0.113.17%s,' "${!OFFICE[@]}")
homes=${homes%,} office=${office%,}
for protocol in tcp udp; do
    check "$protocol from remotes that are known inside by other addresses" \
        asks outside "$protocol" "$homes" "10\.64\.[0-9.]+ 10\.99\.0\.[0-9]+:2000[0-7]" "${FAR[@]}"
    check "$protocol from these to a list of servers, or the office" \
        asks outside "$protocol" "$office" "10\.64\.[0-9.]+ 10\.99\.0\.[0-9]+:2000[0-7]" "${FAR[@]}"
done
known=$(awk '{ sub(/:.*/, "", $3); print $3 }' "$PTL_WORK/answers" | paste -sd ,)
check "each by one" equal "$(tr , '\n' <<<"$known" | sort -u | wc -l)" "${#FAR[@]}"
for protocol in tcp udp gre sctp dccp udplite; do
    check "$protocol from inside to these addresses" \
        asks homes "$protocol" "$known" "192\.0\.3\.[0-9]+ $PUBLIC:[0-9]+" "${HOMES[@]}"
done
check "tcp from whole addresses to these" asks homes tcp "$known" "192\.0\.3\.[0-9]+ 198\.18\.0\.[0-9]+:2000[0-7]" "${WHOLE[@]}"

# Hairpins: within a VRF and between two, by forwarded ports.
for protocol in tcp udp; do
    check "$protocol from homes to homes" asks homes "$protocol" "$homes" "10\.64\.[0-9.]+ $PUBLIC:[0-9]+" "${HOMES[@]}"
    check "$protocol from homes to the office" asks homes "$protocol" "$office" "10\.64\.[0-9.]+ $PUBLIC:[0-9]+" "${HOMES[@]}"
    check "$protocol from the office to homes" asks office "$protocol" "$homes" "10\.64\.[0-9.]+ $OFFICES:[0-9]+" "${OFFICE[@]}"
    check "$protocol from the office to the office" asks office "$protocol" "$office" "10\.64\.[0-9.]+ $OFFICES:[0-9]+" "${OFFICE[@]}"
done
for protocol in tcp udp; do
    check "$protocol from behind the appliance's own address" \
        asks homes "$protocol" "$SERVER" "192\.0\.2\.10 198\.51\.100\.1:[0-9]+" "${OWN[@]}"
    check "$protocol from there to homes" asks homes "$protocol" "$homes" "10\.64\.[0-9.]+ 198\.51\.100\.1:[0-9]+" "${OWN[@]}"
    check "$protocol from there to the office" asks homes "$protocol" "$office" "10\.64\.[0-9.]+ 198\.51\.100\.1:[0-9]+" "${OWN[@]}"
done
check "both workers own some of those" both_own homes "${OWN[@]}"
check "gre by the pair of that address and another" asks homes gre "$remotes" "$ALL_REMOTES 198\.51\.100\.1:0" "${OWN[@]}"
check "sctp the same, its port kept" asks homes sctp "$remotes" "$ALL_REMOTES 198\.51\.100\.1:2000[0-7]" "${OWN[@]}"

# ICMP errors.
check "a port that is shut is refused from homes to homes" asks homes closed "$homes" refused "${HOMES[@]}"
check "from homes to the office" asks homes closed "$office" refused "${HOMES[@]}"
check "from the office to homes" asks office closed "$homes" refused "${OFFICE[@]}"
check "from outside" asks outside closed "$homes" refused "${REMOTES[@]}"
check "from remotes known by other addresses" asks outside closed "$homes" refused "${FAR[@]}"

check "packets were handed over" test "$(portolan show workers --json | jq 'map(.handoff_out) | add')" -gt 100
check "none was lost there" equal "$(counter drop.handoff)" 0
if ((${#PTL_FAILED[@]})); then
    portolan show translations | head -n 100
fi
portolan show workers
finish
