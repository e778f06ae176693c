#!/usr/bin/env bash
# SIP over UDP with real programs: a phone inside that registers at a proxy outside, calls to it
# and from it with media both ways; and what does not work without the gateway.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly STRANGER=192.0.2.11 PHONE=10.64.0.10
readonly CALLS=10
readonly STRICT='s/filtering: address-dependent/filtering: address-and-port-dependent/'

smoke_topology
need_packages kamailio python3 sip-tester
smoke_config "$STRICT"
start_portolan
ip -n "$(ns outside)" address add "$STRANGER/32" dev lo
# Silence by G.711, and the scenarios.
head -c 12000 /dev/zero | tr '\0' '\377' >"$PTL_WORK/silence.raw"
SCENARIOS=$PTL_ROOT/tests/smoke/sip

# proxy: a registrar that believes what Contact and Via say, and stays in the dialog.
proxy() {
    spawn "$PTL_WORK/kamailio.log" ip netns exec "$(ns outside)" /usr/sbin/kamailio -DD -E -m 64 -M 8 \
        -f "$SCENARIOS/proxy.cfg" -l "udp:$SERVER:5060" -Y "$PTL_WORK" -P "$PTL_WORK/kamailio.pid"
    wait_until 60 listening outside udp "$SERVER:5060" || die "kamailio did not start"
}

# How many seconds a scenario may take.
PATIENCE=45

# sip ROLE ADDRESS PORT SCENARIO [ARGUMENT]...
sip() {
    local role=$1 address=$2 port=$3 scenario=$4
    shift 4
    (cd "$PTL_WORK" && in_ns "$role" timeout 60 sipp -sf "$SCENARIOS/$scenario.xml" -i "$address" -p "$port" \
        -mi "$address" -nostdin -timeout "$PATIENCE" -timeout_error "$@" "$SERVER:5060" >"$PTL_WORK/$scenario-$role.log" 2>&1)
}

# answers_calls ROLE ADDRESS PORT: takes calls and sends media back, until it is stopped.
takes_calls() {
    spawn "$PTL_WORK/answer-$1.log" ip netns exec "$(ns "$1")" sipp -sf "$SCENARIOS/answer.xml" -i "$2" -p "$3" \
        -mi "$2" -mp 40000 -rtp_echo -nostdin
    ANSWERER=$SPAWNED
    wait_until 60 listening "$1" udp "$2:$3" || die "sipp of $1 did not start"
}

# calls ROLE ADDRESS PORT USER: CALLS calls, five a second, each with media.
calls() {
    sip "$1" "$2" "$3" call -s "$4" -m "$CALLS" -r 5 -mp 20000 -trace_msg -message_file "$PTL_WORK/messages-$1.log"
}

phone_is_called() { sip inside-a "$PHONE" 5060 register -s phone -m 1 && takes_calls inside-a "$PHONE" 5060 && calls outside "$STRANGER" 5080 phone; }
phone_calls() { sip outside "$STRANGER" 5070 register -s other -m 1 && takes_calls outside "$STRANGER" 5070 && calls inside-a "$PHONE" 5064 other; }

# More than a second for each call, out and in; all calls of sipp have one place for their media.
media_both_ways() {
    portolan show translations --json | jq -e --argjson least "$((CALLS * 60))" '
        [.[] | select(.alg == "")] | ([.[].packets_out] | add) >= $least and ([.[].packets_in] | add) >= $least' >/dev/null ||
        { portolan show translations; return 1; }
}

told_nothing() { [[ -s $PTL_WORK/messages-outside.log ]] && ! grep -q '10\.64\.' "$PTL_WORK/messages-outside.log"; }
tally() { portolan show alg --json | jq --arg kind "$1" --arg key "$2" '.[] | select(.alg == "sip") | .[$kind][$key]'; }
counted() { (($(tally "$1" "$2") >= $3)) || { portolan show alg --json | jq '.[] | select(.alg == "sip")'; return 1; }; }
media_doors_are_shut() { portolan show doors --json | jq -e '[.[] | select(.inside | test(":(4|2)0[0-9]{3}$"))] | length == 0' >/dev/null; }
refused() { ! "$@"; }

proxy
check "a phone that has registered is called, $CALLS times" phone_is_called
check "with media both ways" media_both_ways
check "and nobody outside has heard of an inside address" told_nothing
check "every call's doors are shut" wait_until 60 media_doors_are_shut
check "messages are counted by method" counted methods INVITE "$CALLS"
check "and by response" counted responses 180 "$CALLS"
stop "$ANSWERER"
portolan clear translations >/dev/null
check "the phone calls somebody else, $CALLS times" phone_calls
check "with media both ways, too" media_both_ways
check "and all doors are shut again" wait_until 60 media_doors_are_shut
stop "$ANSWERER"
stop "$PORTOLAN_PID"
# shellcheck disable=SC2016 # a sed expression
smoke_config "$STRICT" '$ a alg: { sip: off }'
start_portolan
PATIENCE=6
check "without the gateway the phone cannot be called" refused phone_is_called
finish
