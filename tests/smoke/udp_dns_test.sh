#!/usr/bin/env bash
# Name queries over UDP and TCP, small and in fragments.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
serve_dns outside "$SERVER"

# asks ROLE WANT ARGUMENTS...: an answer that matches WANT.
asks() {
    local role=$1 want=$2
    shift 2
    in_ns "$role" dig +tries=1 +time=2 @"$SERVER" "$@" >"$PTL_WORK/dig" || true
    grep -q "$want" "$PTL_WORK/dig" || { cat "$PTL_WORK/dig"; return 1; }
}

many() {
    local _
    for _ in {1..50}; do
        asks "$1" "$SERVER" www.portolan.example || return 1
    done
}

only_pool_asked() {
    local log=$PTL_WORK/dns-outside.log
    grep -q ' from 203\.0\.113\.' "$log" && ! grep -q ' from 10\.64\.' "$log"
}

check "fifty queries of one host, each from its own port" many inside-a
check "fifty queries of another" many inside-b
check "both with the same source port" asks inside-a "$SERVER" -b 10.64.0.10#5555 www.portolan.example
check "both with the same source port, the other" asks inside-b "$SERVER" -b 10.64.0.20#5555 www.portolan.example
check "an answer in fragments" asks inside-a 'part 12' +bufsize=4096 +ignore big.portolan.example TXT
check "that answer over TCP" asks inside-a 'part 12' +tcp big.portolan.example TXT
check "the server saw addresses of the pool only" only_pool_asked
finish
