#!/usr/bin/env bash
# The file is changed and reloaded again and again while traffic passes: whoever a
# change does not concern loses no packet and keeps his outside endpoints; whom it does
# concern, `reload --dry-run` has told before. With two workers, and what does not
# depend on their number, such as which files are refused, with one.
# shellcheck disable=SC2016 # backquotes and `$` in single quotes are meant as they are
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly STEADY=(10.64.0.11 10.64.7.12 10.64.77.13 10.64.200.14) FRESH=10.64.0.14
readonly GUESTS=(10.64.0.17 10.64.0.18) EXTRA=10.64.0.24 WHOLE=10.64.0.30
readonly CROWD=(10.64.1.25 10.64.30.26 10.64.90.27 10.64.120.28)
readonly HOME_SERVER=203.0.113.13 BEHIND=10.64.0.20
readonly STREAM=$PTL_ROOT/tests/smoke/_stream.py

# --- the file --------------------------------------------------------------------

# What may stand in it, in words; `write_file` makes the file of them.
as_at_first() {
    MORE_POOLS='' MORE_RULES='' LAST_RULES='' MORE_STATICS='' PUBLIC='' FILTERING=endpoint-independent
    LIMITS='{ sessions: 4096, ports: { tcp: 2048, udp: 2048, icmp: 64 } }'
    TIMEOUTS='{ udp: 300s }'
    PREFIXES='203.0.113.0/29'
}

write_file() {
    {
        printf '%s\n' "$HEAD"
        cat <<END
nat:
  hold_down: { time: 1s }
  pools:
    - name: public
      prefixes: [$PREFIXES]
      blocks: { size: 512, max_per_subscriber: 8, idle_timeout: 1s }
$PUBLIC
$MORE_POOLS
  rules:
$MORE_RULES
    - { name: busy, inside: inside, source: $FRESH, pool: public }
    - name: subscribers
      inside: inside
      source: 10.64.0.0/16
      pool: public
      filtering: $FILTERING
      limits: $LIMITS
$LAST_RULES
  static:
    - { protocol: udp, inside: "$BEHIND:9000", outside: "$HOME_SERVER:9000" }
    - { protocol: tcp, inside: "$BEHIND:9000", outside: "$HOME_SERVER:9000" }
$MORE_STATICS
  timeouts: $TIMEOUTS
END
    } >"$PTL_WORK/reload.new"
    mv -f "$PTL_WORK/reload.new" "$PTL_CONFIG"
}

readonly GUEST_POOL='
    - name: guests
      prefixes: [198.18.0.0/30]
      blocks: { size: 512, idle_timeout: 1s }'
readonly GUEST_RULE='
    - name: guests
      inside: inside
      source: 10.64.0.16/30
      pool: guests'

# --- asking and telling ------------------------------------------------------------

RELOADS=0

# reload: by the command; what it says in $PTL_WORK/reloaded.
reload() {
    portolan reload --json >"$PTL_WORK/reloaded" || return 1
    RELOADS=$((RELOADS + 1))
}

reload_events() { portolan show events --json | jq 'map(select(.event == "reload")) | length'; }
all_reloads_told() { (($(reload_events) == RELOADS)); }

# reload_by_signal: SIGHUP, and until it is done.
reload_by_signal() {
    kill -HUP "$PORTOLAN_PID"
    RELOADS=$((RELOADS + 1))
    wait_until 60 all_reloads_told
}

# ended FILE: "SESSIONS SUBSCRIBERS" of an answer.
ended() { jq -r '"\(.sessions) \(.subscribers)"' "$1"; }

# touches SUBSCRIBERS: a dry run says so many, changes nothing, and the reload itself says the same.
touches() {
    local before
    before=$(reload_events)
    portolan reload --dry-run --json >"$PTL_WORK/trial" || return 1
    equal "$(jq '[.dry_run, .subscribers]' -c "$PTL_WORK/trial")" "[true,$1]" || return 1
    equal "$(reload_events)" "$before" || return 1
    reload || return 1
    equal "$(ended "$PTL_WORK/reloaded")" "$(ended "$PTL_WORK/trial")" || return 1
    equal "$(jq -c '.dry_run = true' "$PTL_WORK/reloaded")" "$(jq -c . "$PTL_WORK/trial")"
}

