#!/usr/bin/env bash
# What is logged reaches collectors that are not ours: pmacct's nfacctd decodes every event
# of RFC 8158 that there is, over UDP and over TCP, and rsyslog receives the same as syslog,
# over both. Killing them in the middle costs counted records and no packet.
# shellcheck disable=SC2016 # `$` in single quotes is meant as it is
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly CHURN=$PTL_ROOT/tests/smoke/_churn.py
COLLECTORS=()

# --- collectors ------------------------------------------------------------------

# nfacctd PORT: writes what it decodes to PTL_WORK/flows-PORT, a JSON object a line.
collect() {
    local port=$1 element number length
    while read -r element number length; do
        printf 'name=%s field_type=%s len=%s semantics=u_int\n' "$element" "$number" "$length"
    done >"$PTL_WORK/primitives" <<END
quota_event 466 4
threshold_event 467 4
most_sessions 471 4
most_mappings 472 4
most_entries 473 4
most_subscribers 474 4
most_fragments 475 4
pool_high 476 4
pool_low 477 4
mappings_high 478 4
user_high 480 4
subscribers_high 481 4
pool 283 4
range_start 361 2
range_end 362 2
at 323 8
END
    cat >"$PTL_WORK/nfacctd-$port.conf" <<END
daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: $port
nfacctd_time_new: true
plugins: print[all]
aggregate_primitives: $PTL_WORK/primitives
aggregate[all]: nat_event, src_host, post_nat_src_host, src_port, post_nat_src_port, dst_host, post_nat_dst_host, dst_port, post_nat_dst_port, proto, quota_event, threshold_event, most_sessions, most_mappings, most_entries, most_subscribers, most_fragments, pool_high, pool_low, mappings_high, user_high, subscribers_high, pool, range_start, range_end, at
print_output[all]: json
print_output_file[all]: $PTL_WORK/flows-$port
print_output_file_append[all]: true
print_refresh_time[all]: 1
print_cache_entries[all]: 65521
END
    spawn "$PTL_WORK/nfacctd-$port.log" ip netns exec "$(ns appliance)" \
        nfacctd -f "$PTL_WORK/nfacctd-$port.conf"
    COLLECTORS+=("$SPAWNED")
    wait_until 60 listening appliance udp "127.0.0.1:$port" || die "nfacctd did not start"
}

start_collectors() {
    COLLECTORS=()
    collect 4739
    collect 4741
    spawn "$PTL_WORK/relay.log" ip netns exec "$(ns appliance)" /usr/bin/python3 \
        "$PTL_ROOT/tests/smoke/_ipfix_relay.py" 127.0.0.1:4740 127.0.0.1:4741
    COLLECTORS+=("$SPAWNED")
    wait_until 60 listening appliance tcp 127.0.0.1:4740 || die "the relay did not start"
    cat >"$PTL_WORK/rsyslog.conf" <<END
global(workDirectory="$PTL_WORK")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="5514" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="5515" ruleset="tcp")
template(name="parsed" type="string" string="%msgid% %app-name% %structured-data%\n")
ruleset(name="udp") { action(type="omfile" file="$PTL_WORK/syslog-udp" template="parsed") }
ruleset(name="tcp") { action(type="omfile" file="$PTL_WORK/syslog-tcp" template="parsed") }
END
    spawn "$PTL_WORK/rsyslogd.log" ip netns exec "$(ns appliance)" \
        rsyslogd -n -f "$PTL_WORK/rsyslog.conf" -i "$PTL_WORK/rsyslogd.pid"
    COLLECTORS+=("$SPAWNED")
    wait_until 60 listening appliance udp 127.0.0.1:5514 || die "rsyslogd did not start"
    wait_until 60 listening appliance tcp 127.0.0.1:5515 || die "rsyslogd did not start"
}

kill_collectors() {
    local pid
    for pid in "${COLLECTORS[@]}"; do
        signal_tree KILL "$pid"
    done
}

# Their own processes have their sockets as well.
all_gone() {
    local port
    for port in 4739 4741 5514; do
        ! listening appliance udp "127.0.0.1:$port" || return 1
    done
    ! listening appliance tcp 127.0.0.1:4740 && ! listening appliance tcp 127.0.0.1:5515
}

