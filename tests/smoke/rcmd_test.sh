#!/usr/bin/env bash
# rsh, rexec and rlogin with real servers: the second channel, by which errors come, is a connection
# from the server; rlogin has none. rsh wants ports below 1024 on both ends, so the pool has some.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

# Its own address: rshd calls back from that, whichever it was called by.
readonly HOST=198.51.100.254
readonly LOW_PORTS=('s/ports: 1024-65535/ports: 512-65535/' '/^      blocks:/d')

smoke_topology
need_packages openbsd-inetd openssl rsh-client rsh-server
smoke_config "${STRICT[@]}" "${LOW_PORTS[@]}"
start_portolan

# serve_rcmd ROLE ADDRESS: rshd and rexecd, for a user that only this host has. They look
# everybody's name up, so that all addresses need one.
serve_rcmd() {
    local etc last
    etc=/etc/netns/$(ns "$1")
    mkdir -p "$PTL_WORK/home"
    cp /etc/passwd /etc/shadow "$etc/"
    printf 'ptl:x:31415:31415::%s:/bin/sh\n' "$PTL_WORK/home" >>"$etc/passwd"
    printf 'ptl:%s:19000:0:99999:7:::\n' "$(openssl passwd -6 secret)" >>"$etc/shadow"
    chmod 600 "$etc/shadow"
    for last in {0..15}; do
        printf '203.0.113.%s subscriber-%s\n' "$last" "$last" >>"$etc/hosts"
        printf 'subscriber-%s root\n' "$last" >>"$PTL_WORK/home/.rhosts"
    done
    chmod 600 "$PTL_WORK/home/.rhosts"
    chown -R 31415 "$PTL_WORK/home"
    printf '%s stream tcp nowait root %s\n' "$2:514" '/usr/sbin/in.rshd in.rshd' \
        "$2:512" '/usr/sbin/in.rexecd in.rexecd' "$2:513" '/usr/sbin/in.rlogind in.rlogind' >"$PTL_WORK/inetd.conf"
    spawn "$PTL_WORK/inetd.log" ip netns exec "$(ns "$1")" /usr/sbin/inetd -i "$PTL_WORK/inetd.conf"
    wait_until 60 listening "$1" tcp "$2:514" || die "inetd did not start"
}

# How many seconds a command may take.
PATIENCE=30

# shells ROLE, executes ROLE: both channels bring what was written to them.
shells() {
    in_ns "$1" timeout "$PATIENCE" netkit-rsh -l ptl "$HOST" 'echo to output; echo to errors >&2' \
        >"$PTL_WORK/output" 2>"$PTL_WORK/errors" || return 1
    equal "$(<"$PTL_WORK/output")/$(<"$PTL_WORK/errors")" "to output/to errors"
}

executes() {
    in_ns "$1" timeout "$PATIENCE" /usr/bin/python3 "$PTL_ROOT/tests/smoke/_rexec.py" "$HOST" ptl secret \
        'echo to output; echo to errors >&2' >"$PTL_WORK/output" 2>&1 || return 1
    equal "$(paste -sd/ "$PTL_WORK/output")" "output: to output/errors: to errors"
}

# logs_in ROLE: a terminal as large as the client's, in which a shell answers. The server asks for
# the size by urgent data (RFC 1282).
logs_in() {
    # shellcheck disable=SC2016 # for the shells there
    in_ns "$1" bash -c '{ sleep 2; echo "echo \"we are \$(whoami) on \$(tty), \$(stty size)\"; exit"; sleep 2; } |
        timeout 20 script -qec "stty rows 33 cols 77; netkit-rlogin -l ptl $1" /dev/null' - "$HOST" >"$PTL_WORK/rlogin" 2>&1 || true
    grep -q 'we are ptl on /dev/pts/[0-9]*, 33 77' "$PTL_WORK/rlogin" || { cat "$PTL_WORK/rlogin"; return 1; }
}

serve_rcmd outside "$HOST"
for host in inside-a inside-b; do
    check "$host, rsh" shells "$host"
    check "$host, rexec" executes "$host"
done
check "inside-a, rsh once more" shells inside-a
check "inside-a, rlogin" logs_in inside-a
check "doors were opened and used" equal "$(tally rcmd doors_promoted)" 5
check "nothing went wrong" equal "$(tally rcmd errors)" 0

say "without the gateway"
PATIENCE=4
without rcmd "${LOW_PORTS[@]}"
check "rsh does not work" refused shells inside-a
check "rexec does not work" refused executes inside-a
finish
