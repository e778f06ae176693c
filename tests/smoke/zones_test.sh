#!/usr/bin/env bash
# Zone policy as configs/zones.yaml has it: SIP goes out with its media both ways and nothing
# else does, until the policy is reloaded.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly PHONE=10.64.0.10 CALLS=2

smoke_topology
need_packages sip-tester
# shellcheck disable=SC2034 # for _init.sh
SMOKE_BASE=zones
smoke_config
SCENARIOS=$PTL_ROOT/tests/smoke/sip
head -c 12000 /dev/zero | tr '\0' '\377' >"$PTL_WORK/silence.raw"
make_download 1
serve_web outside "$SERVER" 80 "$PTL_WORK/www"
spawn "$PTL_WORK/answer.log" ip netns exec "$(ns outside)" sipp -sf "$SCENARIOS/answer.xml" \
    -i "$SERVER" -p 5060 -mi "$SERVER" -mp 40000 -rtp_echo -nostdin
wait_until 60 listening outside udp "$SERVER:5060" || die "sipp did not start"
start_portolan

phone_calls() {
    (cd "$PTL_WORK" && in_ns inside-a timeout 60 sipp -sf "$SCENARIOS/call.xml" -i "$PHONE" -p 5064 -mi "$PHONE" \
        -mp 20000 -s other -m "$CALLS" -r 5 -nostdin -timeout 45 -timeout_error "$SERVER:5060" >"$PTL_WORK/call.log" 2>&1)
}

# More than a second for each call, out and in.
media_both_ways() {
    portolan show translations --json | jq -e --argjson least "$((CALLS * 60))" '
        [.[] | select(.alg == "")] | ([.[].packets_out] | add) >= $least and ([.[].packets_in] | add) >= $least' >/dev/null ||
        { portolan show translations; return 1; }
}

refused() { ! "$@"; }
fetches() { in_ns inside-a curl -s --max-time "$1" -o /dev/null "http://$SERVER/big.bin"; }
# class CLASS FILTER: what the class has come to.
class() {
    portolan show zones --json | jq -e --arg class "$1" "[.[] | select(.class == \$class)] | first | $2" >/dev/null ||
        { portolan show zones; return 1; }
}
drops_counted() { (($(counter drop.zone_policy) >= 2)); }

check "the phone calls somebody outside, $CALLS times" phone_calls
check "with media both ways" media_both_ways
check "by one session of the class" class sip-class1 '.action == "inspect" and .sessions == 1'
check "the web is not in the class" refused fetches 2
check "nor is ping" refused in_ns inside-a ping -n -c 1 -W 1 "$SERVER"
check "which is counted with the class that has it" class default '.action == "drop" and .packets >= 2 and .sessions == 0'
check "and as drops" drops_counted
sed -i 's/\(name: sip-policy, \)/\1default: inspect, /' "$PTL_CONFIG"
check "a policy that inspects the rest is reloaded" portolan reload
check "and lets the web through" fetches 10
check "with sessions of its own" class default '.action == "inspect" and .sessions >= 1'
finish