# --- the appliance ---------------------------------------------------------------

smoke_topology
need_packages pmacct rsyslog
start_collectors
# `parts` sends fragments: libpcap hands them over as they are, where af_packet waits for whole datagrams.
new_ns parts
wire parts eth0 appliance ptl-parts
smoke_config '/^nat:/,$d' \
    's/^limits:.*/limits: { sessions: 65536, mappings: 1200, subscribers: 12, fragments: 8 }/' \
    '/^routes:/i\  - { name: parts, device: "net_pcap0,rx_iface_in=ptl-parts,tx_iface=ptl-parts", addresses: [10.65.0.1/16], zone: inside }'
cat >>"$PTL_CONFIG" <<'END'
nat:
  hold_down: { time: 0s }
  timeouts: { fragments: 1s }
  pools:
    - name: public
      prefixes: [203.0.113.0/32]
      ports: 1024-5119
      blocks: { size: 64, max_per_subscriber: 32, idle_timeout: 1s }
      watermarks: { high: 3, low: 1 }
    - { name: tiny, prefixes: [203.0.113.8/32], ports: 2000-2003 }
  rules:
    - name: few
      source: [10.64.0.20, 10.64.0.21]
      pool: tiny
      log: sessions
    - name: limited
      source: 10.64.0.10
      pool: public
      log: both
      destinations: true
      limits: { watermark: 50, ports: { udp: 100 } }
    - { name: together, source: 10.64.0.22, pool: public, limits: { rule_sessions: 5 } }
    - { name: filling, source: 10.64.0.23, pool: public }
    - name: many
      source: 10.64.0.0/16
      pool: public
      log: both
      destinations: true
log:
  ipfix:
    - { collector: "127.0.0.1:4739", domain: 1 }
    - { collector: "127.0.0.1:4740", domain: 2, transport: tcp }
  syslog:
    - { server: "127.0.0.1:5514" }
    - { server: "127.0.0.1:5515", transport: tcp }
END
sed -i "s|^log:|&\n  store: { path: $PTL_WORK/store }|" "$PTL_CONFIG"
BEGAN=$(date +%s)
start_portolan
readonly CROWD=(10.64.0.{30..41})
printf 'address add %s/16 dev eth0\n' 10.64.0.12 10.64.0.23 "${CROWD[@]}" | ip -n "$(ns inside-a)" -batch -
printf 'address add %s/16 dev eth0\n' 10.64.0.21 10.64.0.22 | ip -n "$(ns inside-b)" -batch -

churn() { in_ns "$1" /usr/bin/python3 "$CHURN" "${@:2}"; }

# Second fragments of datagrams that have no first.
fragments() {
    local mac
    mac=$(portolan show interfaces --json | jq -r '.[] | select(.name == "parts") | .mac')
    ip -n "$(ns parts)" address add 10.65.0.10/16 dev eth0
    ip -n "$(ns parts)" neighbor add 10.65.0.1 lladdr "$mac" dev eth0
    ip -n "$(ns parts)" route add default via 10.65.0.1
    in_ns parts /usr/bin/python3 "$PTL_ROOT/tests/smoke/_fragments.py" 10.65.0.10 "$SERVER" 32
}

# --- every event -----------------------------------------------------------------

# events PORT: the numbers of natEvent that were decoded; of quotas and thresholds with which it
# is, its figure and whose it is.
events() {
    jq -rs 'def told: to_entries | map(select(.key | test("^(quota|threshold|most|pool|mappings|user|subscribers|ip_src)"))
                | select(.value != "0" and .value != "") | " \(.key)=\(.value)") | sort | add;
            map("\(.nat_event)" + if .nat_event == 13 or .nat_event == 18 then told else "" end) | unique | .[]' \
        "$PTL_WORK/flows-$1" 2>/dev/null
}

