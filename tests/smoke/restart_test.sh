#!/usr/bin/env bash
# Portolan killed outright in the middle of a download costs the connections,
# nothing else: hosts, links and huge pages stay, a new one takes over at once.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
make_download 100
serve_hello
serve_web outside "$SERVER" 80 "$PTL_WORK/www"

spawn "$PTL_WORK/download.log" ip netns exec "$(ns inside-a)" \
    curl -sS --limit-rate 10M --max-time 20 -o "$PTL_WORK/got.bin" "http://$SERVER/big.bin"
download=$SPAWNED

well_on_its_way() { (($(stat -c %s "$PTL_WORK/got.bin" 2>/dev/null || echo 0) > 5000000)); }
links_stand() {
    local role
    for role in inside-a inside-b outside; do
        ip -n "$(ns "$role")" -br link show eth0 | grep -q ' UP ' || return 1
    done
    ip -n "$(ns appliance)" -br link show ptl-in | grep -q ' UP ' &&
        ip -n "$(ns appliance)" -br link show ptl-out | grep -q ' UP '
}

check "a download is on its way" wait_until 60 well_on_its_way
kill -KILL "$PORTOLAN_PID"
wait "$PORTOLAN_PID" 2>/dev/null || true
check "all links still stand" links_stand
start_portolan
check "a new Portolan took over" answers
check "new connections outward" downloads inside-a "http://$SERVER/big.bin"
check "new connections inward" says_hello outside "http://$FORWARD/hello.txt"
check "ping" pings inside-b 3 "$SERVER"
stop "$download" 1

# The same in good order: ended by TERM, started again.
kill -TERM "$PORTOLAN_PID"
status=0
wait "$PORTOLAN_PID" || status=$?
check "TERM ends it with 0" equal "$status" 0
start_portolan
check "and again new connections" downloads inside-a "http://$SERVER/big.bin"
finish
