#!/usr/bin/env bash
# Two workers on ports whose two queues are filled as a NIC with RSS on one address
# fills them: not one packet is handed over. With the queues the wrong way round every one is.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

(($(nproc) >= 2)) || skip "two workers need two cores"

# The key of the verification suite: the file says so, as it would for queues set up by ethtool.
readonly KEY=6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa
readonly ENTRIES=128

# file NAME FIRST SECOND [STEERING]: two ports, queue 0 with the packets for worker FIRST.
file() {
    local head frames=$PTL_WORK/frames device=infinite_rx=1
    head=$(sed -e '/^interfaces:/,$d' -e "s|socket: [^,]*|socket: $PTL_STATE/portolan.sock|" \
        -e "s/^workers:.*/workers: { cores: [0, 1], slow_path_core: 0${4:+, $4} }/" "$PTL_ROOT/configs/quickstart.yaml")
    cat >"$PTL_WORK/$1.yaml" <<END
$head
interfaces:
  - { name: inside, device: "net_pcap0,rx_pcap=$frames/in-$2.pcap,rx_pcap=$frames/in-$3.pcap,$device",
      addresses: [192.168.0.1/30], mac: "02:00:00:00:00:01" }
  - { name: outside, device: "net_pcap1,rx_pcap=$frames/out-$2.pcap,rx_pcap=$frames/out-$3.pcap,$device",
      addresses: [198.51.100.1/24], mac: "02:00:00:00:00:02" }
routes:
  - { prefix: 0.0.0.0/0, next_hop: 198.51.100.254 }
  - { prefix: 10.64.0.0/16, next_hop: 192.168.0.2 }
neighbors:
  - { interface: inside, ip: 192.168.0.2, mac: "02:00:00:00:00:10" }
  - { interface: outside, ip: 198.51.100.254, mac: "02:00:00:00:00:fe" }
nat:
  pools:
    - { name: public, prefixes: [${POOL// /, }] }
  rules:
    - { name: subscribers, inside: inside, source: 10.64.0.0/16, pool: public, preserve_port: true }
END
    rm -f "$PTL_STATE/portolan.sock"
    adapt "$PTL_WORK/$1.yaml"
}

# at_least COUNTER NUMBER
at_least() { (($(counter "$1") >= $2)); }

# of_workers KEY: the sum over both.
of_workers() { portolan show workers --json | jq --arg key "$1" 'map(.[$key]) | add'; }

# each_worker KEY: the smaller of both.
each_worker() { portolan show workers --json | jq --arg key "$1" 'map(.[$key]) | min'; }

logged() { grep -qE "$1" "$PORTOLAN_LOG" || { grep -E 'hand-off|pool|subscribers' "$PORTOLAN_LOG"; return 1; }; }

# nearly_all: of the packets received, 999 of 1000 were for the other worker. (Figures of
# packets and of hand-offs are of slightly different times.)
nearly_all() {
    portolan show workers --json |
        jq -e 'map(.handoff_out + .handoff_dropped) as $handed | map(.packets) as $all
            | ($handed | add) > 0.999 * ($all | add)' >/dev/null
}

stop_portolan() {
    kill -TERM "$PORTOLAN_PID"
    wait "$PORTOLAN_PID" || true
}

begin
need_packages "${PTL_TRAFFIC_PACKAGES[@]}"
build
new_ns appliance
reserve_hugepages 512
mkdir -p "$PTL_WORK/frames"
POOL=$(/usr/bin/python3 "$PTL_ROOT/tests/smoke/_queues.py" "$PTL_WORK/frames" 2 "$KEY" "$ENTRIES")
readonly STEERED="rss: external, rss_key: \"$KEY\", reta_size: $ENTRIES"

file right 0 1 "$STEERED"
start_portolan
check "the self-test says that nothing will be handed over" logged 'hand-off expected: none$'
check "and that each worker has one address" logged 'pool public: 2 addresses, whole, 1 to 1 for each worker'
check "five million packets out" wait_until 60 at_least forward.outbound 5000000
check "five million back" wait_until 60 at_least forward.inbound 5000000
check "each worker has sessions" test "$(each_worker sessions)" -ge 8
check "no packet was handed over" equal "$(counter handoff.out) $(counter handoff.in) $(counter drop.handoff)" "0 0 0"
check "none was expected to be" equal "$(each_worker handoff_expected)" 0
printf '        %s packets out, %s back\n' "$(counter forward.outbound)" "$(counter forward.inbound)"
stop_portolan

file wrong 1 0 "$STEERED"
start_portolan
check "queues the wrong way round: packets arrive all the same" wait_until 60 at_least forward.inbound 100000
check "each of them by the other worker" nearly_all
printf '        %s handed over, %s more had no room\n' "$(of_workers handoff_out)" "$(of_workers handoff_dropped)"
stop_portolan

file unknown 0 1
start_portolan
check "without a word on what fills the queues half is expected to be handed over" \
    logged 'hand-off expected: 50 % \(from inside 50 %, to pools 50 %\): net_pcap0.* does not spread packets by source address'
check "as show workers says" equal "$(each_worker handoff_expected)" 0.5
finish
