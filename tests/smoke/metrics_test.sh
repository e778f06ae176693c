#!/usr/bin/env bash
# The Prometheus endpoint tells what happened; a real Prometheus with the rules and the dashboard of configs/.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start

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
# A packet that waits for ARP counts as held, so the neighbours come first.
check "the neighbours are known" pings inside-a 1 "$SERVER"
pause 1
scrape
before=$(forwarded)
check "ten pings" pings inside-a 10 "$SERVER"
pause 1
check "the endpoint answers again" scrape
check "twenty packets more were forwarded" test "$(forwarded)" -ge "$((before + 20))"
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
