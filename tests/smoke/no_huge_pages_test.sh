#!/usr/bin/env bash
# Without huge pages a buffer takes whole pages of memory: as many are planned as it
# holds, for ordinary and for large frames.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

# file NAME MTU: two ports that receive nothing, with frames of so many bytes.
file() {
    local head
    head=$(sed -e '/^interfaces:/,$d' -e "s|socket: [^,]*|socket: $PTL_STATE/portolan.sock|" \
        -e 's/memory_mb: [0-9]*/memory_mb: 256/' "$PTL_ROOT/configs/quickstart.yaml")
    cat >"$PTL_WORK/$1.yaml" <<END
$head
interfaces:
  - { name: inside, device: "net_null0,no-rx=1", addresses: [10.64.0.1/16], mtu: $2 }
  - { name: outside, device: "net_null1,no-rx=1", addresses: [198.51.100.1/24], mtu: $2 }
nat:
  pools:
    - { name: public, prefixes: [203.0.113.0/28] }
  rules:
    - { name: subscribers, inside: inside, source: 10.64.0.0/16, pool: public }
END
    rm -f "$PTL_STATE/portolan.sock"
    adapt "$PTL_WORK/$1.yaml"
}

interfaces_up() { portolan show interfaces --json | jq -e 'length == 2 and all(.up)' >/dev/null; }

logged() { grep -qE "$1" "$PORTOLAN_LOG" || { grep buffers "$PORTOLAN_LOG"; return 1; }; }

begin
need_packages "${PTL_TRAFFIC_PACKAGES[@]}"
build
new_ns appliance
# shellcheck disable=SC2034 # for lib.sh
PORTOLAN_NO_HUGE=1
reserve_hugepages 0

for mtu in 1500 3500; do
    file "mtu-$mtu" "$mtu"
    check "the file is for a machine without huge pages" grep -q -- --no-huge "$PTL_CONFIG"
    start_portolan
    check "both ports are up with frames of $mtu bytes" interfaces_up
    check "and tens of thousands of buffers" logged "[0-9]{5} packet buffers for frames of up to $mtu bytes"
    kill -TERM "$PORTOLAN_PID"
    status=0
    wait "$PORTOLAN_PID" || status=$?
    check "TERM ends it with 0" equal "$status" 0
done
finish
