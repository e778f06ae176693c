#!/usr/bin/env bash
# A trunk: five hundred calls at once in one TCP connection, every one of them known while it stands
# and forgotten when it is over, and sound of a sample counted on both sides.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sip.sh
source "$(dirname "$0")/_sip.sh"

readonly CALLS=500

# calls FILTER: what jq makes of `show calls`.
calls() { portolan show calls --json | jq "$1"; }
all_stand() { [[ $(calls '[.[] | select(.state == "established")] | length') == "$CALLS" ]]; }
with_endpoints_of_their_own() { equal "$(calls '[.[].media[0].outside] | unique | length')" "$CALLS"; }
connections() { portolan show translations --json | jq '[.[] | select(.protocol == "tcp")] | length'; }
none_stands() { [[ $(calls '[.[] | select(.state != "ended")] | length') == 0 ]]; }
# The connection's own contact stays.
no_door() { portolan show doors --json | jq -e --arg own "$PHONE:5064" '[.[] | select(.inside != $own)] == []' >/dev/null; }
nothing_is_left() { none_stands && no_door; }

# shellcheck disable=SC2016 # a sed expression
sip_start '$ a alg: { sip: { trunks: [ 10.64.0.10 ] } }'
ulimit -n 8192
sipp_as outside "$SERVER" 5060 many-callee -t t1 -m "$CALLS" -l "$CALLS" -mp 30000 -timeout 60
CALLEE=$SPAWNED
wait_until 60 listening outside tcp "$SERVER:5060" || die "sipp did not start"
sipp_as inside-a "$PHONE" 5064 many-caller -t t1 -m "$CALLS" -l "$CALLS" -r 100 -d 8000 -mp 20000 -s callee \
    -timeout 60 "$SERVER:5060"
CALLER=$SPAWNED
check "$CALLS calls stand at once" wait_until 60 all_stand
check "each with an endpoint of its own outside" with_endpoints_of_their_own
check "all of them in one connection" equal "$(connections)" 1
check "none of the caller's has failed" wait "$CALLER"
check "nor of the callee's" wait "$CALLEE"
ask
check "nothing is wrong with any of them" says ".faults == []"
check "sound of the sample went both ways" says ".sent > 1000 and .heard > 1000 and .lines > 5"
check "no call stands and no door for sound is open when all have hung up" wait_until 60 nothing_is_left
finish