# address_of HOST: its outside address, or nothing.
address_of() {
    portolan show subscribers --json |
        jq -r --arg inside "$1" 'map(select(.inside == $inside) | .outside) | first // ""'
}

# subscribers_at ADDRESS...: how many there are.
subscribers_at() {
    portolan show subscribers --json |
        jq '[$ARGS.positional[] as $at | .[] | select(.outside == $at)] | length' --args "$@"
}

has_address() { matches "$(address_of "$1")" "$2"; }

# refuses WORDS: the command fails with these, and nothing is otherwise.
refuses() {
    local status=0 before
    before=$(nothing_but)
    portolan reload >"$PTL_WORK/refusal" 2>&1 || status=$?
    if ((status == 0)) || ! grep -qE "$1" "$PTL_WORK/refusal"; then
        cat "$PTL_WORK/refusal"
        return 1
    fi
    equal "$(nothing_but)" "$before"
}

# refuses_signal WORDS: the same by SIGHUP, told in the log.
refuses_signal() {
    local before
    before=$(nothing_but)
    kill -HUP "$PORTOLAN_PID"
    wait_until 60 grep -qE "reload refused: .*$1" "$PORTOLAN_LOG" || return 1
    equal "$(nothing_but)" "$before"
}

# What a refused file must leave as it is.
nothing_but() {
    portolan show pools --json | jq -c 'map([.name, .addresses, .draining])'
    portolan show mappings --json | jq -c 'map(select(.kind == "static") | [.inside, .outside]) | sort'
    reload_events
}

draining() { portolan show pools --json | jq --arg name "$1" 'map(select(.name == $name) | .draining) | first'; }

# differs_from HOST OTHER...: the first of the others that belongs to another worker, if one does.
differs_from() {
    portolan show subscribers --json | jq -r '(map({ (.inside): .worker }) | add) as $of
        | first($ARGS.positional[] | select($of[.] != $of[$ARGS.positional[0]])) // empty' --args "$@"
}

# nobody_in POOL: no block of it is lent.
nobody_in() {
    equal "$(portolan show pools --json |
        jq -c --arg name "$1" 'map(select(.name == $name) | [.blocks_used, .subscribers]) | first')" '[0,0]' >/dev/null
}

# --- traffic -----------------------------------------------------------------------

# send NAME ROLE SERVER KINDS SOURCE...: its PID in SENDER_NAME, its report in NAME.json.
send() {
    local name=$1 role=$2 server=$3 kinds=$4
    shift 4
    rm -f "$PTL_WORK/$name.json"
    spawn "$PTL_WORK/$name.log" ip netns exec "$(ns "$role")" \
        /usr/bin/python3 "$STREAM" send "$server" "$PTL_WORK/$name.json" "$kinds" "$@"
    declare -g "SENDER_$name=$SPAWNED"
}

# flows NAME FILTER: what a sender says, by jq.
sent() { jq "$2" "$PTL_WORK/$1.json" 2>/dev/null || echo 0; }

# flowing NAME: every flow of a sender goes on both ways, now.
flowing() {
    local received='[.udp[], .tcp[] | .received] | min' before
    before=$(sent "$1" "$received")
    wait_until 60 more_than "$1" "$received" "${before:-0}"
}
more_than() { (($(sent "$1" "$2") > $3)); }

# end_sender NAME [SECONDS]: it has so long to wait for its last answers.
end_sender() {
    local name=SENDER_$1
    [[ -z ${!name:-} ]] || stop "${!name}" "${2:-25}"
    declare -g "$name="
}

# end_senders NAME...: all at once; then the servers, too, have told all they know.
end_senders() {
    local name
    for name in "$@"; do
        name=SENDER_$name
        kill -TERM "${!name}"
    done
    for name in "$@"; do
        end_sender "$name"
    done
    sleep 0.7
}

