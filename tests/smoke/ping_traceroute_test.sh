#!/usr/bin/env bash
# ICMP queries and errors by the programs people use for them.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
mkdir "$PTL_WORK/www"
serve_web outside "$SERVER" 80 "$PTL_WORK/www"

# hops ARGUMENTS...: Portolan first, the server second.
hops() {
    in_ns inside-a traceroute -n -q 1 -w 2 -m 5 "$@" "$SERVER" >"$PTL_WORK/trace" || true
    if ! grep -qE '^ *1 +10\.64\.0\.1 ' "$PTL_WORK/trace" ||
        ! grep -qE "^ *2 +$SERVER " "$PTL_WORK/trace"; then
        cat "$PTL_WORK/trace"
        return 1
    fi
}

# two_at_once: two hosts with the same identifiers in mind do not get in each other's way.
two_at_once() {
    local other status=0
    spawn "$PTL_WORK/ping-b" ip netns exec "$(ns inside-b)" ping -n -e 77 -c 5 -i 0.2 -W 2 "$SERVER"
    other=$SPAWNED
    pings inside-a 5 -e 77 "$SERVER" || status=1
    wait "$other" || status=1
    return "$status"
}

too_big() {
    ! in_ns inside-a ping -n -c 1 -W 2 -M "do" -s 1473 "$SERVER" >"$PTL_WORK/ping" 2>&1
}

check "ping through the translator" pings inside-a 5 "$SERVER"
check "ping of two hosts with the same identifier" two_at_once
check "ping in fragments, 4000 bytes" pings inside-a 3 -s 3972 "$SERVER"
check "ping of exactly the MTU with DF" pings inside-a 3 -M "do" -s 1472 "$SERVER"
check "one byte more with DF does not pass" too_big
check "the inside interface answers ping" pings inside-a 3 10.64.0.1
check "the outside interface answers ping" pings outside 3 198.51.100.1
check "traceroute over UDP" hops
check "traceroute over ICMP" hops -I
check "traceroute over TCP" hops -T -p 80
finish
