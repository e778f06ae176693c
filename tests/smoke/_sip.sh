# shellcheck shell=bash
# What the smoke tests of SIP with sipp share, over _init.sh: both sides of each flow of
# sip/scenarios.py, and a witness who looks at them on both sides of Portolan.

readonly STRANGER=192.0.2.11 PHONE=10.64.0.10
# Whose is FORWARD, port 5060; and nobody comes in who was not written to or announced.
readonly TRUNK=(
    's/filtering: address-dependent/filtering: address-and-port-dependent/'
    "s/^  static:/  static:\n    - { protocol: udp, inside: \"$PHONE:5060\", outside: \"$FORWARD:5060\" }\n    - { protocol: tcp, inside: \"$PHONE:5060\", outside: \"$FORWARD:5060\" }/"
)

# sip_start [SED EXPRESSION]...: topology, Portolan, programs and scenarios.
sip_start() {
    smoke_topology
    need_packages sip-tester
    smoke_config "${TRUNK[@]}" "$@"
    start_portolan
    ip -n "$(ns outside)" address add "$STRANGER/32" dev lo
    python3 "$PTL_ROOT/tests/smoke/sip/scenarios.py" "$PTL_WORK"
    watch inside-a outside
}

# without_gateway: Portolan anew, which leaves SIP alone.
without_gateway() {
    stop "$PORTOLAN_PID"
    rm -f "$PTL_SOCKET"
    sed -i '/^alg:/d' "$PTL_CONFIG"
    echo 'alg: { sip: off }' >>"$PTL_CONFIG"
    start_portolan
}

# watch ROLE ROLE: a witness of what goes between two hosts from here on.
WITNESS=
watch() {
    [[ -z $WITNESS ]] || stop "$WITNESS"
    spawn "$PTL_WORK/witness.log" python3 "$PTL_ROOT/tests/smoke/sip/witness.py" \
        "$(ns "$1")" "$(ns "$2")" "$PTL_WORK/report"
    WITNESS=$SPAWNED
    wait_until 60 grep -qs listening "$PTL_WORK/witness.log" || die "the witness did not start"
}

# ask: $PTL_WORK/report says what was seen since the last one.
ask() {
    rm -f "$PTL_WORK/report"
    kill -USR1 "$WITNESS"
    wait_until 60 test -e "$PTL_WORK/report"
}

# says FILTER: what jq makes of the report.
says() { jq -e "$1" "$PTL_WORK/report" >/dev/null || { jq -c . "$PTL_WORK/report" | cut -c1-2000; return 1; }; }

# sipp_as ROLE ADDRESS PORT SCENARIO [ARGUMENT]...: its process in SPAWNED.
sipp_as() {
    local role=$1 address=$2 port=$3 scenario=$4
    shift 4
    spawn "$PTL_WORK/$scenario.log" ip netns exec "$(ns "$role")" env -C "$PTL_WORK" timeout 60 \
        sipp -sf "$scenario.xml" -i "$address" -p "$port" -mi "$address" -nostdin -timeout 6 -timeout_error \
        -trace_err -error_file "$scenario.err" "$@"
}

CALLED=5060
# plays FLOW UDP|TCP in|out [TARGET [ARGUMENT]...]: one call between the inside host and one outside, out
# to port 5060 of the server, in to TARGET and from there to CALLED of the inside host; whether both sides got to the end.
plays() {
    local flow=$1 transport=$2 way=$3 target=${4:-$SERVER:5060} mode callee
    shift $(($# < 4 ? $# : 4))
    mode=$([[ $transport == TCP ]] && echo t1 || echo u1)
    local here=(outside "$SERVER" 5060) there=(inside-a "$PHONE" 5064)
    [[ $way == out ]] || here=(inside-a "$PHONE" "$CALLED") there=(outside "$STRANGER" 5070)
    rm -f "$PTL_WORK"/*.err
    sipp_as "${here[@]}" "$flow-callee" -t "$mode" -m 1 -mp 30000 "$@"
    callee=$SPAWNED
    wait_until 60 listening "${here[0]}" "${transport,,}" "${here[1]}:${here[2]}" || die "sipp did not start"
    sipp_as "${there[@]}" "$flow-caller" -t "$mode" -m 1 -mp 20000 -s callee "$@" "$target"
    if wait "$SPAWNED" && wait "$callee"; then
        return 0
    fi
    stop "$callee"
    tail -n 12 "$PTL_WORK"/*.err 2>/dev/null
    return 1
}

# holds FLOW UDP|TCP in|out TARGET LEAST [LINES]: it plays, there is nothing wrong with it, and so many
# packets go both ways.
holds() {
    local least=$5 lines=${6:-1}
    watched "${@:1:4}" && says ".faults == [] and .sent >= $least and .heard >= $least and .lines >= $lines"
}

# watched FLOW UDP|TCP in|out TARGET: plays it; then the report is there.
watched() {
    local status=0
    plays "$@" || status=1
    ask && return "$status"
}
