#!/usr/bin/env bash
# Two calls with the same Call-ID from different hosts, one of them answered by silence:
# what is known of them, and what makes it go.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

PHONE=$PTL_ROOT/tests/smoke/_phone.py
readonly PHONE

# calls FILTER: what jq makes of `show calls`.
calls() { portolan show calls --json | jq -r "$1"; }

states_are() { equal "$(calls '[.[].state] | join(" ")')" "$1"; }

# of HOST KEY: of that host's call.
of() { calls ".[] | select(.subscriber == \"$1\") | .$2"; }

health_is() { [[ $(of "$1" health) == "$2" ]]; }

# place_call ROLE ADDRESS USER SECONDS
place_call() {
    spawn "$PTL_WORK/phone-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 "$PHONE" call "$2" "$SERVER" "$3" same "$4"
}

both_are_established() { [[ $(calls 'map(select(.state == "established")) | length') == 2 ]]; }

none_is_left() { [[ $(calls length) == 0 ]]; }

only_pool_called() {
    local log=$PTL_WORK/phone-outside.log
    grep -q "('203\.0\.113\." "$log" && ! grep -q "('10\.64\." "$log"
}

# Three packets of five, of all that was sent.
heard_much() {
    local sent back
    read -r sent back <"$PTL_WORK/phone-inside-a.log"
    at_least "$((back * 5))" "$((sent * 3))" && at_least "$sent" 100
}

at_least() { (($1 >= $2)) || { printf '        got %s, want at least %s\n' "$1" "$2"; return 1; }; }

smoke_start
spawn "$PTL_WORK/phone-outside.log" ip netns exec "$(ns outside)" \
    /usr/bin/python3 "$PHONE" answer "$SERVER"
wait_until 60 listening outside udp "$SERVER:5060" || die "the telephone outside did not start"
place_call inside-a 10.64.0.10 bob 120
BOB=$SPAWNED
place_call inside-b 10.64.0.20 mute 120

check "two calls with one Call-ID" wait_until 60 both_are_established
check "each has its own audio" equal "$(calls '[.[].media[0].inside] | sort | join(" ")')" \
    "10.64.0.10:4000 10.64.0.20:4000"
check "sound both ways is good" wait_until 60 health_is 10.64.0.10 good
check "silence from the other side is noticed" wait_until 60 health_is 10.64.0.20 outbound_only
portolan clear translations >/dev/null
check "cleared translations end no call" states_are "established established"
portolan clear calls --inside 10.64.0.20 >/dev/null
check "a call cleared is gone, and no other" equal "$(calls '[.[].subscriber] | join(" ")')" 10.64.0.10
kill -USR1 "$BOB"
check "the other is gone when it is hung up" wait_until 60 none_is_left
check "no inside address was seen outside" only_pool_called
wait "$BOB" || true
check "it was heard to the end" heard_much
check "nothing was lost on the way to the database" equal "$(counter call.unheard)" 0
finish
