#!/usr/bin/env bash
# A film over RTSP, pictures and sound by UDP: from a server outside, and from one inside. Frames are
# counted, since a client that gets none does not complain.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

PTL_TRAFFIC_PACKAGES+=(ffmpeg gir1.2-gst-rtsp-server-1.0 gir1.2-gstreamer-1.0
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gi)
# Of the outside host: what it sends comes from there.
readonly PLAYER=198.51.100.254 SHOWN=203.0.113.14
readonly STATIC='{ protocol: tcp, inside: "10.64.0.20:8554", outside: "203.0.113.14:554" }'

# Nobody gets in who was not written to, or announced; ports are not kept.
STRICT='s/filtering: address-dependent/filtering: address-and-port-dependent/'
FORWARD_RTSP="s|^  static:|&\\n    - $STATIC|"

# serve_film ROLE ADDRESS PORT
serve_film() {
    spawn "$PTL_WORK/rtsp-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 "$PTL_ROOT/tests/smoke/_rtsp.py" "$2" "$3"
    wait_until 60 listening "$1" tcp "$2:$3" || die "the RTSP server of $1 did not start"
}

# How many seconds a play of four may take.
PATIENCE=40

# play NAME ROLE TRANSPORT URL: begins to take four seconds of it. Several may do so at once.
declare -A PLAYS=()
play() {
    spawn "$PTL_WORK/$1.log" ip netns exec "$(ns "$2")" timeout "$PATIENCE" ffmpeg -nostdin -v error \
        -rtsp_transport "$3" -i "$4" -map 0 -c copy -t 4 -f framecrc "$PTL_WORK/$1.frames"
    PLAYS[$1]=$SPAWNED
}

# frames NAME: PICTURES and SOUNDS that have come when it has ended.
frames() {
    wait "${PLAYS[$1]}" || true
    PICTURES=$(grep -c '^0,' "$PTL_WORK/$1.frames" 2>/dev/null) || true
    SOUNDS=$(grep -c '^1,' "$PTL_WORK/$1.frames" 2>/dev/null) || true
    printf '        %s pictures, %s sounds\n' "${PICTURES:-0}" "${SOUNDS:-0}"
}

# played NAME: four seconds of 25 pictures, and sound in packets of an eighth.
played() {
    frames "$1"
    ((${PICTURES:-0} >= 80 && ${SOUNDS:-0} >= 25)) || { tail -n 5 "$PTL_WORK/$1.log"; return 1; }
}

played_nothing() {
    frames "$1"
    ((${PICTURES:-0} == 0 && ${SOUNDS:-0} == 0))
}

# tally KEY: what the gateway has counted.
tally() { portolan show alg --json | jq ".[] | select(.alg == \"rtsp\") | .$1"; }

# Two pairs of ports for each of three plays. (This client writes first from its ports, so that
# media come in by the mapping and need no door.)
doors_were_opened() {
    local opened rewritten errors
    opened=$(tally doors_opened) rewritten=$(tally rewritten) errors=$(tally errors)
    printf '        %s doors opened, %s messages rewritten, %s errors\n' "$opened" "$rewritten" "$errors"
    ((opened == 12 && rewritten >= 12 && errors == 0))
}

no_door_is_left() { [[ $(portolan show doors --json | jq length) == 0 ]]; }

smoke_topology
serve_film outside "$PLAYER" 554
serve_film inside-b 10.64.0.20 8554
smoke_config "$STRICT" "$FORWARD_RTSP"
start_portolan

play first inside-a udp "rtsp://$PLAYER/film"
play second inside-b udp "rtsp://$PLAYER/film"
play connected inside-a tcp "rtsp://$PLAYER/film"
play inward outside udp "rtsp://$SHOWN/film"
check "a client inside plays by UDP" played first
check "another one at the same time of day" played second
check "a client inside plays in the connection" played connected
check "a client outside plays from the server inside" played inward
check "every play had its doors" doors_were_opened
check "all doors are closed after TEARDOWN" wait_until 60 no_door_is_left

stop "$PORTOLAN_PID" 5
smoke_config "$STRICT" "$FORWARD_RTSP" "\$a alg: { rtsp: off }"
start_portolan
play connected inside-a tcp "rtsp://$PLAYER/film"
PATIENCE=9
play vain inside-a udp "rtsp://$PLAYER/film"
check "without the gateway no media come in" played_nothing vain
check "but in the connection" played connected
finish