readonly EXPECTED='12
13 ip_src=10.64.0.10 most_entries=100 quota_event=3
13 ip_src=10.65.0.10 most_fragments=8 quota_event=5
13 most_mappings=1200 quota_event=2
13 most_sessions=5 quota_event=1
13 most_subscribers=12 quota_event=4
14
15
16
17
18 ip_src=10.64.0.10 threshold_event=4 user_high=50
18 mappings_high=1080 threshold_event=3
18 pool=1 pool_high=3 threshold_event=1
18 pool=1 pool_low=3 threshold_event=2
18 pool_high=1 threshold_event=1
18 subscribers_high=10 threshold_event=5
18 threshold_event=2
3
4
5
8
9'

heard_all() { [[ $(events 4739) == "$EXPECTED" && $(events 4741) == "$EXPECTED" ]]; }
every_event() { wait_until 60 heard_all || equal "$(events 4739)+$(events 4741)" "$EXPECTED"; }

# flow PORT EXPRESSION: some decoded record is like that.
flow() { jq -es "map(select($2)) | length > 0" "$PTL_WORK/flows-$1" >/dev/null 2>&1; }

# With their neighbours known, hosts are heard in this order: the last ones find the tables full.
for host in inside-a inside-b; do
    wait_until 60 pings "$host" 1 10.64.0.1 || die "$host does not reach the appliance"
done
wait_until 60 pings outside 1 198.51.100.1 || die "the router does not reach the appliance"
churn inside-a 10.64.0.10 20000 110 "$SERVER:9000"
churn inside-b 10.64.0.20 20000 6 "$SERVER:9000"
churn inside-b 10.64.0.21 20000 1 "$SERVER:9000"
churn inside-b 10.64.0.22 20000 6 "$SERVER:9000"
crowd=$(IFS=, && echo "10.64.0.23,${CROWD[*]}")
churn inside-a "$crowd" 20000 1 "$SERVER:9000"
churn inside-a 10.64.0.23 20001 1250 "$SERVER:9000"
fragments
all_refused() {
    portolan show counters --json | jq -e 'map(select(.value > 0).name) | contains(["drop.no_port", "drop.port_limit",
        "drop.rule_limit", "drop.subscriber_table", "drop.mapping_table", "drop.fragment_table"])' >/dev/null
}
wait_until 60 all_refused || die "not everything was refused"
HELD=$(portolan show mappings --json | jq -r 'map(select(.inside == "10.64.0.10:20000") | .outside) | first')
portolan clear translations >/dev/null
check "nfacctd decodes every event, over UDP and over TCP" every_event
for port in 4739 4741; do
    check "a block has both ends ($port)" flow "$port" \
        '.nat_event == 16 and (.range_end | tonumber) - (.range_start | tonumber) == 63 and .ip_src == "10.64.0.10"'
    check "a session has its destination ($port)" flow "$port" \
        ".nat_event == 4 and .ip_dst == \"$SERVER\" and .post_nat_ip_dst == \"$SERVER\" and .port_dst == 9000 and .port_src == 20000"
    check "a mapping has none ($port)" flow "$port" \
        '.nat_event == 8 and .ip_src == "10.64.0.20" and .ip_dst == "" and .post_nat_ip_src == "203.0.113.8"'
done
check "connections begin with templates and number 0" test ! -s "$PTL_WORK/relay.log"

# Their names, and what quotas and thresholds say.
names() {
    sed -E 's/^([^ ]+ [^ ]+) .* ((quota|threshold)=.*)\]$/\1 \2/; t; s/^([^ ]+ [^ ]+) .*/\1/' \
        "$PTL_WORK/syslog-$1" 2>/dev/null | LC_ALL=C sort -u
}
readonly NAMES='address-bound portolan
address-unbound portolan
addresses-exhausted portolan
block-allocated portolan
block-released portolan
mapping-created portolan
mapping-deleted portolan
ports-exhausted portolan
quota-exceeded portolan quota="1" most="5"
quota-exceeded portolan quota="2" most="1200"
quota-exceeded portolan quota="3" most="100" vrf="default" in="10.64.0.10"
quota-exceeded portolan quota="4" most="12"
quota-exceeded portolan quota="5" most="8" vrf="default" in="10.65.0.10"
session-created portolan
session-deleted portolan
threshold-reached portolan threshold="1" at="1" pool="public"
threshold-reached portolan threshold="1" at="3" pool="tiny"
threshold-reached portolan threshold="2" at="0" pool="public"
threshold-reached portolan threshold="2" at="3" pool="tiny"
threshold-reached portolan threshold="3" at="1080"
threshold-reached portolan threshold="4" at="50" vrf="default" in="10.64.0.10"
threshold-reached portolan threshold="5" at="10"'
heard_lines() { [[ $(names udp) == "$NAMES" && $(names tcp) == "$NAMES" ]]; }
every_line() { wait_until 60 heard_lines || equal "$(names udp)+$(names tcp)" "$NAMES"; }
check "rsyslog receives every event, over UDP and over TCP" every_line
for way in udp tcp; do
    check "a line is parsed into its element ($way)" grep -qE \
        '^block-allocated portolan \[nat@32473 event="16" instance="0" vrf="default" in="10\.64\.0\.10" out="203\.0\.113\.0" ports="[0-9]+-[0-9]+"\]$' \
        "$PTL_WORK/syslog-$way"
