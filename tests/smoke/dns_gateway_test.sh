#!/usr/bin/env bash
# A name server inside, with an outside address of its own: clients outside are told outside addresses
# of inside hosts, and names by them; clients inside the inside ones.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

PTL_TRAFFIC_PACKAGES+=(unbound)
readonly NAMES=203.0.113.14 WEB=203.0.113.13
# Both inside hosts have a whole address; the port forward of the quickstart file makes room.
STATICS=('/outside: "203.0.113.13:80"/d'
    "s|^  static:|&\\n    - { inside: 10.64.0.10, outside: $NAMES }\\n    - { inside: 10.64.0.20, outside: $WEB }|")

serve_names() {
    local txt
    txt=$(printf 'x%.0s' {1..200})
    cat >"$PTL_WORK/unbound.conf" <<END
server:
    interface: 10.64.0.10
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: "$PTL_WORK"
    pidfile: ""
    use-syslog: no
    edns-buffer-size: 1232
    local-zone: "portolan.example." static
    local-data: "www.portolan.example. 3600 IN A 10.64.0.20"
    local-data: "both.portolan.example. 3600 IN A 10.64.0.20"
    local-data: "both.portolan.example. 3600 IN A 10.64.0.10"
    local-data: "other.portolan.example. 3600 IN A 192.0.2.77"
    local-data: 'long.portolan.example. 3600 IN TXT "$txt" "1$txt" "2$txt" "3$txt"'
    local-data: "portolan.example. 3600 IN MX 10 www.portolan.example."
    local-zone: "10.in-addr.arpa." static
    local-data-ptr: "10.64.0.20 3600 www.portolan.example"
    local-data-ptr: "10.64.0.10 3600 ns.portolan.example"
remote-control:
    control-enable: no
END
    spawn "$PTL_WORK/unbound.log" ip netns exec "$(ns inside-a)" \
        unbound -d -c "$PTL_WORK/unbound.conf"
    wait_until 60 listening inside-a udp 10.64.0.10:53 || die "unbound did not start"
}

# told ROLE SERVER WANT ARGUMENTS...: the answers, sorted, are exactly these.
told() {
    local role=$1 server=$2 want=$3 got
    shift 3
    in_ns "$role" dig +tries=1 +time=3 +short @"$server" "$@" >"$PTL_WORK/dig" || true
    got=$(sort "$PTL_WORK/dig" | paste -sd ' ')
    equal "$got" "$want"
}

# in_full ROLE SERVER WANT ARGUMENTS...: the whole answer has this in it, and no warning.
in_full() {
    local role=$1 server=$2 want=$3
    shift 3
    in_ns "$role" dig +tries=1 +time=3 @"$server" "$@" >"$PTL_WORK/dig" || true
    if ! grep -q "$want" "$PTL_WORK/dig" || grep -qiE 'warning|mismatch|malformed' "$PTL_WORK/dig"; then
        cat "$PTL_WORK/dig"
        return 1
    fi
}

tally() { portolan show alg --json | jq ".[] | select(.alg == \"dns\") | .$1"; }

nothing_went_wrong() {
    printf '        %s messages, %s rewritten, %s errors\n' \
        "$(tally messages)" "$(tally rewritten)" "$(tally errors)"
    (($(tally rewritten) >= 10 && $(tally errors) == 0))
}

many() {
    local _
    for _ in {1..50}; do
        told outside "$NAMES" "$WEB" www.portolan.example || return 1
    done
}

smoke_start "${STATICS[@]}"
serve_names
# A server of the world, which knows the inside web server by its outside address.
spawn "$PTL_WORK/dns-outside.log" ip netns exec "$(ns outside)" \
    dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --group=root \
    --no-resolv --no-hosts --bind-interfaces --listen-address="$SERVER" \
    --address="/www.portolan.example/$WEB" \
    --ptr-record=13.113.0.203.in-addr.arpa,www.portolan.example
wait_until 60 listening outside udp "$SERVER:53" || die "dnsmasq did not start"

check "an address, from outside" told outside "$NAMES" "$WEB" www.portolan.example
check "two addresses" told outside "$NAMES" "$WEB $NAMES" both.portolan.example
check "an address of somebody else" told outside "$NAMES" 192.0.2.77 other.portolan.example
check "a name of an outside address" told outside "$NAMES" www.portolan.example. -x "$WEB"
check "that over TCP" told outside "$NAMES" www.portolan.example. +tcp -x "$WEB"
check "an address over TCP" told outside "$NAMES" "$WEB" +tcp www.portolan.example
check "several queries in one connection" told outside "$NAMES" \
    "$WEB ns.portolan.example. www.portolan.example." \
    +tcp +keepopen www.portolan.example -x "$WEB" -x "$NAMES"
check "without EDNS" told outside "$NAMES" www.portolan.example. +noedns -x "$WEB"
check "with a large buffer" in_full outside "$NAMES" 'ANSWER: 1' +bufsize=4096 long.portolan.example TXT
check "a long answer that comes truncated is asked for by TCP" in_full outside "$NAMES" 'ANSWER: 1' \
    +noedns long.portolan.example TXT
check "who wants signatures gets the answer as it is" told outside "$NAMES" 10.64.0.20 +dnssec www.portolan.example
check "the whole message is well-formed" in_full outside "$NAMES" "$WEB" www.portolan.example
check "and that of a name" in_full outside "$NAMES" '13.113.0.203.in-addr.arpa.*PTR.*www.portolan.example' -x "$WEB"
check "fifty queries, each from its own port" many
check "inside, a server of the world tells the inside address" told inside-a "$SERVER" 10.64.0.20 www.portolan.example
check "and names by it" told inside-a "$SERVER" www.portolan.example. -x 10.64.0.20
check "nothing went wrong" nothing_went_wrong

stop "$PORTOLAN_PID" 5
smoke_config "${STATICS[@]}" "\$a alg: { dns: off }"
start_portolan
check "without the gateway the outside is told the inside address" told outside "$NAMES" 10.64.0.20 www.portolan.example
finish
