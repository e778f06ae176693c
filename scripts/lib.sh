# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120 # variables and arguments are for those who source it
# Shared by scripts/* and tests/smoke/*: packages, toolchain, huge pages,
# namespaces, processes, and giving all of it back.
#
# A run is a process that called `begin`. What it makes carries its PID and is
# written down in /run/ptl-PID before it exists:
#
#   /run/ptl-PID/owner       "PID START", who answers for the run
#   /run/ptl-PID/pids        "PID START" of every process started
#   /run/ptl-PID/hugepages   2 MiB pages added to the pool
#   /run/ptl-PID/socket      control socket of the Portolan started
#   /run/ptl-PID/work        path of its directory for files
#   ptl-ROLE-PID             network namespaces, with /etc/netns/ptl-ROLE-PID
#
# `release RUN` gives back all of a run from these files alone. It runs at the
# end, on INT, TERM and HUP, and at the start of the next run for those whose
# owner was killed outright. START is the process's start time, so that a PID
# used again by somebody else is never taken for ours.

[[ -z ${PTL_ROOT:-} ]] || return 0
PTL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PTL_STATE=/run/ptl-$$
PTL_WORK=
PTL_KEEP=0
PTL_STARTS_RUNS=0
PTL_CRITICAL=0
PTL_PENDING=0
PTL_HUGE_SYSFS=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
PTL_HUGE=0
PTL_CONFIG=
PTL_SOCKET=
PTL_BUILDER=root
PTL_BUILDER_HOME=
PTL_CARGO_ENV=()
SPAWNED=

# What building needs, what showing traffic needs.
PTL_BUILD_PACKAGES=(build-essential ca-certificates curl git libclang-dev libdpdk-dev pkg-config)
PTL_TRAFFIC_PACKAGES=(bind9-dnsutils curl dnsmasq-base ethtool iperf3 iproute2 iputils-ping jq
    procps python3 traceroute)

# --- talking ---------------------------------------------------------------

if [[ -t 1 ]]; then
    PTL_BOLD=$'\e[1m' PTL_RED=$'\e[31m' PTL_GREEN=$'\e[32m' PTL_PLAIN=$'\e[0m'
else
    PTL_BOLD='' PTL_RED='' PTL_GREEN='' PTL_PLAIN=''
fi

# say TEXT: a line of progress, with the seconds since the start.
say() { printf '%s[%4ds]%s %s\n' "$PTL_BOLD" "$SECONDS" "$PTL_PLAIN" "$*"; }

warn() { printf '%s[%4ds] %s%s\n' "$PTL_RED" "$SECONDS" "$*" "$PTL_PLAIN" >&2; }

# die TEXT: says why and leaves with 1.
die() {
    warn "$*"
    exit 1
}

# Checks: what was tried, whether it held.
PTL_PASSED=0
PTL_FAILED=()

ok() {
    PTL_PASSED=$((PTL_PASSED + 1))
    printf '        %sok%s    %s\n' "$PTL_GREEN" "$PTL_PLAIN" "$*"
}

not_ok() {
    PTL_FAILED+=("$*")
    printf '        %sFAIL%s  %s\n' "$PTL_RED" "$PTL_PLAIN" "$*"
}

# check SENTENCE COMMAND...: the sentence is true if the command succeeds.
check() {
    local sentence=$1
    shift
    if "$@"; then ok "$sentence"; else not_ok "$sentence"; fi
}

# equal A B, matches TEXT REGEX: for check; the difference goes to the log.
equal() { [[ $1 == "$2" ]] || { printf '        got "%s", want "%s"\n' "$1" "$2"; return 1; }; }
matches() { [[ $1 =~ $2 ]] || { printf '        got "%s", want a match of %s\n' "$1" "$2"; return 1; }; }

# --- a run -----------------------------------------------------------------

need_root() {
    ((EUID == 0)) || die "${0##*/} needs root for namespaces and packages: sudo $0 $*"
}