# untouched NAME SERVER FLOWS: not a packet was lost, not one endpoint changed.
untouched() {
    equal "$(/usr/bin/python3 "$STREAM" judge "$PTL_WORK/$2.json" "$PTL_WORK/$1.json")" \
        "$3 flows, 0 lost, 0 twice, 0 late, 0 re-translated, 0 broken"
}

serve_streams() {
    local name=SERVING_${1//-/_}
    [[ -z ${!name:-} ]] || stop "${!name}"
    spawn "$PTL_WORK/stream-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 "$STREAM" serve "$2" "$PTL_WORK/at-$1.json"
    declare -g "$name=$SPAWNED"
    wait_until 60 listening "$1" udp "$2:9000" || die "the server on $1 did not start: $(<"$PTL_WORK/stream-$1.log")"
}

# answered ROLE SOURCE SERVER PORT [SECONDS]: a datagram is answered within two seconds.
answered() {
    in_ns "$1" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.connect((sys.argv[2], int(sys.argv[3])))
s.settimeout(float(sys.argv[4]))
try:
    s.send(b"probe 0")
    sys.exit(not s.recv(100).startswith(b"probe "))
except OSError:
    sys.exit(1)' "$2" "$3" "$4" "${5:-2}"
}
unanswered() { ! answered "$@" 0.5; }

# stranger_gets_in PORT: EXTRA writes to the server from PORT, then another remote to him. 1 if
# that does not come in, 2 if it went wrong before.
stranger_gets_in() {
    local outside status=0
    rm -f "$PTL_WORK/stranger"
    spawn "$PTL_WORK/stranger" ip netns exec "$(ns inside-a)" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
s.settimeout(5)
s.sendto(b"probe 0", (sys.argv[3], 9000))
print(s.recv(100).decode(), flush=True)
print(s.recv(100).decode(), flush=True)' "$EXTRA" "$1" "$SERVER"
    wait_until 60 grep -q probe "$PTL_WORK/stranger" || return 2
    outside=$(portolan show mappings --json |
        jq -r --arg inside "$EXTRA:$1" 'map(select(.protocol == "udp" and .inside == $inside) | .outside) | first // ""')
    [[ -n $outside ]] || return 2
    in_ns outside /usr/bin/python3 -c '
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.51.100.254", 7777))
s.sendto(b"stranger", (host, int(port)))' "$outside"
    wait_until 1 grep -q stranger "$PTL_WORK/stranger" || status=1
    stop "$SPAWNED"
    return "$status"
}

stranger_is_kept_out() {
    local status=0
    stranger_gets_in "$1" || status=$?
    equal "$status" 1
}

# --- black hole ----------------------------------------------------------------------

# dropped_once ROLE SOURCE ADDRESS COUNTER [FORWARDED]: of five datagrams to ADDRESS Portolan drops
# five for this reason, and the gateway has forwarded FORWARDED, or none.
dropped_once() {
    local dropped forwarded
    dropped=$(counter "$4") forwarded=$(forwarded_by_gateway)
    in_ns "$1" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
for _ in range(5):
    s.sendto(b"lost", (sys.argv[2], 4444))' "$2" "$3"
    wait_until 10 counted "$4" "$((dropped + 5))" || true
    sleep 0.1
    equal "$(($(counter "$4") - dropped)) dropped, $(($(forwarded_by_gateway) - forwarded)) forwarded" \
        "5 dropped, ${5:-0} forwarded"
}

counted() { (($(counter "$1") >= $2)); }

forwarded_by_gateway() {
    ip netns exec "$(ns outside)" nstat -az IpForwDatagrams | awk '/IpForwDatagrams/{ print $2 }'
}

# --- one run -------------------------------------------------------------------------

# prepare WORKERS: Portolan with the first file, and everybody's traffic.
prepare() {
    local edits=('/^nat:/,$d' "s|socket: [^,]*|socket: $PTL_STATE/portolan.sock|"
        's/framesz=16384,blocksz=65536,framecnt=1024/framesz=2048,blocksz=65536,framecnt=4096/') edit arguments=()
    if (($1 == 2)); then
        edits+=('s/^workers:.*/workers: { cores: [0, 1], slow_path_core: 0 }/' 's/,iface=ptl-[a-z]*/&,qpairs=2/')
    fi
    for edit in "${edits[@]}"; do
        arguments+=(-e "$edit")
    done
    mkdir -p "$PTL_WORK/config"
    sed "${arguments[@]}" "$PTL_ROOT/configs/quickstart.yaml" >"$PTL_WORK/config/head.yaml"
    rm -f "$PTL_STATE/portolan.sock"
    adapt "$PTL_WORK/config/head.yaml"
    HEAD=$(<"$PTL_CONFIG")
    PTL_CONFIG=$PTL_WORK/reload.yaml
    as_at_first
    write_file
    RELOADS=0
    start_portolan
    serve_streams outside "$SERVER"
    serve_streams inside-b "$BEHIND"
    send steady inside-a "$SERVER" udp,tcp "${STEADY[@]}"
    send fresh inside-a "$SERVER" udp,fresh "$FRESH"
    send home outside "$HOME_SERVER" udp,tcp 198.51.100.254
}

# run_with WORKERS STEP...: everybody's traffic from before the first step until after the last.
run_with() {
    local workers=$1 what="with $1 worker(s)" step
    shift
    say "$what"
    prepare "$workers"
    check "$what: everybody's traffic flows" flowing steady
    check "$what: new sockets all the time" flowing fresh
    check "$what: a port forward" flowing home
    check "there are $workers workers" equal "$(portolan show workers --json | jq length)" "$workers"
    if ((workers == 2)); then
        check "both have sessions" equal "$(portolan show workers --json | jq 'all(.sessions > 0)')" true
    fi

    for step in "$@"; do
        "$step"
    done

    check "show events tells of each of the $RELOADS reloads" all_reloads_told
    end_senders steady fresh home
    check "of the untouched nothing was lost or re-translated" untouched steady at-outside 12
    check "nor of who opens new sockets all the time" untouched fresh at-outside 3
    check "nor of the port forward" untouched home at-inside-b 3
    if ((${#PTL_FAILED[@]})); then
        jq -c 'map_values(map_values(del(.endpoints)))' "$PTL_WORK"/{at-outside,at-inside-b,steady,fresh,home}.json || true
        portolan show counters | grep -v ' 0$' || true
        portolan show interfaces
        portolan show workers
        portolan show events | tail -n 100
    fi
    stop "$PORTOLAN_PID"
}

# A pool and a rule.
new_pool() {
    MORE_POOLS=$GUEST_POOL MORE_RULES=$GUEST_RULE
    write_file
    check "a new pool and rule touch nobody" touches 0
    check "the answer names them" equal "$(jq -c .added "$PTL_WORK/reloaded")" '["pool guests","rule guests"]'
    send guests inside-a "$SERVER" udp "${GUESTS[@]}"
    check "guests come from the new pool" flowing guests
    check "indeed" has_address "${GUESTS[0]}" '^198\.18\.0\.'
}

# Addresses of the pool in use, by signal.
addresses() {
    local in_use spared
    PREFIXES='203.0.113.0/29, 203.0.113.8/30'
    write_file
    check "four addresses are added by SIGHUP" reload_by_signal
    check "they are there" equal "$(portolan show pools --json | jq '.[0].addresses | length')" 12
    PREFIXES='203.0.113.0/29'
    write_file
    check "taking them away touches nobody" touches 0
    in_use=$(portolan show subscribers --json | jq -c 'map(.outside)')
    spared=$(jq -rn --argjson used "$in_use" '[range(8) | "203.0.113.\(.)"] - $used | join(", ")')
    PUBLIC="      exclude_addresses: [$spared]"
    write_file
    check "nor taking away all that nobody has: $spared" touches 0
    PUBLIC=''
    write_file
    check "they come back by SIGHUP" reload_by_signal

    # Draining all but two new ones and that of the host that opens sockets all the time.
    spared=$(jq -rn --arg keep "$(address_of "$FRESH")" '[range(8) | "203.0.113.\(.)"] - [$keep] | join(", ")')
    PREFIXES='203.0.113.0/29, 203.0.113.8/31' PUBLIC="      drain_addresses: [$spared]"
    write_file
    check "draining the others touches nobody" touches 0
    check "the pool is shown as draining" equal "$(draining public)" true
    check "a new subscriber" answered inside-a "$EXTRA" "$SERVER" 9000
    check "is given an address that does not drain" \
        has_address "$EXTRA" "^($(address_of "$FRESH")|203\.0\.113\.[89])\$"
    PUBLIC=''
    write_file
    check "no more draining, by SIGHUP" reload_by_signal
    check "the pool is not shown as draining" equal "$(draining public)" false
    in_use=$(subscribers_at 203.0.113.8 203.0.113.9)
    PREFIXES='203.0.113.0/29'
    write_file
    check "the new addresses go, and $in_use with them" touches "$in_use"
}

# An address with somebody on it.
guests_move_and_go() {
    local in_use guest
    guest=$(address_of "${GUESTS[0]}")
    in_use=$(subscribers_at "$guest")
    MORE_POOLS="$GUEST_POOL
      exclude_addresses: [$guest]"
    write_file
    check "the address of a guest goes, and $in_use with it" touches "$in_use"
    check "he gets another" wait_until 60 moved_from "${GUESTS[0]}" "$guest"
    check "and goes on" flowing guests

    # Draining until it is empty.
    MORE_POOLS="$GUEST_POOL
      drain: true"
    write_file
    check "draining the guests' pool touches nobody" touches 0
    check "they go on" flowing guests
    end_sender guests 0
    portolan clear translations --rule guests >/dev/null
    check "it ends empty when their sessions do" wait_until 60 nobody_in guests
    check "and lends nothing new" unanswered inside-a "${GUESTS[0]}" "$SERVER" 9000
    MORE_POOLS=$GUEST_POOL
    write_file
    check "until it does not drain any more" reload_by_signal
    send guests inside-a "$SERVER" udp "${GUESTS[@]}"
    check "then it lends again" flowing guests
}

# Port forwards and whole addresses.
forwards() {
    check "a port is shut" unanswered outside "$SERVER" "$HOME_SERVER" 9001
    MORE_STATICS="
    - { protocol: udp, inside: \"$BEHIND:9000\", outside: \"$HOME_SERVER:9001\" }
    - { inside: $WHOLE, outside: 203.0.113.14 }"
    write_file
    check "a port forward and a whole address touch nobody" touches 0
    check "the forward works at once" answered outside "$SERVER" "$HOME_SERVER" 9001
    check "the whole address too" pings outside 1 203.0.113.14
    check "outward as well" answered inside-a "$WHOLE" "$SERVER" 9000
    check "from that address" pings inside-a 1 -I "$WHOLE" "$SERVER"
    send door outside 203.0.113.14 udp 198.51.100.254
    MORE_STATICS="
    - { inside: $WHOLE, outside: 203.0.113.14 }"
    write_file
    check "the forward goes, and the session of who used it" reload
    check "it is shut at once" unanswered outside "$SERVER" "$HOME_SERVER" 9001
    end_sender door 0
    MORE_STATICS=''
    write_file
    check "the whole address goes by SIGHUP" reload_by_signal
    check "nobody is there any more" not_pinged
}

# Hosts that share load belong to one worker: who is not the first of the list may have to move.
sharing() {
    local host moved workers
    workers=$(portolan show workers --json | jq length)
    for host in "${CROWD[@]}"; do
        check "$host is served" answered inside-a "$host" "$SERVER" 9000
    done
    moved=$(differs_from "${GUESTS[0]}" "${CROWD[@]}")
    MORE_STATICS="
    - { protocol: tcp, inside: [\"${GUESTS[0]}:8\", \"${moved:-${CROWD[0]}}:8\"], outside: \"203.0.113.14:8\" }"
    write_file
    check "sharing load touches who has to move, ${moved:-nobody}" touches "$((workers - 1))"
    check "he is served" answered inside-a "${moved:-${CROWD[0]}}" "$SERVER" 9000
    MORE_STATICS=''
    write_file
    check "and so does its end" touches "$((workers - 1))"
    check "he is served then" answered inside-a "${moved:-${CROWD[0]}}" "$SERVER" 9000
}

# Filtering, limits, timeouts.
rules() {
    check "anybody may write to an open mapping" stranger_gets_in 6000
    FILTERING=address-dependent
    write_file
    check "stricter filtering touches nobody" touches 0
    check "strangers are kept out at once" stranger_is_kept_out 6001
    LIMITS='{ sessions: 2, new_sessions_per_second: 100 }' TIMEOUTS='{ udp: 120s, icmp: 5s, tcp_established: 1h }'
    write_file
    check "limits and timeouts touch nobody" touches 0
    check "the answer names them" equal "$(jq -c .changed "$PTL_WORK/reloaded")" '["rule subscribers","timeouts"]'
    check "those with more sessions than they may have now go on" flowing steady
    check "but get no more" unanswered inside-a "${STEADY[0]}" "$SERVER" 9000
    as_at_first
    MORE_POOLS=$GUEST_POOL MORE_RULES=$GUEST_RULE
    write_file
    check "back by SIGHUP" reload_by_signal
    check "then they do" answered inside-a "${STEADY[0]}" "$SERVER" 9000

    # Other order of the rules: what is there stays, what is new goes by the first.
    MORE_RULES='' LAST_RULES=$GUEST_RULE
    write_file
    check "another order of the rules touches nobody" touches 0
    check "the answer says so" equal "$(jq -c .changed "$PTL_WORK/reloaded")" '["order of the rules"]'
    check "guests go on" flowing guests
    check "indeed from their pool" has_address "${GUESTS[0]}" '^198\.18\.0\.'
    MORE_RULES=$GUEST_RULE LAST_RULES=''
    write_file
    check "back" touches 0
}

# A rule and its pool go: the guests are subscribers like all others.
old_pool_goes() {
    MORE_POOLS='' MORE_RULES=''
    write_file
    check "a rule and its pool go, and two with them" touches 2
    check "of four sessions" equal "$(jq .sessions "$PTL_WORK/reloaded")" 4
    check "they get addresses of the pool that is left" wait_until 60 has_address "${GUESTS[0]}" '^203\.0\.113\.[0-7]$'
    check "and go on" flowing guests
    end_sender guests 0
}

moved_from() {
    local now
    now=$(address_of "$1")
    [[ -n $now && $now != "$2" ]]
}
not_pinged() { ! in_ns outside ping -n -c 1 -W 0.5 203.0.113.14 >"$PTL_WORK/ping"; }

# Files that are refused as a whole.
mistakes() {
    local kept
    kept=$(<"$PTL_CONFIG")
    change() {
        printf '%s\n' "$kept" | sed "$@" >"$PTL_WORK/reload.new"
        mv -f "$PTL_WORK/reload.new" "$PTL_CONFIG"
    }
    change 's/filtering: endpoint-independent/filtering: whatever/'
    check "a mistake is refused with its place" refuses "$PTL_CONFIG:$(place_of 'whatever'): .*whatever"
    check "by SIGHUP too" refuses_signal "$PTL_CONFIG:$(place_of 'whatever'): .*whatever"
    change 's/pool: guests/pool: nowhere/'
    check "a rule without its pool" refuses "$PTL_CONFIG:$(place_of 'nowhere'): .*nowhere"
    printf 'nat: [\n' >"$PTL_CONFIG"
    check "what is not YAML" refuses "$PTL_CONFIG:[0-9]+:[0-9]+: "
    rm -f "$PTL_CONFIG"
    check "no file at all" refuses "$PTL_CONFIG"
    change '/addresses: \[10.64.0.1\/16\]/a\    mtu: 1400'
    check "interfaces cannot change" refuses 'nothing was changed: `interfaces` cannot change'
    check "by SIGHUP neither" refuses_signal '`interfaces` cannot change'
    change 's/^workers:.*/workers: { cores: [0, 1], slow_path_core: 1 }/'
    check "nor workers" refuses '`workers` cannot change'
    change -e 's/^limits: { sessions: 65536/limits: { sessions: 131072/' -e 's/^workers:.*/workers: { cores: [0, 1], slow_path_core: 1 }/'
    check "all is named that cannot" refuses '`workers`, `limits` cannot change'
    change -e 's/sessions: 4096/sessions: 4095/' -e 's/^limits: { sessions: 65536/limits: { sessions: 131072/'
    check "nothing is taken of a file that cannot be taken as a whole" refuses '`limits` cannot change'
    printf '%s\n' "$kept" >"$PTL_CONFIG"
    check "the old file is still good" touches 0
    check "and no different" equal "$(jq -c '[.added, .removed, .changed]' "$PTL_WORK/reloaded")" '[[],[],[]]'
}

# place_of WORD: LINE:COLUMN of a word in the file.
place_of() { awk -v word="$1" '{ at = index($0, word) } at { print NR ":" at; exit }' "$PTL_CONFIG"; }

# Ten times there and back, by turns by command and by signal, as fast as it goes.
again_and_again() {
    local _ well=1
    for _ in {1..10}; do
        PREFIXES='203.0.113.0/29, 203.0.113.8/31' PUBLIC='      drain_addresses: [203.0.113.8]'
        MORE_STATICS="
    - { protocol: tcp, inside: \"$BEHIND:22\", outside: \"$HOME_SERVER:22\" }"
        TIMEOUTS='{ udp: 200s }'
        write_file
        reload && [[ $(ended "$PTL_WORK/reloaded") == '0 0' ]] || well=0
        as_at_first
        MORE_POOLS=$GUEST_POOL MORE_RULES=$GUEST_RULE
        write_file
        reload_by_signal || well=0
    done
    check "twenty more, none of which touched anybody" equal "$well" 1
}

# The gateway sends the pool's addresses to Portolan and has its default route there,
# and Portolan its own to the gateway: what nobody uses must not go round.
black_hole() {
    check "a packet from outside to an address nobody has ends here" \
        dropped_once outside "$SERVER" 203.0.113.9 drop.not_inside
    check "one to a port nobody has" dropped_once outside "$SERVER" 203.0.113.1 drop.no_mapping
    check "one to a pool that was taken away" dropped_once outside "$SERVER" 198.18.0.1 drop.not_inside
    check "one from inside to a port nobody has" dropped_once inside-a "$EXTRA" 203.0.113.1 drop.no_mapping
    # Of what was taken away Portolan knows nothing any more: it is the gateway's, once.
    check "one from inside to a pool that was taken away" \
        dropped_once inside-a "$EXTRA" 198.18.0.1 drop.not_inside 5
}

smoke_topology
for host in "${STEADY[@]}" "$FRESH" "${GUESTS[@]}" "$EXTRA" "$WHOLE" "${CROWD[@]}"; do
    ip -n "$(ns inside-a)" address add "$host/16" dev eth0
done
ip -n "$(ns outside)" route add default via 198.51.100.1
in_ns outside sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects
    echo 0 >/proc/sys/net/ipv4/conf/eth0/send_redirects; echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter'

readonly STEPS=(new_pool addresses guests_move_and_go forwards sharing rules again_and_again old_pool_goes)
if (($(nproc) >= 2)); then
    run_with 1 new_pool sharing mistakes again_and_again old_pool_goes black_hole
    run_with 2 "${STEPS[@]}"
else
    run_with 1 "${STEPS[@]:0:6}" mistakes "${STEPS[@]:6}" black_hole
fi
finish
