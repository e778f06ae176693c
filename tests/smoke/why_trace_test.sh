#!/usr/bin/env bash
# `why`, `trace` and `top` of a running appliance; the simulator plays the trace again.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
serve_web outside "$SERVER" 80 "$PTL_WORK"
readonly TRACE=$PTL_WORK/all.pcapng

# pinging ROLE: goes on for a while, whatever comes of it.
pinging() {
    spawn "$PTL_WORK/pinging-$1" ip netns exec "$(ns "$1")" ping -n -c 100 -i 0.2 -w 20 "$SERVER"
}

to_nobody() { in_ns outside bash -c 'echo hello >/dev/udp/203.0.113.5/9'; }

# tracing: the first forty packets that come, in TRACE.
tracing() {
    local tracer
    spawn "$PTL_WORK/trace.log" "$PORTOLAN" trace --socket "$PTL_SOCKET" \
        --match 'not host 0.0.0.0' --count 40 --seconds 60 -o "$TRACE"
    tracer=$SPAWNED
    wait_until 60 grep -q listening "$PTL_WORK/trace.log" || return 1
    to_nobody
    pinging inside-a
    pinging inside-b
    in_ns inside-a curl -sS --max-time 10 -o /dev/null "http://$SERVER/" || return 1
    wait "$tracer" || return 1
    grep -q '^40 packets' "$PTL_WORK/trace.log" || { cat "$PTL_WORK/trace.log"; return 1; }
}

replays() {
    "$PORTOLAN" sim -c "$PTL_CONFIG" --in "$TRACE" >"$PTL_WORK/replay" 2>&1 || { cat "$PTL_WORK/replay"; return 1; }
    cat "$PTL_WORK/replay"
    grep -qE '^[0-9]+ packets played, all with the verdicts of the trace$' "$PTL_WORK/replay"
}

# why ARGUMENTS...: what it says, in PTL_WORK/why.
why() { portolan why "$@" >"$PTL_WORK/why" 2>&1; }

past_drop() {
    why --match 'dropped and dst host 203.0.113.5' --count 1 --seconds 5
    grep -q 'nobody has this outside endpoint' "$PTL_WORK/why" || { cat "$PTL_WORK/why"; return 1; }
}

# says FILE TEXT...: all of them.
says() {
    local file=$1 text
    shift
    for text in "$@"; do
        grep -qF -- "$text" "$file" || { printf 'no "%s" in:\n' "$text"; cat "$file"; return 1; }
    done
}

coming() {
    local asker
    spawn "$PTL_WORK/why-new" "$PORTOLAN" why --socket "$PTL_SOCKET" \
        --match 'icmp and host 10.64.0.10' --new --count 12 --seconds 30
    asker=$SPAWNED
    pinging inside-a
    wait "$asker" || return 1
    says "$PTL_WORK/why-new" 'session found, inbound' '=> forward (forward.outbound)'
}

misspelt() {
    ! why --match 'udp and hots 10.64.0.7' && grep -q 'column 9' "$PTL_WORK/why"
}

one_frame() {
    portolan top --once --width 100 --height 30 >"$PTL_WORK/top" || return 1
    equal "$(wc -l <"$PTL_WORK/top")" 30 && says "$PTL_WORK/top" no_mapping '10.64.0.10 '
}

check "a trace of all that comes" tracing
check "the simulator comes to the same verdicts" replays
check "a packet to nobody" to_nobody
check "why says so afterwards" past_drop
check "why tells of pings to come, both ways" coming
check "a misspelt expression is refused with its column" misspelt
check "top prints a frame" one_frame
finish
