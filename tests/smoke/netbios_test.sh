#!/usr/bin/env bash
# NetBIOS over UDP with Samba's nmbd: hosts inside register with a WINS server outside, which learns
# their outside addresses; the outside asks one of them by the address that it found there.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

# Its own address: a WINS server has its network.
readonly WINS=198.51.100.254

smoke_topology
need_packages samba samba-common-bin
smoke_config "${STRICT[@]}"
start_portolan

# serve_names ROLE NAME OPTION: nmbd, which remembers nothing.
SERVERS=()
serve_names() {
    local at=$PTL_WORK/nmbd-$1 kind
    rm -rf "$at"
    mkdir -p "$at"
    printf '%s\n' '[global]' "netbios name = $2" 'workgroup = PORTOLAN' 'interfaces = eth0' \
        'bind interfaces only = yes' 'local master = no' 'preferred master = no' 'domain master = no' \
        'server role = standalone server' "log file = $at/log" "$3" >"$at/smb.conf"
    for kind in 'lock directory' 'state directory' 'cache directory' 'private dir' 'pid directory'; do
        printf '%s = %s\n' "$kind" "$at" >>"$at/smb.conf"
    done
    spawn "$at/out" ip netns exec "$(ns "$1")" nmbd --foreground --no-process-group \
        --configfile="$at/smb.conf"
    SERVERS+=("$SPAWNED")
}

# asks ROLE [ARGUMENT]...: nmblookup's answer.
asks() {
    local role=$1
    shift
    in_ns "$role" timeout 10 nmblookup -s "$PTL_WORK/nmbd-outside/smb.conf" "$@" 2>/dev/null
}

# registered ROLE NAME: what the WINS server answers ROLE for it.
registered() { asks "$1" -U "$WINS" --recursion "$2" | awk -v name="$2<00>" '$2 == name { print $1 }'; }

is_registered() { [[ -n $(registered outside "$1") ]]; }

# names_of ROLE ADDRESS NAME: a node of that address says that this is its name.
names_of() { asks "$1" -A "$2" | grep -qE "^\s+$3 +<00> .*<ACTIVE>"; }

of_the_pool() { matches "$(registered outside "$1")" '^203\.0\.113\.([0-9]|1[0-5])$'; }

# nmbd ends when it has told the WINS server, which may be gone.
stop_names() {
    local server
    for server in "${SERVERS[@]}"; do
        stop "$server" 1
    done
    SERVERS=()
}

# registers: both inside hosts do.
registers() {
    serve_names outside HUB 'wins support = yes'
    wait_until 60 listening outside udp 0.0.0.0:137 || die "nmbd did not start"
    serve_names inside-a ALPHA "wins server = $WINS"
    serve_names inside-b BETA "wins server = $WINS"
    wait_until 60 is_registered ALPHA && wait_until 60 is_registered BETA
}

check "both inside hosts register" registers
check "the WINS server knows one by an address of the pool" of_the_pool ALPHA
check "and the other by its own outside address" equal "$(registered outside BETA)" "$WHOLE"
check "a host finds itself by its inside address" equal "$(registered inside-a ALPHA)" 10.64.0.10
check "and so another of its network" equal "$(registered inside-a BETA)" 10.64.0.20
check "the outside asks the node by it" names_of outside "$WHOLE" BETA
check "an inside host too" names_of inside-a "$WHOLE" BETA
check "the inside asks a node outside" names_of inside-a "$WINS" HUB
check "addresses were rewritten" at_least "$(tally netbios rewritten)" 4
check "nothing went wrong" equal "$(tally netbios errors)" 0

say "without the gateway"
stop_names
without netbios
check "both register" registers
check "the WINS server knows them by addresses that nobody can reach" equal \
    "$(registered outside ALPHA)/$(registered outside BETA)" 10.64.0.10/10.64.0.20
stop_names
finish
