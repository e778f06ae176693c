#!/usr/bin/env bash
# Skinny with phones inside and a call manager outside, in both layouts, audio and video, with messages
# in pieces; and what is no Skinny on the port of Skinny.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

# Its media come from its own address; the others are other servers', and all are on port 2000.
readonly MANAGER=198.51.100.254 WEB=192.0.2.11 BANNER=192.0.2.12 SINK=192.0.2.13
readonly VERSIONS=(0 11 16 17 20 22)

smoke_topology
need_packages socat
smoke_config "${STRICT[@]}"
start_portolan
for address in "$WEB" "$BANNER" "$SINK"; do
    ip -n "$(ns outside)" address add "$address/32" dev lo
done

# calls [VERSION]...: phones of both hosts, all at once; what both sides had in PHONES and MANAGERS.
calls() {
    local version form host pids=() pid address
    spawn "$PTL_WORK/manager" ip netns exec "$(ns outside)" \
        /usr/bin/python3 -B "$PTL_ROOT/tests/smoke/_skinny.py" manager "$MANAGER" 30
    local manager=$SPAWNED
    wait_until 60 listening outside tcp "$MANAGER:2000" || die "the call manager did not start"
    rm -f "$PTL_WORK"/phone-*
    for version in "$@"; do
        for form in audio video; do
            for host in inside-a inside-b; do
                address=$([[ $host == inside-a ]] && echo 10.64.0.10 || echo 10.64.0.20)
                spawn "$PTL_WORK/phone-$version-$form-$host" ip netns exec "$(ns "$host")" timeout 30 \
                    /usr/bin/python3 -B "$PTL_ROOT/tests/smoke/_skinny.py" phone "$address" "$MANAGER" "$version" "$form"
                pids+=("$SPAWNED")
            done
        done
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || true
    done
    stop "$manager" 1
    PHONES=$(sort -V "$PTL_WORK"/phone-*)
    MANAGERS=$(sort -V "$PTL_WORK/manager")
}

# all_of [VERSION]...: everything of two calls in each version and form.
all_of() {
    local version form
    for version in "$@"; do
        for form in audio video; do
            printf '%s %s 50 5\n%s %s 50 5\n' "$version" "$form" "$version" "$form"
        done
    done
}

# sends_all ROLE ADDRESS: 100 MB to it.
sends_all() {
    spawn "$PTL_WORK/sum" ip netns exec "$(ns outside)" timeout 60 \
        socat -u "TCP-LISTEN:2000,bind=$2,reuseaddr" SYSTEM:sha256sum
    local sink=$SPAWNED
    wait_until 60 listening outside tcp "$2:2000" || die "socat did not start"
    in_ns "$1" timeout 60 socat -u "FILE:$PTL_WORK/www/big.bin" "TCP:$2:2000"
    wait "$sink" || return 1
    equal "$(<"$PTL_WORK/sum")" "$SUM"
}

# takes_all ROLE ADDRESS: 100 MB from it, which sends at once.
takes_all() {
    spawn "$PTL_WORK/source.log" ip netns exec "$(ns outside)" timeout 60 \
        socat -u "FILE:$PTL_WORK/www/big.bin" "TCP-LISTEN:2000,bind=$2,reuseaddr"
    wait_until 60 listening outside tcp "$2:2000" || die "socat did not start"
    in_ns "$1" timeout 60 socat -u "TCP:$2:2000" - | sha256sum >"$PTL_WORK/got.sum"
    equal "$(<"$PTL_WORK/got.sum")" "$SUM"
}

# talks ROLE: with a server that speaks first and then answers.
talks() {
    in_ns "$1" timeout 20 socat -t 5 "SYSTEM:read banner; echo version 1; read answer; echo \\\"\$banner / \$answer\\\" >&2" \
        "TCP:$BANNER:2000" 2>"$PTL_WORK/talk"
    equal "$(<"$PTL_WORK/talk")" "SSH-2.0-server / had version 1"
}

mapfile -t WANTED < <(all_of "${VERSIONS[@]}")
calls "${VERSIONS[@]}"
check "${#WANTED[@]} phones have all media of their calls" equal "$PHONES" "$(all_of "${VERSIONS[@]}")"
check "so has the manager, who is told of no inside address" equal "$MANAGERS" "$(all_of "${VERSIONS[@]}")"
check "doors for RTP and RTCP were used" at_least "$(tally skinny doors_promoted)" 48
check "nothing went wrong" equal "$(tally skinny errors)" 0
check "no call was taken for something else" equal "$(tally skinny bypassed)" 0

say "other protocols on the port of Skinny"
make_download 100
spawn "$PTL_WORK/web.log" ip netns exec "$(ns outside)" \
    /usr/bin/python3 -u -m http.server 2000 --bind "$WEB" --directory "$PTL_WORK/www"
# shellcheck disable=SC2016 # for the shell inside
spawn "$PTL_WORK/banner.log" ip netns exec "$(ns outside)" socat "TCP-LISTEN:2000,bind=$BANNER,reuseaddr,fork" \
    'SYSTEM:echo SSH-2.0-server; read line; echo had $line'
wait_until 60 listening outside tcp "$WEB:2000" || die "the web server did not start"
wait_until 60 listening outside tcp "$BANNER:2000" || die "socat did not start"
for host in inside-a inside-b; do
    check "$host downloads 100 MB by HTTP" downloads "$host" "http://$WEB:2000/big.bin" 60
    check "$host talks with a server that speaks first" talks "$host"
    check "$host sends 100 MB" sends_all "$host" "$SINK"
    check "$host is sent 100 MB" takes_all "$host" "$SINK"
done
let_go() { (($(tally skinny bypassed) == $1)); }
# Workers tell what they have counted a moment later.
check "all of them were let go" wait_until 60 let_go 8

say "without the gateway"
without skinny
calls 16 17
check "no phone has any media" equal "$PHONES" "$(all_of 16 17 | sed 's/50 5/0 0/')"
check "the manager is told inside addresses" matches "$MANAGERS" ' inside'
finish