# begin: makes this process the owner of a run.
begin() {
    need_root
    trap 'on_exit' EXIT
    trap 'on_signal 1' HUP
    trap 'on_signal 2' INT
    trap 'on_signal 15' TERM
    sweep
    local draft
    draft=$(mktemp -d /run/.ptl-XXXXXX)
    printf '%s %s\n' "$$" "$(start_of $$)" >"$draft/owner"
    mv -T "$draft" "$PTL_STATE"
    PTL_WORK=$(mktemp -d /var/tmp/ptl-XXXXXX)
    printf '%s\n' "$PTL_WORK" >"$PTL_STATE/work"
    chmod 755 "$PTL_WORK"
}

# begin_small: for a script that starts processes and makes nothing else; no root.
begin_small() {
    PTL_STATE=$(mktemp -d)
    trap 'on_small_exit' EXIT
    trap 'on_signal 1' HUP
    trap 'on_signal 2' INT
    trap 'on_signal 15' TERM
}

on_small_exit() {
    local status=$?
    trap '' HUP INT TERM
    trap - EXIT
    set +e
    stop_listed "$PTL_STATE/pids"
    rm -rf -- "$PTL_STATE"
    exit "$status"
}

on_signal() {
    if ((PTL_CRITICAL)); then
        PTL_PENDING=$1
        warn "interrupted; finishing this step first"
        return 0
    fi
    printf '\n' >&2
    warn "interrupted; cleaning up"
    exit $((128 + $1))
}

on_exit() {
    local status=$?
    trap '' HUP INT TERM
    trap - EXIT
    set +e
    if ((!PTL_KEEP)); then
        release "$$"
        # Scripts that start other scripts also look after those.
        ((!PTL_STARTS_RUNS)) || sweep
    fi
    exit "$status"
}

# Between these two a signal waits.
critical_begin() { PTL_CRITICAL=$((PTL_CRITICAL + 1)); }
critical_end() {
    PTL_CRITICAL=$((PTL_CRITICAL - 1))
    if ((PTL_CRITICAL == 0 && PTL_PENDING)); then
        on_signal "$PTL_PENDING"
    fi
}

# with_lock COMMAND...: one at a time on this machine. Locks the directory
# /run itself, so no lock file stays behind.
with_lock() {
    local lock status=0
    exec {lock}</run
    flock "$lock"
    "$@" || status=$?
    exec {lock}<&-
    return "$status"
}

# start_of PID: its start time in clock ticks since boot; nothing if it is gone.
start_of() {
    local line fields
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    read -ra fields <<<"${line##*) }"
    # A zombie no longer counts.
    [[ ${fields[0]} == Z ]] || printf '%s' "${fields[19]}"
}

# alive PID START: the same process, still running.
alive() { [[ -n ${2:-} && $(start_of "$1") == "$2" ]]; }

# sweep: gives back what runs left whose owner is gone. Processes are ended
# before the lock is taken: one may be a script that needs it for its own cleaning.
sweep() {
    local run
    for run in $(stale_runs); do
        stop_listed "/run/ptl-$run/pids"
    done
    with_lock sweep_locked
}

