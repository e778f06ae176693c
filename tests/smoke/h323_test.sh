#!/usr/bin/env bash
# Whole calls of H.323 by an encoder of others (pycrate): direct, offered, fast start, tunnelled, and by a
# gatekeeper both ways, in versions 2, 4 and 6, with messages in pieces and media both ways.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly PEER=198.51.100.254 KEEPER=192.0.2.11
readonly ALL=(direct offered fast tunnelled routed called)

smoke_topology
need_wheel pycrate 0.8.1 65c4dd48d93248a0a4aa2fc78bab10ea64087c6382827035fae9f8bba343db53
smoke_config "${STRICT[@]}"
start_portolan
ip -n "$(ns outside)" address add "$KEEPER/32" dev lo

# speaks NAME ROLE ARGUMENT...: a program of _h323.py in a namespace, what it prints in a file NAME.
speaks() {
    local name=$1 role=$2
    shift 2
    spawn "$PTL_WORK/$name" ip netns exec "$(ns "$role")" env PYTHONPATH="$WHEEL" \
        timeout 120 /usr/bin/python3 -B "$PTL_ROOT/tests/smoke/_h323.py" "$@"
}

# calls HOW VERSION...: of both hosts, all at once; what everybody had in HOSTS, PEERS and KEEPERS.
calls() {
    local how=$1 host address pids=() pid
    shift
    speaks peer outside peer "$PEER" "$KEEPER" 120
    local peer=$SPAWNED
    speaks keeper outside keeper "$KEEPER" "$PEER" 120
    local keeper=$SPAWNED
    wait_until 60 listening outside tcp "$PEER:1720" || die "the peer did not start"
    wait_until 60 listening outside tcp "$KEEPER:1720" || die "the gatekeeper did not start"
    for host in inside-a inside-b; do
        address=$([[ $host == inside-a ]] && echo 10.64.0.10 || echo 10.64.0.20)
        speaks "$host" "$host" host "$address" "$PEER" "$KEEPER" "$how" "$@"
        pids+=("$SPAWNED")
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || true
    done
    stop "$peer" 1
    stop "$keeper" 1
    HOSTS=$(sort "$PTL_WORK"/inside-[ab])
    PEERS=$(sort "$PTL_WORK/peer")
    KEEPERS=$(sort "$PTL_WORK/keeper")
}

# lines COUNT [VERSION]... -- WORDS...: those after each version, so often, sorted.
lines() {
    local count=$1 versions=() version words i
    shift
    while [[ $1 != -- ]]; do
        versions+=("$1")
        shift
    done
    shift
    for version in "${versions[@]}"; do
        for words in "$@"; do
            for ((i = 0; i < count; i++)); do
                echo "$version $words"
            done
        done
    done | sort
}

WANTED=$(lines 2 2 4 6 -- "${ALL[@]/%/ 50 5}")
calls "$(IFS=,; echo "${ALL[*]}")" 2 4 6
check "calls of both hosts in three versions have all media" equal "$HOSTS" "$WANTED"
check "so has their peer, who is told of no inside address" equal "$PEERS" "$WANTED"
check "nor is their gatekeeper" equal "$KEEPERS" "$(
    {
        lines 2 2 4 6 -- registered left admitted carried
        lines 2 2 4 6 -- admitted carried
    } | sort
)"
check "nothing went wrong" equal "$(tally h323 errors)" 0
check "no session was taken for something else" equal "$(tally h323 bypassed)" 0
# RTP and RTCP of 36 calls, media control of 12, and calls and RAS of 6 registrations, by which none but calls came.
check "doors were opened for all that was announced" equal "$(tally h323 doors_opened)" 96
check "and came to be used but for those of RAS" equal "$(tally h323 doors_promoted)" 90
check "no door is left" wait_until 60 no_doors

say "without the gateway"
without h323
calls fast 2 6
check "no host has any media" equal "$HOSTS" "$(lines 2 2 6 -- "fast 0 0")"
check "their peer is told inside addresses" matches "$PEERS" ' inside'
finish
