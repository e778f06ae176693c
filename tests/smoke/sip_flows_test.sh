#!/usr/bin/env bash
# SIP's ways to make, change, move and give up a call, with sipp on both sides: over UDP and TCP, called from inside
# and from outside, with sound both ways to and from the announced endpoints alone, all of it counted.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sip.sh
source "$(dirname "$0")/_sip.sh"

readonly FLOWS=(call hold prack late blind attended consulted cancel)
declare -A SENTENCE=(
    [call]="a call"
    [hold]="a call on hold, resumed at another port"
    [prack]="sound before the answer (PRACK)"
    [late]="an offer that is answered in PRACK"
    [blind]="a blind transfer"
    [attended]="a transfer in the place of a call beside the caller"
    [consulted]="a transfer in the place of a call across"
    [cancel]="a call given up"
)
# Packets each way: a third of what is sent on a machine with nothing else to do.
declare -A LEAST=([call]=5 [hold]=10 [prack]=5 [late]=5 [blind]=8 [attended]=8 [consulted]=5 [cancel]=0)

all_flows() {
    local flow
    local -A lines=([hold]=2 [cancel]=0)
    for flow in "${FLOWS[@]}"; do
        check "$1 $2: ${SENTENCE[$flow]}" holds "$flow" "$1" "$2" "$3" "${LEAST[$flow]}" "${lines[$flow]:-1}"
    done
}

# registered UDP|TCP PORT: a phone that has registered is called at the contact that the registrar knows.
registered() {
    local contact
    watched register "$1" out "$SERVER:5060" -key contact "$2" || return 1
    contact=$(jq -r .contact "$PTL_WORK/report")
    CALLED=$2 holds call "$1" in "$contact" 5
}

# in_silence FLOW UDP|TCP in|out TARGET: it plays and no sound comes in.
in_silence() { watched "$@" && says ".heard == 0"; }

# names_the_inside FLOW UDP|TCP in|out TARGET: it plays, and who is outside hears of inside addresses.
names_the_inside() { watched "$@" && says '[.faults[] | select(test("INVITE sip:third@10[.]64"))] != []'; }

# established NUMBER: calls that stand.
established() { [[ $(portolan show calls --json | jq '[.[] | select(.state == "established")] | length') == "$1" ]]; }
no_sound_door() { portolan show doors --json | jq -e '[.[] | select(.inside | test(":[23]00[0-9]{2}$"))] == []' >/dev/null; }
forgotten() { established 0 && no_sound_door; }

# shellcheck disable=SC2016 # a sed expression
sip_start '$ a alg: { sip: { call_timeout: 8s } }'
check "a call that nobody hangs up" holds left UDP out "$SERVER:5060" 5
check "stands" established 1
all_flows UDP out "$SERVER:5060"
check "and is forgotten when its time is over" wait_until 60 forgotten
all_flows TCP out "$SERVER:5060"
all_flows UDP in "$FORWARD:5060"
all_flows TCP in "$FORWARD:5060"
check "UDP in: a phone that has registered is called" registered UDP 5092
check "TCP in: a phone that has registered is called" registered TCP 5094
without_gateway
check "without the gateway a caller inside hears nothing" in_silence call UDP out "$SERVER:5060"
check "nor over TCP" in_silence call TCP out "$SERVER:5060"
check "nor before the answer" in_silence prack UDP out "$SERVER:5060"
check "nor does who is called" in_silence call UDP in "$FORWARD:5060"
check "and transfers name inside addresses" names_the_inside blind UDP out "$SERVER:5060"
finish
