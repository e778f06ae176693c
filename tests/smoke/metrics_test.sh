#!/usr/bin/env bash
# The Prometheus endpoint tells what happened; a real Prometheus with the rules and the dashboard of configs/.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_topology
# A policy that lets everything out, so that there is one to tell of.
smoke_config 's/^nat:/zones:\n  policies: [ { name: out, classes: [], default: inspect } ]\n  pairs: [ { name: in-out, from: inside, to: outside, policy: out } ]\n&/'
start_portolan

scrape() { in_ns appliance curl -sS --max-time 5 http://127.0.0.1:9464/metrics >"$PTL_WORK/metrics"; }

# forwarded: the forward verdicts over all labels.
forwarded() { awk '/^portolan_.*verdict.*forward|^portolan_verdict.*forward/ { n += $NF } END { print n + 0 }' "$PTL_WORK/metrics"; }

well_formed() {
    [[ -s $PTL_WORK/metrics ]] &&
        ! grep -vE '^#|^$|^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [-+0-9.eE]+(NaN|Inf)?$' "$PTL_WORK/metrics"
}

check "the endpoint answers" scrape
check "every line is in the text format" well_formed
check "metrics carry the program's name" grep -q '^portolan_' "$PTL_WORK/metrics"

# unseen KIND FILTER: what `show KIND` has that the endpoint has not, each in a line, as FILTER says it.
unseen() {
    portolan show "$1" --json | jq -r "$2" >"$PTL_WORK/shown"
    [[ -s $PTL_WORK/shown ]] || echo "nothing in show $1"
    cut -d' ' -f1 "$PTL_WORK/metrics" | grep -vFxf - "$PTL_WORK/shown" || true
}
# shellcheck disable=SC2016
everything_is_there() {
    local workers
    workers=$(portolan show workers --json | jq -c '[.[].worker | tostring] + ["slow_path"]')
    {
        unseen counters '.[] | .name as $name | '"$workers"'[] |
            "portolan_\($name | gsub("[.]"; "_"))_total{worker=\"\(.)\"}"'
        unseen workers '.[] | .worker as $of | (["sessions", "mappings", "subscribers", "worker_busy_ratio",
            "worker_longest_gap_seconds", "worker_gap_seconds_count"][]) | "portolan_\(.){worker=\"\($of)\"}"'
        unseen pools '.[] | .name as $of | (["blocks", "blocks_used", "subscribers", "draining"][]) |
            "portolan_pool_\(.){pool=\"\($of)\"}"'
        unseen interfaces '.[] | .name as $of | (["up", "rx_packets_total", "rx_bytes_total", "rx_missed_total",
            "tx_packets_total", "tx_bytes_total", "tx_dropped_total"][]) | "portolan_interface_\(.){interface=\"\($of)\"}"'
        unseen alg '.[] | .alg as $of | (["messages", "rewritten", "doors_opened", "doors_promoted", "bypassed",
            "errors"][]) | "portolan_gateway_\(.)_total{gateway=\"\($of)\"}"'
        unseen zones '.[] | (["packets", "sessions"][]) as $what |
            "portolan_zone_\($what)_total{pair=\"\(.name)\",from=\"\(.from)\",to=\"\(.to)\",class=\"\(.class)\",action=\"\(.action)\"}"'
        grep -q '^portolan_subscriber_ports_at_most{le="+Inf"}' "$PTL_WORK/metrics" || echo "ports of subscribers"
        grep -q '^portolan_worker_gap_seconds_bucket{worker="0",le="+Inf"}' "$PTL_WORK/metrics" || echo "gaps"
    } >"$PTL_WORK/unseen"
    cat "$PTL_WORK/unseen"
    [[ ! -s $PTL_WORK/unseen ]]
}
check "whatever show tells of counters, workers, pools, interfaces, gateways and zones is there" everything_is_there
# A packet that waits for ARP counts as held, so the neighbours come first.
check "the neighbours are known" pings inside-a 1 "$SERVER"
pause 1
scrape
before=$(forwarded)
check "ten pings" pings inside-a 10 "$SERVER"
forwarded_more() { scrape && (($(forwarded) >= $1)); }
check "twenty packets more were forwarded" wait_until 10 forwarded_more "$((before + 20))"
# --- a real Prometheus, the rules and the dashboard ----------------------------------

readonly RULES=$PTL_ROOT/configs/prometheus
if [[ -n $(missing_packages prometheus) ]]; then
    (need_packages prometheus) || skip "prometheus cannot be installed here; the endpoint itself was right"
fi
check "the rules do what they say" promtool test rules "$RULES/portolan.rules.test.yaml"

mkdir -p "$PTL_WORK/prometheus"
cp "$RULES"/*.yaml "$PTL_WORK/prometheus"
sed -i 's/_interval: 15s/_interval: 1s/' "$PTL_WORK/prometheus/prometheus.yaml"
spawn "$PTL_WORK/prometheus.log" ip netns exec "$(ns appliance)" prometheus \
    --config.file="$PTL_WORK/prometheus/prometheus.yaml" --storage.tsdb.path="$PTL_WORK/prometheus/data" \
    --web.listen-address=127.0.0.1:9090
answers() {
    in_ns appliance /usr/bin/python3 "$PTL_ROOT/tests/smoke/_prometheus.py" http://127.0.0.1:9090 \
        "$PTL_ROOT/configs/grafana/portolan.json" >"$PTL_WORK/answers" 2>&1
}
check "more pings" pings inside-a 10 "$SERVER"
check "Prometheus answers all that the dashboard and the rules ask" wait_until 60 answers
cat "$PTL_WORK/answers"
finish
