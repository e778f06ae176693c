#!/usr/bin/env bash
# PPTP with Debian's client and server: two clients inside, who have one outside address, at one server
# outside, with several calls each. Nobody needs PPP in the kernel for it: in the place of pppd
# there is an echo at the server, and at the clients a program that counts what comes back.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly CALLS=3 FRAMES=20
# Its own address: what it sends comes from there.
readonly HOST=198.51.100.254
readonly CLOSED='s/filtering: address-dependent/filtering: address-and-port-dependent/'
readonly ONE_ADDRESS='s|prefixes: \[203.0.113.0/28\]|prefixes: [203.0.113.5/32]|'

smoke_topology
need_packages pptp-linux pptpd

# serve_pptp ROLE ADDRESS: it hears the clients when its own side has said something.
serve_pptp() {
    printf '#!/bin/sh\nstty raw -echo\nprintf "~~"\nexec cat\n' >"$PTL_WORK/echo"
    chmod 755 "$PTL_WORK/echo"
    printf '%s\n' "ppp $PTL_WORK/echo" "option /dev/null" "listen $2" "connections 20" \
        "localip 10.99.0.1" "remoteip 10.99.0.10-29" >"$PTL_WORK/pptpd.conf"
    spawn "$PTL_WORK/pptpd.log" ip netns exec "$(ns "$1")" \
        pptpd --fg --conf "$PTL_WORK/pptpd.conf" --pidfile "$PTL_WORK/pptpd.pid"
    wait_until 60 listening "$1" tcp "$2:1723" || die "pptpd did not start"
}

# calls_from ROLE: its process in SPAWNED. The directory is where pptp looks for a control
# connection of others to the same server.
calls_from() {
    # shellcheck disable=SC2016 # for the shell inside
    spawn "$PTL_WORK/pptp-$1.log" ip netns exec "$(ns "$1")" sh -c \
        'mkdir -p /run/pptp && mount -t tmpfs none /run/pptp && exec timeout 60 "$@"' - \
        /usr/bin/python3 "$PTL_ROOT/tests/smoke/_pptp.py" "$HOST" "$CALLS" "$FRAMES"
}

# at_once: both call; how many frames came back in each call of each in RESULT.
at_once() {
    local first
    calls_from inside-a
    first=$SPAWNED
    calls_from inside-b
    wait "$first" "$SPAWNED" || true
    RESULT="$(xargs <"$PTL_WORK/pptp-inside-a.log") / $(xargs <"$PTL_WORK/pptp-inside-b.log")"
}

serve_pptp outside "$HOST"
smoke_config "$CLOSED" "$ONE_ADDRESS"
start_portolan
at_once
check "every frame of every call came back to who sent it" equal "$RESULT" "20 20 20 / 20 20 20"
check "six calls were seen" at_least "$(tally pptp doors_promoted)" 6
check "nothing went wrong" equal "$(tally pptp errors)" 0
check "no door is left" wait_until 60 no_doors

say "one of them has an outside address of its own"
again
at_once
check "every frame of every call came back to who sent it" equal "$RESULT" "20 20 20 / 20 20 20"

say "without the gateway"
stop "$PORTOLAN_PID"
smoke_config "$CLOSED" "$ONE_ADDRESS" '$ a alg: { pptp: off }'
start_portolan
at_once
check "not both get their calls" refused equal "$RESULT" "20 20 20 / 20 20 20"
printf '        %s\n' "$RESULT"
finish