sweep_locked() {
    local run ns
    for run in $(stale_runs); do
        release_locked "$run"
    done
    for ns in $(netns_names ''); do
        run=${ns##*-}
        [[ -d /run/ptl-$run ]] || drop_ns "$ns"
    done
}

stale_runs() {
    local state pid start
    for state in /run/ptl-*; do
        [[ -d $state && ${state#/run/ptl-} =~ ^[0-9]+$ ]] || continue
        { read -r pid start <"$state/owner"; } 2>/dev/null || pid=0 start=
        alive "$pid" "$start" || printf '%s\n' "${state#/run/ptl-}"
    done
}

# release RUN: gives back everything the run made.
release() {
    stop_listed "/run/ptl-$1/pids"
    with_lock release_locked "$1"
}

release_locked() {
    local run=$1 state=/run/ptl-$1 ns pages socket work
    [[ -d $state ]] || return 0
    stop_listed "$state/pids"
    for ns in $(netns_names "$run"); do
        drop_ns "$ns"
    done
    rmdir --ignore-fail-on-non-empty /etc/netns 2>/dev/null
    if { read -r pages <"$state/hugepages"; } 2>/dev/null && ((pages > 0)); then
        local now
        now=$(<"$PTL_HUGE_SYSFS")
        echo "$((now > pages ? now - pages : 0))" >"$PTL_HUGE_SYSFS"
    fi
    restore_policy "$run"
    if { read -r socket <"$state/socket"; } 2>/dev/null; then
        rm -f -- "$socket"
    fi
    if [[ -e $state/made-run-dpdk ]]; then
        rmdir --ignore-fail-on-non-empty /run/dpdk/rte /run/dpdk 2>/dev/null
    fi
    if { read -r work <"$state/work"; } 2>/dev/null && [[ $work == /var/tmp/ptl-* ]]; then
        rm -rf -- "$work"
    fi
    rm -rf -- "$state"
}

# --- processes -------------------------------------------------------------

# spawn LOG COMMAND...: starts it in a session of its own; its PID in SPAWNED.
# The session lets a whole tree be ended at once, and keeps a Ctrl-C meant for
# the script from reaching the children before the script has put things in
# order. LOG may be - for the script's own output.
spawn() {
    local log=$1
    shift
    critical_begin
    if [[ $log == - ]]; then
        setsid env --default-signal=INT,QUIT "$@" </dev/null &
    else
        setsid env --default-signal=INT,QUIT "$@" </dev/null >"$log" 2>&1 &
    fi
    SPAWNED=$!
    if [[ -d $PTL_STATE ]]; then
        printf '%s %s\n' "$SPAWNED" "$(start_of "$SPAWNED")" >>"$PTL_STATE/pids"
    fi
    critical_end
}

# attend COMMAND...: like calling it, but a signal is acted upon at once and
# not when the command is done, since only `wait` can be interrupted.
attend() {
    local status=0 pid
    spawn - "$@"
    pid=$SPAWNED
    while :; do
        status=0
        wait "$pid" || status=$?
        # Interrupted in a critical section: go on waiting.
        if ((status <= 128)) || [[ -z $(start_of "$pid") ]]; then
            break
        fi
    done
    return "$status"
}

# pause SECONDS: a sleep that a signal ends.
pause() { attend sleep "$1"; }

# stop PID [SECONDS]: TERM, then after SECONDS (15) KILL, to its whole session.
stop() {
    local pid=$1 start i
    start=$(start_of "$pid")
    [[ -n $start ]] || return 0
    signal_tree TERM "$pid"
    for ((i = 0; i < ${2:-15} * 20; i++)); do
        alive "$pid" "$start" || break
        sleep 0.05
    done
    # What the leader may have left behind in its session.
    signal_tree KILL "$pid"
    for ((i = 0; i < 100; i++)); do
        alive "$pid" "$start" || return 0
        sleep 0.05
    done
}

signal_tree() { kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true; }

# stop_listed FILE: all processes in it, the last one first.
stop_listed() {
    local pid start
    [[ -e $1 ]] || return 0
    while read -r pid start; do
        if alive "$pid" "$start"; then
            stop "$pid"
        fi
    done < <(tac "$1")
}

# wait_until SECONDS COMMAND...: until it succeeds; 1 if it never does.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        pause 0.1
    done
}

# --- packages --------------------------------------------------------------

missing_packages() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$package"
    done
}

# need_packages NAME...: installs those that are missing, without starting
# any daemon they bring.
need_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@" | sort -u)
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || die "missing packages: ${missing[*]} (run as root to have them installed)"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300
        --no-install-recommends -y)
    say "installing ${missing[*]}"
    if [[ -z ${PTL_LISTS_ARE_NEW:-} ]]; then
        attend "${apt[@]}" update || warn "apt-get update failed; going on with the lists at hand"
        # Scripts started by this one need not ask again.
        export PTL_LISTS_ARE_NEW=1
    fi
    attend "${apt[@]}" --download-only install "${missing[@]}" >/dev/null ||
        die "cannot download: ${missing[*]}"
    # A package manager killed half way leaves the machine worse than it was:
    # from here a signal waits until it is done.
    local status=0
    critical_begin
    guard_policy
    attend "${apt[@]}" install "${missing[@]}" >"${PTL_WORK:-/tmp}/apt.log" 2>&1 || status=$?
    restore_policy "$$"
    critical_end
    ((status == 0)) || {
        tail -n 20 "${PTL_WORK:-/tmp}/apt.log" >&2
        die "cannot install: ${missing[*]}"
    }
}