done

# --- who had it --------------------------------------------------------------------

# had ARGUMENT...: whom the store names for that endpoint.
had() { "$PORTOLAN" whois "$@" "$HELD" --json 2>"$PTL_WORK/whois" | jq -r 'map(.inside) | unique | join(" ")'; }
whole() { [[ $(had --store "$PTL_WORK/store" --from "$BEGAN") == "10.64.0.10 10.64.0.10:20000" ]]; }
check "the store names the host, its block and its session" wait_until 60 whole
check "by the directory that the file names" equal "$(had -c "$PTL_CONFIG" --from "$BEGAN")" "10.64.0.10 10.64.0.10:20000"
check "before the start nobody had it" equal "$(had -c "$PTL_CONFIG" --at 1000000000)" ""
check "and that is said" grep -q "the store begins at" "$PTL_WORK/whois"

# --- collectors that go ------------------------------------------------------------

# settled: every record is counted once for each collector and server.
settled() {
    portolan show counters --json | jq -e '(map({ (.name): .value }) | add) as $of |
        [$of["log.ipfix_sent"] + $of["log.ipfix_lost"], $of["log.syslog_sent"] + $of["log.syslog_lost"]]
        == [2 * $of["log.records"], 2 * $of["log.records"]]' >/dev/null
}

wait_until 60 settled || true
lost=$(($(counter log.ipfix_lost) + $(counter log.syslog_lost)))
check "nothing was lost while they were there" test "$lost" = 0
dropped=$(counter verdict.drop)
check "the neighbours are known" pings inside-a 1 "$SERVER"
spawn "$PTL_WORK/churn.log" ip netns exec "$(ns inside-a)" /usr/bin/python3 "$CHURN" \
    10.64.0.12 20000 900 "$SERVER:9000" 400
CHURNING=$SPAWNED
pause 0.5
kill_collectors
check "pings go on while collectors die" pings inside-a 5 -I 10.64.0.10 "$SERVER"
wait "$CHURNING" || true
check "not a packet was lost" equal "$(counter verdict.drop)" "$dropped"
churn inside-a 10.64.0.12 30000 20 "$SERVER:9000"
were_lost() { (($(counter "$1") > 0)); }
check "records to nobody are lost" wait_until 60 were_lost log.ipfix_lost
check "of syslog as well" wait_until 60 were_lost log.syslog_lost
wait_until 60 all_gone || die "the collectors did not end"
rm -f "$PTL_WORK"/flows-* "$PTL_WORK"/syslog-*
start_collectors
NEXT=31000
heard_again() {
    churn inside-a 10.64.0.12 "$NEXT" 5 "$SERVER:9000"
    NEXT=$((NEXT + 5))
    flow "$1" '.nat_event == 4 and .port_src >= 31000'
}
check "collectors that come back are told templates and go on (UDP)" wait_until 60 heard_again 4739
check "what waited for them arrives (TCP)" wait_until 60 heard_again 4741
check "every record is counted, as sent or as lost" wait_until 60 settled
check "none before it reached the exporter" equal "$(counter log.ring_full)" 0
# nfacctd takes its time over a gentler signal.
kill_collectors
finish
