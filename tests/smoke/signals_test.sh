#!/usr/bin/env bash
# How `run` ends: with 0 and without a trace on TERM and INT, with 2 and a place
# in the file for a bad one.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
smoke_pid=$PORTOLAN_PID

# ends_well SIGNAL: status 0, one last word, no socket.
ends_well() {
    local status=0
    kill "-$1" "$PORTOLAN_PID"
    wait_until 60 gone || { echo "still running after a minute"; return 1; }
    wait "$PORTOLAN_PID" || status=$?
    equal "$status" 0 && [[ ! -e $PTL_SOCKET ]]
}
gone() { [[ -z $(start_of "$PORTOLAN_PID") ]]; }

mode() { stat -c %a "$PTL_SOCKET"; }

# refuses COMMAND...: status 2 and FILE:LINE:COLUMN: for the file bad.yaml.
refuses() {
    local status=0
    in_ns appliance timeout 20 "$PORTOLAN" "$@" -c "$PTL_WORK/bad.yaml" >"$PTL_WORK/refusal" 2>&1 || status=$?
    if ! equal "$status" 2 || ! grep -qE "bad\.yaml:[0-9]+:[0-9]+: .+" "$PTL_WORK/refusal"; then
        cat "$PTL_WORK/refusal"
        return 1
    fi
}

no_socket_fails() {
    local status=0
    attend "$PORTOLAN" show counters --socket "$PTL_STATE/none.sock" >"$PTL_WORK/refusal" 2>&1 || status=$?
    ((status != 0)) && [[ -s $PTL_WORK/refusal ]]
}

check "the control socket is for root alone" equal "$(mode)" 600
spawn "$PTL_WORK/load" ip netns exec "$(ns inside-a)" ping -f -c 20000 -W 1 "$SERVER"
load=$SPAWNED
check "TERM under load ends it with 0 and removes the socket" ends_well TERM
stop "$load" 1
start_portolan
check "INT ends it with 0 and removes the socket" ends_well INT
start_portolan
check "it is another process by now" test "$PORTOLAN_PID" != "$smoke_pid"
check "and works" pings inside-a 3 "$SERVER"
check "no process is left in the appliance's place but it" \
    equal "$(ip netns pids "$(ns appliance)")" "$PORTOLAN_PID"

check "the quickstart file passes check" attend "$PORTOLAN" check -c "$PTL_ROOT/configs/quickstart.yaml"
sed 's/^routes:/rutes:/' "$PTL_ROOT/configs/quickstart.yaml" >"$PTL_WORK/bad.yaml"
check "check refuses an unknown key, with its place" refuses check
check "run refuses it alike" refuses run
sed 's/pool: public/pool: nowhere/' "$PTL_ROOT/configs/quickstart.yaml" >"$PTL_WORK/bad.yaml"
check "check refuses a rule without its pool" refuses check
printf 'nat: [\n' >"$PTL_WORK/bad.yaml"
check "check refuses what is not YAML" refuses check
check "show without an appliance says so and fails" no_socket_fails
finish