PTL_POLICY=/usr/sbin/policy-rc.d

# A policy-rc.d that forbids starting; one that was there is kept beside it.
guard_policy() {
    if [[ -e $PTL_POLICY ]]; then
        mv -T "$PTL_POLICY" "$PTL_POLICY.ptl-$$"
    fi
    printf '#!/bin/sh\n# ptl-%s\nexit 101\n' "$$" >"$PTL_POLICY"
    chmod 755 "$PTL_POLICY"
}

restore_policy() {
    if grep -qsx "# ptl-$1" "$PTL_POLICY"; then
        rm -f "$PTL_POLICY"
    fi
    if [[ -e $PTL_POLICY.ptl-$1 ]]; then
        mv -T "$PTL_POLICY.ptl-$1" "$PTL_POLICY"
    fi
}

# --- toolchain -------------------------------------------------------------

rust_wanted() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$PTL_ROOT/Cargo.toml"; }

# Who builds: the user behind sudo if the tree is theirs, so that target/ does
# not end up as root's.
find_builder() {
    PTL_BUILDER=$(id -un)
    PTL_BUILDER_HOME=$HOME
    local user=${SUDO_USER:-}
    if ((EUID == 0)); then
        PTL_BUILDER_HOME=$(getent passwd root | cut -d: -f6)
        if [[ -n $user && $user != root && $(stat -c %U "$PTL_ROOT") == "$user" ]]; then
            PTL_BUILDER=$user
            PTL_BUILDER_HOME=$(getent passwd "$user" | cut -d: -f6)
        fi
    fi
    PTL_CARGO_ENV=("PATH=$PTL_BUILDER_HOME/.cargo/bin:$PATH" "HOME=$PTL_BUILDER_HOME")
    # root building with the toolchain of the user behind sudo.
    if [[ $PTL_BUILDER == root && -n $user && $user != root ]]; then
        local theirs
        theirs=$(getent passwd "$user" | cut -d: -f6)
        if [[ ! -d $PTL_BUILDER_HOME/.rustup && -d $theirs/.rustup ]]; then
            PTL_CARGO_ENV=("PATH=$theirs/.cargo/bin:$PATH" "HOME=$PTL_BUILDER_HOME"
                "RUSTUP_HOME=$theirs/.rustup")
        fi
    fi
}

# as_builder COMMAND...: in the tree, as whoever builds.
as_builder() {
    local become=()
    if ((EUID == 0)) && [[ $PTL_BUILDER != root ]]; then
        become=(setpriv "--reuid=$PTL_BUILDER" "--regid=$(id -g "$PTL_BUILDER")" --init-groups)
    fi
    attend env -C "$PTL_ROOT" "${become[@]}" env "${PTL_CARGO_ENV[@]}" "$@"
}

# rust_is_new_enough: the cargo at hand builds this workspace.
rust_is_new_enough() {
    local have
    have=$(as_builder cargo --version 2>/dev/null | awk '{print $2}')
    [[ -n $have ]] && printf '%s\n%s\n' "$(rust_wanted)" "${have%%-*}" | sort -VC
}

# need_rust [COMPONENT...]: a cargo of at least the workspace's rust-version.
need_rust() {
    find_builder
    local wanted component components=()
    wanted=$(rust_wanted)
    for component in "$@"; do
        components+=(--component "$component")
    done
    if ! rust_is_new_enough; then
        if ! as_builder rustup --version >/dev/null 2>&1; then
            install_rustup
        fi
        say "installing Rust $wanted for $PTL_BUILDER"
        as_builder rustup toolchain install "$wanted" --profile minimal "${components[@]}" ||
            die "cannot install Rust $wanted"
        PTL_CARGO_ENV+=("RUSTUP_TOOLCHAIN=$wanted")
        rust_is_new_enough || die "Rust $wanted was installed, but cargo does not run"
    fi
    for component in "$@"; do
        as_builder cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 ||
            as_builder rustup component add "$component" ||
            die "cannot add the Rust component $component"
    done
}

