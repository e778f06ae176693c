#!/usr/bin/env bash
# Two workers, two queues on each port: both work, and next to nothing is lost between them.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

(($(nproc) >= 2)) || skip "two workers need two cores"
cores='[0, 1]'
if (($(nproc) >= 3)); then
    cores='[1, 2]'
fi
smoke_topology
smoke_config "s/^workers:.*/workers: { cores: $cores, slow_path_core: 0 }/" \
    's/,iface=ptl-[a-z]*/&,qpairs=2/'
serve_iperf outside "$SERVER"
serve_hello
make_download 30
serve_web outside "$SERVER" 80 "$PTL_WORK/www"
serve_dns outside "$SERVER"
# Last, for its workers leave no core to what starts after them.
start_portolan

many_queries() {
    local i role
    for role in inside-a inside-b; do
        for i in {1..20}; do
            in_ns "$role" dig +short +tries=1 +time=3 @"$SERVER" www.portolan.example >"$PTL_WORK/dig" || true
            grep -qx "$SERVER" "$PTL_WORK/dig" || { echo "$role, query $i"; return 1; }
        done
    done
}

streams() {
    in_ns "$1" timeout 30 iperf3 --client "$SERVER" --time 3 --parallel 8 --json >"$PTL_WORK/iperf.json" || true
    (($(jq '.end.sum_received.bytes // 0' "$PTL_WORK/iperf.json") > 1000000))
}

check "40 queries of two hosts" many_queries
check "eight streams of inside-a" streams inside-a
check "eight streams of inside-b" streams inside-b
check "a download of inside-a arrives intact" downloads inside-a "http://$SERVER/big.bin"
check "a download of inside-b arrives intact" downloads inside-b "http://$SERVER/big.bin"
check "in fragments" pings inside-a 5 -s 3972 "$SERVER"
check "port forward" says_hello outside "http://$FORWARD/hello.txt"
check "hairpin" says_hello inside-a "http://$FORWARD/hello.txt"
check "there are two workers" equal "$(portolan show workers --json | jq length)" 2
# The kernel spreads by flow, so half of the packets arrive at the other's queue.
sum() { portolan show workers --json | jq "map(.$1) | add"; }
check "packets were handed over, $(sum handoff_out) in all" test "$(sum handoff_out)" -gt 1000
check "both had packets" equal "$(portolan show workers --json | jq 'all(.packets > 0)')" true
# A worker shares its core with the programs here. While it does not run, the ring
# of 2048 to it may fill up; that is counted, and must stay rare.
lost=$(sum handoff_dropped)
check "of the packets handed over $lost were lost, less than one in a hundred" \
    test "$((lost * 100))" -lt "$(sum handoff_out)"
check "each packet lost there is a drop with a reason" test "$(counter drop.handoff)" -ge "$lost"
portolan show workers
portolan show subscribers
finish
