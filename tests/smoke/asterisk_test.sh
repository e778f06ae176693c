#!/usr/bin/env bash
# Asterisk of Debian 11 on both sides: calls of H.323 (ooh323) out of NAPT and in to an address of its own, with
# fast start and tunnelling and without, and a Skinny phone inside at its chan_skinny outside, in both layouts.
# It needs a folder with that Asterisk, which tests/smoke/slow/bullseye makes; without it is skipped.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly BULLSEYE=${PORTOLAN_BULLSEYE:-/var/cache/portolan/bullseye} OUTSIDE=198.51.100.254
[[ -x $BULLSEYE/usr/sbin/asterisk ]] || skip "no Asterisk of Debian 11 in $BULLSEYE: tests/smoke/slow/bullseye makes it"

# write NAME FILE: of the Asterisk of that name.
write() { cat >"$PTL_WORK/asterisk-$1/etc/$2"; }

# asterisk ROLE ADDRESS PEER: the one of a host, which calls another; extension 500 sends back what it hears.
asterisk() {
    local home=$PTL_WORK/asterisk-$1 way known
    mkdir -p "$home"/{etc,lib,spool/outgoing,run,log}
    write "$1" asterisk.conf <<-END
		[directories]
		astetcdir => /mnt/etc
		astmoddir => /usr/lib/asterisk/modules
		astvarlibdir => /mnt/lib
		astdbdir => /mnt/lib
		astkeydir => /mnt/lib
		astdatadir => /usr/share/asterisk
		astagidir => /mnt/lib
		astspooldir => /mnt/spool
		astrundir => /mnt/run
		astlogdir => /mnt/log
	END
    {
        printf '[modules]\nautoload=no\n'
        printf 'load=%s.so\n' res_timing_timerfd bridge_simple codec_ulaw res_sorcery_config \
            res_pjproject res_rtp_asterisk pbx_config pbx_spool app_dial app_echo app_milliwatt chan_ooh323 chan_skinny
    } | write "$1" modules.conf
    printf '[general]\n[logfiles]\nconsole => notice,warning,error,verbose\n' | write "$1" logger.conf
    printf '[general]\n[default]\nexten => 500,1,Answer()\n same => n,Echo()\n' | write "$1" extensions.conf
    {
        printf '[general]\nbindaddr=%s\nport=1720\nh323id=%s\ne164=100\ngatekeeper=DISABLE\n' "$2" "$1"
        printf 'context=default\ndisallow=all\nallow=ulaw\n'
        # Nobody else is listened to.
        for known in "$OUTSIDE" 203.0.113.{0..15}; do
            printf '[%s]\ntype=user\nip=%s\ncontext=default\ndisallow=all\nallow=ulaw\n' "$known" "$known"
        done
        for way in yes no; do
            printf '[other-%s]\ntype=peer\nip=%s\nport=1720\nfaststart=%s\nh245tunneling=%s\n' "$way" "$3" "$way" "$way"
            printf 'disallow=all\nallow=ulaw\n'
        done
    } | write "$1" ooh323.conf
    write "$1" skinny.conf <<-END
		[general]
		bindaddr=$2
		bindport=2000
		keepalive=120
		[lines]
		[211]
		context=default
		[217]
		context=default
		[devices]
		[old]
		device=SEP000000000011
		line=211
		[new]
		device=SEP000000000017
		line=217
	END
    # shellcheck disable=SC2016 # for the inner shell
    spawn "$PTL_WORK/asterisk-$1.log" timeout 120 ip netns exec "$(ns "$1")" unshare --mount sh -c '
        mount --bind "$1" "$2/mnt" && mount --bind /dev "$2/dev" && mount -t proc proc "$2/proc" &&
            exec chroot "$2" /usr/sbin/asterisk -f -vvv -C /mnt/etc/asterisk.conf' - "$home" "$BULLSEYE"
    wait_until 60 listening "$1" tcp "$2:1720" || die "the Asterisk of $1 did not start"
    # Both sides have it, but only phones inside are asked for.
    wait_until 60 listening "$1" tcp "$2:2000" || die "the Asterisk of $1 has no Skinny"
}

# sound ROLE ADDRESS: so many packets of audio have come back.
sound() {
    local heard=$PTL_WORK/heard-$1
    (($(tcpdump -nr "$heard" "dst host $2" 2>/dev/null | wc -l) >= 100))
}

# calls ROLE ADDRESS PEER WAY: a call that hears itself for two seconds.
calls() {
    local home=$PTL_WORK/asterisk-$1 dump status=0
    spawn "$PTL_WORK/tcpdump-$1.log" ip netns exec "$(ns "$1")" timeout 60 \
        tcpdump -ni eth0 -U -w "$PTL_WORK/heard-$1" "udp and host $3 and greater 200"
    dump=$SPAWNED
    wait_until 10 grep -q 'listening on' "$PTL_WORK/tcpdump-$1.log" || return 1
    printf 'Channel: OOH323/500@other-%s\nApplication: Milliwatt\nMaxRetries: 0\nWaitTime: 20\n' "$4" >"$home/call"
    mv "$home/call" "$home/spool/outgoing/call-$4"
    wait_until 20 sound "$1" "$2" || status=1
    stop "$dump" 1
    return "$status"
}

# phone LAYOUT: registers from inside-a, calls 500 and hears itself.
phone() {
    in_ns inside-a timeout 30 /usr/bin/python3 -B "$PTL_ROOT/tests/smoke/_skinny.py" caller \
        10.64.0.10 "$OUTSIDE" "$1" "SEP0000000000$1" 500 >"$PTL_WORK/phone" || return 1
    equal "$(<"$PTL_WORK/phone")" "$1 50"
}

smoke_topology
need_packages tcpdump
smoke_config "${STRICT[@]}"
asterisk outside "$OUTSIDE" "$WHOLE"
asterisk inside-a 10.64.0.10 "$OUTSIDE"
asterisk inside-b 10.64.0.20 "$OUTSIDE"
start_portolan

for way in yes no; do
    check "a call out of NAPT is heard both ways, fast start and tunnelling: $way" calls inside-a 10.64.0.10 "$OUTSIDE" "$way"
    check "a call in is heard both ways, fast start and tunnelling: $way" calls outside "$OUTSIDE" "$WHOLE" "$way"
done
for layout in 11 17; do
    check "a phone of Skinny version $layout calls and hears itself" phone "$layout"
done
for gateway in h323 skinny; do
    check "$gateway: nothing went wrong" equal "$(tally "$gateway" errors)" 0
    check "$gateway: no session was taken for something else" equal "$(tally "$gateway" bypassed)" 0
done
finish
