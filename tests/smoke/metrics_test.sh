#!/usr/bin/env bash
# The Prometheus endpoint tells what happened.
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
finish