# From the distribution where it has one (Debian 13), else rustup's own installer.
install_rustup() {
    if apt-cache policy rustup | grep -qE 'Candidate: [0-9]'; then
        need_packages rustup
        return 0
    fi
    say "installing rustup for $PTL_BUILDER"
    # What the script at sh.rustup.rs would fetch, with its checksum compared.
    # shellcheck disable=SC2016 # for the inner shell
    as_builder bash -c 'set -Eeuo pipefail
        from=${RUSTUP_UPDATE_ROOT:-https://static.rust-lang.org/rustup}/dist/$(uname -m)-unknown-linux-gnu
        to=$(mktemp -d)
        trap "rm -rf \"$to\"" EXIT
        cd "$to"
        for file in rustup-init rustup-init.sha256; do
            curl --proto "=https" --tlsv1.2 -sSf --retry 3 -O "$from/$file"
        done
        [[ $(sha256sum <rustup-init | cut -d" " -f1) == $(cut -d" " -f1 rustup-init.sha256) ]]
        chmod +x rustup-init
        ./rustup-init -y -q --no-modify-path --profile minimal --default-toolchain none' ||
        die "cannot install rustup"
}

# build: target/release/portolan, its path in PORTOLAN. With PORTOLAN set from
# outside, that program is taken as it is.
build() {
    if [[ -n ${PORTOLAN:-} ]]; then
        [[ -x $PORTOLAN ]] || die "PORTOLAN=$PORTOLAN cannot be run"
        return 0
    fi
    need_packages "${PTL_BUILD_PACKAGES[@]}"
    need_rust
    grep -qw avx2 /proc/cpuinfo || die "this processor has no AVX2, which .cargo/config.toml builds for"
    say "building portolan (cargo build --release)"
    as_builder cargo build --release --locked -p portolan || die "the build failed"
    export PORTOLAN=$PTL_ROOT/target/release/portolan
}

# --- huge pages ------------------------------------------------------------

# reserve_hugepages MB: adds to the kernel's pool of 2 MiB pages; sets PTL_HUGE
# to 1 or, where the kernel has none to give, to 0. The configuration uses
# --in-memory, which needs no hugetlbfs mount.
reserve_hugepages() {
    if [[ ! -d /run/dpdk ]]; then
        : >"$PTL_STATE/made-run-dpdk"
    fi
    if [[ -n ${PORTOLAN_NO_HUGE:-} ]]; then
        say "PORTOLAN_NO_HUGE is set: going on without huge pages"
        return 0
    fi
    critical_begin
    with_lock reserve_hugepages_locked "$(($1 / 2))"
    critical_end
    if ((!PTL_HUGE)); then
        say "no huge pages to be had here: going on with --no-huge, which is slower"
    fi
}

reserve_hugepages_locked() {
    local before after wanted=$1
    [[ -w $PTL_HUGE_SYSFS ]] || return 0
    before=$(<"$PTL_HUGE_SYSFS")
    { echo "$((before + wanted))" >"$PTL_HUGE_SYSFS"; } 2>/dev/null || true
    after=$(<"$PTL_HUGE_SYSFS")
    if ((after - before < wanted)); then
        { echo "$before" >"$PTL_HUGE_SYSFS"; } 2>/dev/null || true
        return 0
    fi
    echo "$wanted" >"$PTL_STATE/hugepages"
    PTL_HUGE=1
}

# --- namespaces ------------------------------------------------------------

# ns ROLE: the name of this run's namespace for it.
ns() { printf 'ptl-%s-%s' "$1" "$$"; }

# netns_names RUN: the namespaces of a run, or of all runs.
netns_names() { ip netns list 2>/dev/null | awk '{print $1}' | grep -xE "ptl-[a-z-]+-${1:-[0-9]+}"; }

# in_ns ROLE COMMAND...
in_ns() {
    local role=$1
    shift
    attend ip netns exec "$(ns "$role")" "$@"
}

# new_ns ROLE: with name files of its own (without them many programs wait for
# a name server that is not there) and no IPv6, whose chatter would be counted.
new_ns() {
    local name
    name=$(ns "$1")
    mkdir -p "/etc/netns/$name"
    printf '127.0.0.1 localhost\n10.64.0.1 appliance\n10.64.0.10 inside-a\n10.64.0.20 inside-b\n%s\n%s\n' \
        '198.51.100.254 outside' '192.0.2.10 server' >"/etc/netns/$name/hosts"
    printf 'nameserver 192.0.2.10\noptions timeout:1 attempts:1\n' >"/etc/netns/$name/resolv.conf"
    ip netns add "$name"
    # shellcheck disable=SC2016 # for the inner shell
    ip netns exec "$name" sh -c 'for file in /proc/sys/net/ipv6/conf/*/disable_ipv6; do
        [ ! -e "$file" ] || echo 1 >"$file"; done'
    ip -n "$name" link set lo up
}

drop_ns() {
    local name=$1 pid
    for pid in $(ip netns pids "$name" 2>/dev/null); do
        kill -KILL "$pid" 2>/dev/null
    done
    ip netns del "$name" 2>/dev/null || true
    rm -rf -- "/etc/netns/$name"
}

# wire ROLE IF ROLE IF: a veth pair, never in the root namespace. Offloads are
# off on both ends: with them frames come with unfinished checksums and in
# segments of 64 KiB, which no wire carries.
wire() {
    ip link add "$2" netns "$(ns "$1")" type veth peer name "$4" netns "$(ns "$3")"
    plain_link "$1" "$2"
    plain_link "$3" "$4"
}

plain_link() {
    local name
    name=$(ns "$1")
    ip netns exec "$name" ethtool -K "$2" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1 ||
        ip netns exec "$name" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
    ip -n "$name" link set "$2" up
}

# topology: two inside hosts on a switch, the appliance's place, one outside host
# which also has a server's address one hop further away.
#
#   inside-a 10.64.0.10 --+
#                         +-- switch -- ptl-in [appliance] ptl-out -- outside 198.51.100.254
#   inside-b 10.64.0.20 --+            10.64.0.1   198.51.100.1               192.0.2.10
topology() {
    local role
    for role in appliance switch inside-a inside-b outside; do
        new_ns "$role"
    done
    wire inside-a eth0 switch port-a
    wire inside-b eth0 switch port-b
    wire appliance ptl-in switch port-nat
    wire outside eth0 appliance ptl-out

    ip -n "$(ns switch)" link add bridge0 type bridge forward_delay 0 mcast_snooping 0
    for role in port-a port-b port-nat; do
        ip -n "$(ns switch)" link set "$role" master bridge0
    done
    ip -n "$(ns switch)" link set bridge0 up

    ip -n "$(ns inside-a)" address add 10.64.0.10/16 dev eth0
    ip -n "$(ns inside-b)" address add 10.64.0.20/16 dev eth0
    ip -n "$(ns inside-a)" route add default via 10.64.0.1
    ip -n "$(ns inside-b)" route add default via 10.64.0.1
    outside_addresses
}

# No default route: what is not translated finds no way back.
outside_addresses() {
    ip -n "$(ns outside)" address add 198.51.100.254/24 dev eth0
    ip -n "$(ns outside)" address replace 192.0.2.10/32 dev lo
    ip -n "$(ns outside)" route add 203.0.113.0/28 via 198.51.100.1
}

# --- the appliance ---------------------------------------------------------

# adapt CONFIG: PTL_CONFIG is CONFIG itself where this machine is as it expects,
# else a copy with what must differ, and says so. PTL_SOCKET is its socket.
adapt() {
    local edits=() cores=0
    PTL_CONFIG=$1
    PTL_SOCKET=$(sed -n 's/^control:.*socket: \([^,} ]*\).*/\1/p' "$1")
    if ((!PTL_HUGE)); then
        edits+=(-e 's/"--in-memory"/"--no-huge", "--no-shconf"/')
    fi
    if socket_is_used "$PTL_SOCKET"; then
        say "$PTL_SOCKET is taken by another Portolan: using a socket of our own"
        edits+=(-e "s|socket: $PTL_SOCKET|socket: $PTL_STATE/portolan.sock|")
        PTL_SOCKET=$PTL_STATE/portolan.sock
    fi
    cores=$(nproc)
    if ((cores < 2)); then
        say "one core only: worker and slow path share it"
        edits+=(-e 's/^workers:.*/workers: { cores: [0], slow_path_core: 0 }/')
    fi
    if ((${#edits[@]})); then
        PTL_CONFIG=$PTL_WORK/adapted-${1##*/}
        sed "${edits[@]}" "$1" >"$PTL_CONFIG"
    fi
}

# socket_is_used PATH: a Portolan answers there, in whatever namespace. One that
# was killed leaves the file, and the next one takes its place.
socket_is_used() {
    [[ -S $1 ]] && attend "$PORTOLAN" show workers --json --socket "$1" >/dev/null 2>&1
}

# start_portolan: with PTL_CONFIG, in the appliance's place; its PID in
# PORTOLAN_PID, its log in PORTOLAN_LOG.
start_portolan() {
    PORTOLAN_LOG=$PTL_WORK/portolan.log
    printf '%s\n' "$PTL_SOCKET" >"$PTL_STATE/socket"
    spawn "$PORTOLAN_LOG" ip netns exec "$(ns appliance)" "$PORTOLAN" run -c "$PTL_CONFIG"
    PORTOLAN_PID=$SPAWNED
    local start
    start=$(start_of "$PORTOLAN_PID")
    wait_until 60 ready_or_gone "$start" || true
    if ! alive "$PORTOLAN_PID" "$start" || ! answers; then
        tail -n 30 "$PORTOLAN_LOG" >&2
        die "portolan did not become ready; the end of its log is above"
    fi
}

# A socket alone proves nothing: it may be left from one that was killed.
answers() { [[ -S $PTL_SOCKET ]] && portolan show workers --json >/dev/null 2>&1; }

ready_or_gone() { answers || ! alive "$PORTOLAN_PID" "$1"; }

# portolan WHAT...: asks the running one.
portolan() { attend "$PORTOLAN" "$@" --socket "$PTL_SOCKET"; }

# counter NAME: its value; 0 where it is not listed.
counter() {
    portolan show counters --json | jq --arg name "$1" '[.[] | select(.name == $name) | .value] | add // 0'
}

# --- programs for the hosts --------------------------------------------------

# serve_web ROLE ADDRESS PORT DIRECTORY: its log in PTL_WORK/web-ROLE.log.
serve_web() {
    spawn "$PTL_WORK/web-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 -u -m http.server "$3" --bind "$2" --directory "$4"
    wait_until 60 listening "$1" tcp "$2:$3" || die "the web server of $1 did not start"
}

# serve_dns ROLE ADDRESS: names under portolan.example; its log in PTL_WORK/dns-ROLE.log.
serve_dns() {
    local i txt=()
    for i in {1..12}; do
        txt+=("$(printf 'part %02d %0190d' "$i" 0)")
    done
    spawn "$PTL_WORK/dns-$1.log" ip netns exec "$(ns "$1")" \
        dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --group=root \
        --no-resolv --no-hosts --bind-interfaces --listen-address="$2" \
        --log-queries --log-facility=- --edns-packet-max=4096 \
        --address=/www.portolan.example/192.0.2.10 \
        --txt-record="big.portolan.example,$(IFS=,; printf '%s' "${txt[*]}")"
    wait_until 60 listening "$1" udp "$2:53" || die "the name server of $1 did not start"
}

# serve_iperf ROLE ADDRESS
serve_iperf() {
    spawn "$PTL_WORK/iperf-$1.log" ip netns exec "$(ns "$1")" iperf3 --server --bind "$2"
    wait_until 60 listening "$1" tcp "$2:5201" || die "the iperf3 server of $1 did not start"
}

# listening ROLE tcp|udp ADDRESS:PORT
listening() {
    ip netns exec "$(ns "$1")" ss -Hln "--$2" | awk '{print $4}' | grep -qxF "$3"
}
