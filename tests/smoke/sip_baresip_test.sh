#!/usr/bin/env bash
# Whole telephones, baresip, at a proxy outside: they register, one of them over TCP, and call each other, from inside
# to outside, the other way round, and inside to inside by way of the proxy, with sound both ways.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sip.sh
source "$(dirname "$0")/_sip.sh"

readonly OUTSIDE=198.51.100.254 STRICT='s/filtering: address-dependent/filtering: address-and-port-dependent/'

# proxy: as in sip_udp_test.sh, over TCP as well.
proxy() {
    spawn "$PTL_WORK/kamailio.log" ip netns exec "$(ns outside)" /usr/sbin/kamailio -DD -E -m 64 -M 8 \
        -f "$PTL_ROOT/tests/smoke/sip/proxy.cfg" -l "udp:$SERVER:5060" -l "tcp:$SERVER:5060" -Y "$PTL_WORK" \
        -P "$PTL_WORK/kamailio.pid"
    wait_until 60 listening outside tcp "$SERVER:5060" || die "kamailio did not start"
}

# tone FILE: ten seconds of something to hear.
tone() {
    python3 -c 'import sys, wave
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(bytes((0, 32, 0, 224)) * 40000)' "$1"
}

# phone NAME ROLE ADDRESS PORT udp|tcp SOURCE [ARGUMENT]...: a telephone that registers and takes every call.
phone() {
    local name=$1 role=$2 address=$3 port=$4 transport=$5 source=$6 home=$PTL_WORK/$1
    shift 6
    mkdir -p "$home"
    printf '%s\n' "sip_listen $address:$port" "net_interface eth0" "module_path /usr/lib/baresip/modules" \
        "module account.so" "module g711.so" "module aufile.so" "module aubridge.so" "module menu.so" \
        "audio_source $source" "audio_player aubridge,$name" "ausrc_srate 8000" >"$home/config"
    printf '<sip:%s@%s;transport=%s>;regint=60;answermode=auto\n' "$name" "$SERVER" "$transport" >"$home/accounts"
    : >"$home/contacts"
    spawn "$PTL_WORK/$name.log" ip netns exec "$(ns "$role")" baresip -f "$home" "$@"
}

# echoes NAME ROLE ADDRESS PORT TRANSPORT: the same; it says what it hears.
echoes() { phone "${@:1:5}" "aubridge,$1"; }
registered() { grep -q "200 OK" "$PTL_WORK/$1.log"; }

# calls NAME ROLE ADDRESS TRANSPORT WHOM: some seconds of sound, then it hangs up.
calls() {
    phone "$1" "$2" "$3" 5070 "$4" "aufile,$PTL_WORK/tone.wav" -e "/dial sip:$5@$SERVER" -t 4
    wait "$SPAWNED" || true
    grep -q "Call established" "$PTL_WORK/$1.log"
}

# counted FAULTS CALL...: with none of these faults, and two seconds of sound each way.
counted() {
    local faults=$1 made=0
    shift
    pause 0.5
    ask
    calls "$@" || made=1
    pause 0.5
    ask
    ((made == 0)) && says "[.faults[] | select(test(\"$faults\"))] == [] and .sent > 100 and .heard > 100" && return
    tr '\r' '\n' <"$PTL_WORK/$1.log" | grep -v bit/s | tail -n 20
    return 1
}

across() { counted . "$@"; }
# What the two say goes by the proxy, which both sides see once more; their sound does not.
within() { counted "sound|announced" "$@"; }

refused() { ! "$@"; }

nothing_is_left() {
    [[ $(portolan show calls --json | jq '[.[] | select(.state != "ended")] | length') == 0 ]] &&
        portolan show doors --json | jq -e '[.[] | select(.protocol == "udp" and (.inside | test(":50[67]0$") | not))] | length == 0' >/dev/null
}

smoke_topology
need_packages baresip-core kamailio
smoke_config "$STRICT"
start_portolan
tone "$PTL_WORK/tone.wav"
watch inside-a outside
proxy
echoes ann inside-a "$PHONE" 5060 tcp
ANN=$SPAWNED
echoes dora outside "$OUTSIDE" 5060 udp
check "a telephone inside registers over TCP" wait_until 60 registered ann
check "and one outside" wait_until 60 registered dora
check "the inside is called from outside, with sound both ways" across dan outside "$OUTSIDE" udp ann
check "the inside calls the outside, with sound both ways" across al inside-a "$PHONE" udp dora
check "over TCP, too" across alf inside-a "$PHONE" tcp dora
watch inside-a inside-b
check "the inside calls the inside, with sound both ways" within ben inside-b 10.64.0.20 udp ann
check "nothing is left of any call" wait_until 60 nothing_is_left

stop "$ANN"
without_gateway
echoes ann inside-a "$PHONE" 5060 udp
wait_until 60 registered ann || die "ann cannot register"
check "without the gateway the inside cannot be called" refused calls dan outside "$OUTSIDE" udp ann
finish
