# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120 # variables and arguments are for those who source it
# What every smoke test starts from: a run of its own (see scripts/lib.sh), the
# topology with its servers, and Portolan in the middle. Each test is one file,
# one feature, and can be run by itself:
#
#   sudo tests/smoke/hairpin_test.sh
#
# Ends with 0, with 77 if it cannot be run here, else with 1.
set -Eeuo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

readonly SERVER=192.0.2.10 FORWARD=203.0.113.13

# skip REASON
skip() {
    printf '%s\n' "$*"
    exit 77
}

# smoke_start [SED EXPRESSION]...: topology, and Portolan with the quickstart file
# after these edits.
smoke_start() {
    smoke_topology
    smoke_config "$@"
    start_portolan
}

smoke_topology() {
    begin
    need_packages "${PTL_TRAFFIC_PACKAGES[@]}"
    build
    topology
    reserve_hugepages 512
}

# smoke_config [SED EXPRESSION]...: PTL_CONFIG, with a socket of this run, from the
# quickstart file or another in SMOKE_BASE.
SMOKE_BASE=quickstart
smoke_config() {
    local edits=() edit
    for edit in "$@"; do
        edits+=(-e "$edit")
    done
    mkdir -p "$PTL_WORK/config"
    sed -e "s|socket: /run/portolan.sock|socket: $PTL_STATE/portolan.sock|" "${edits[@]}" \
        "$PTL_ROOT/configs/$SMOKE_BASE.yaml" >"$PTL_WORK/config/smoke.yaml"
    PTL_SOCKET=$PTL_STATE/portolan.sock
    rm -f "$PTL_SOCKET"
    adapt "$PTL_WORK/config/smoke.yaml"
}

# need_wheel NAME VERSION SHA256: a pure Python package of PyPI, kept for later runs; its path, which
# is one for PYTHONPATH, in WHEEL. A test that cannot have it is skipped.
need_wheel() {
    local kept=/var/cache/portolan wheels=$PTL_WORK/wheels
    WHEEL=$(compgen -G "$kept/$1-$2-*.whl" | head -n 1) || true
    if [[ -n $WHEEL ]] && sha256sum --quiet -c <<<"$3  $WHEEL"; then
        return 0
    fi
    need_packages python3-pip
    mkdir -p "$wheels" "$kept"
    echo "$1==$2 --hash=sha256:$3" >"$wheels/wanted"
    attend timeout 120 /usr/bin/python3 -m pip -q download --retries 2 --no-deps --only-binary :all: \
        --require-hashes -r "$wheels/wanted" -d "$wheels" || skip "no $1 $2 from PyPI"
    mv -t "$kept" "$wheels"/*.whl
    WHEEL=$(compgen -G "$kept/$1-$2-*.whl")
}

# lossy_line: 1 % loss and some frames out of order, both ways, between Portolan and
# the outside host: by netem, or by a program in the middle where the kernel has none.
LINE=
lossy_line() {
    if in_ns outside tc qdisc add dev eth0 root netem limit 10000 delay 1ms loss 1% reorder 97% \
        2>/dev/null; then
        LINE=netem
        in_ns inside-a tc qdisc add dev eth0 root netem limit 10000 delay 1ms loss 1% reorder 97%
        return 0
    fi
    LINE=program
    new_ns line
    ip -n "$(ns outside)" link del eth0
    wire outside eth0 line left
    wire line right appliance ptl-out
    outside_addresses
    spawn "$PTL_WORK/line.log" ip netns exec "$(ns line)" \
        /usr/bin/python3 "$PTL_ROOT/tests/smoke/_line.py" left right
}

line_was_bad() {
    local carried lost reordered
    if [[ $LINE == netem ]]; then
        in_ns outside tc -s qdisc show dev eth0 | grep -qE 'dropped [1-9]'
        return
    fi
    read -r carried lost reordered < <(tail -n 1 "$PTL_WORK/line.log")
    printf '        %s carried, %s lost, %s out of order\n' "$carried" "$lost" "$reordered"
    ((lost > 0 && reordered > 0))
}

# make_download MB: $PTL_WORK/www/big.bin and its checksum in SUM.
make_download() {
    mkdir -p "$PTL_WORK/www"
    head -c "${1}M" /dev/urandom >"$PTL_WORK/www/big.bin"
    SUM=$(sha256sum <"$PTL_WORK/www/big.bin")
}

# serve_hello: a web server on inside-b, where the port forward leads.
serve_hello() {
    mkdir -p "$PTL_WORK/inside"
    echo "hello from inside-b" >"$PTL_WORK/inside/hello.txt"
    serve_web inside-b 10.64.0.20 8080 "$PTL_WORK/inside"
}

# last_client ROLE: who the web server of a host saw last.
last_client() { awk '/"GET /{ client = $1 } END { print client }' "$PTL_WORK/web-$1.log"; }

# downloads ROLE URL [SECONDS]: fetches it and compares with SUM.
downloads() {
    local got
    in_ns "$1" bash -c "set -o pipefail; curl -sS --max-time ${3:-120} '$2' | sha256sum" >"$PTL_WORK/got.sum" || return 1
    got=$(<"$PTL_WORK/got.sum")
    equal "$got" "$SUM"
}

# says_hello ROLE URL: the answer is that of inside-b.
says_hello() {
    in_ns "$1" curl -sS --max-time 10 "$2" >"$PTL_WORK/hello" &&
        grep -qx 'hello from inside-b' "$PTL_WORK/hello"
}

# pings ROLE COUNT ARGUMENTS...: all of COUNT come back.
pings() {
    local role=$1 count=$2
    shift 2
    in_ns "$role" ping -n -c "$count" -i 0.2 -W 2 "$@" >"$PTL_WORK/ping" ||
        { tail -n 4 "$PTL_WORK/ping"; return 1; }
    grep -q " $count received" "$PTL_WORK/ping"
}

# finish: the result of all checks.
finish() {
    local line
    if ((${#PTL_FAILED[@]})); then
        printf 'end of the log:\n'
        tail -n 30 "${PORTOLAN_LOG:-/dev/null}"
        # Those that moved: the end of this is all that is kept.
        portolan show counters | grep -v ' 0$' || true
        printf 'not so: %s\n' "${PTL_FAILED[@]}"
    fi
    printf '%d held, %d failed\n' "$PTL_PASSED" "${#PTL_FAILED[@]}"
    ((${#PTL_FAILED[@]} == 0 && PTL_PASSED > 0))
}
