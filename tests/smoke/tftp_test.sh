#!/usr/bin/env bash
# TFTP with a real server and two clients, under filtering that lets in nobody but who was
# written to: the server answers from another port than it was asked at.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

smoke_topology
need_packages atftp tftp-hpa tftpd-hpa
smoke_config "${STRICT[@]}"
start_portolan
mkdir -p "$PTL_WORK/files"
head -c 300K /dev/urandom >"$PTL_WORK/files/image"
SUM=$(sha256sum <"$PTL_WORK/files/image")
chown -R tftp "$PTL_WORK/files"

# serve_tftp ROLE ADDRESS
serve_tftp() {
    spawn "$PTL_WORK/tftpd-$1.log" ip netns exec "$(ns "$1")" /usr/sbin/in.tftpd --foreground --ipv4 \
        --address "$2:69" --user tftp --create --secure "$PTL_WORK/files"
    wait_until 60 listening "$1" udp "$2:69" || die "in.tftpd did not start"
}

# How many seconds a transfer may take.
PATIENCE=30

# gets ROLE HOST, puts ROLE HOST: with tftp-hpa; its exit code says little.
gets() {
    rm -f "$PTL_WORK/got"
    in_ns "$1" timeout "$PATIENCE" tftp -4 -m binary "$2" -c get image "$PTL_WORK/got" >"$PTL_WORK/tftp.log" 2>&1 || return 1
    equal "$(sha256sum <"$PTL_WORK/got")" "$SUM"
}

puts() {
    local name=up-$SECONDS-$RANDOM
    in_ns "$1" timeout "$PATIENCE" tftp -4 -m binary "$2" -c put "$PTL_WORK/files/image" "$name" >"$PTL_WORK/tftp.log" 2>&1 ||
        return 1
    equal "$(sha256sum <"$PTL_WORK/files/$name")" "$SUM"
}

# curls ROLE HOST [CURL ARGUMENT]...
curls() {
    local role=$1 host=$2
    shift 2
    in_ns "$role" curl -sS --max-time "$PATIENCE" "$@" -o "$PTL_WORK/got" "tftp://$host/image" 2>"$PTL_WORK/curl.log" || return 1
    equal "$(sha256sum <"$PTL_WORK/got")" "$SUM"
}

# atftps ROLE HOST [ATFTP OPTION]...
atftps() {
    local role=$1 host=$2
    shift 2
    rm -f "$PTL_WORK/got"
    in_ns "$role" timeout "$PATIENCE" atftp "$@" --get --remote-file image --local-file "$PTL_WORK/got" "$host" \
        >"$PTL_WORK/atftp.log" 2>&1 || return 1
    equal "$(sha256sum <"$PTL_WORK/got")" "$SUM"
}

# both HOST: two inside hosts read at a time, each with another program.
both() {
    # shellcheck disable=SC2016 # for the shell inside
    in_ns inside-b bash -c 'for _ in 1 2 3; do curl -sS --max-time 30 "tftp://$1/image" | sha256sum; done' - "$1" \
        >"$PTL_WORK/sums" 2>"$PTL_WORK/curl.log" &
    local other=$!
    for _ in 1 2 3; do
        gets inside-a "$1" || return 1
    done
    wait "$other" && equal "$(sort "$PTL_WORK/sums" | uniq -c | xargs)" "3 $(xargs <<<"$SUM")"
}

# many ROLE HOST: ten transfers at a time.
many() {
    # shellcheck disable=SC2016 # for the shells inside
    in_ns "$1" bash -c 'seq 10 | xargs -P 10 -I@ sh -c "curl -sS --max-time 60 tftp://$1/image | sha256sum" | sort | uniq -c' \
        - "$2" >"$PTL_WORK/sums" 2>"$PTL_WORK/curl.log"
    equal "$(xargs <"$PTL_WORK/sums")" "10 $(xargs <<<"$SUM")"
}

serve_tftp outside "$SERVER"
serve_tftp inside-b 10.64.0.20

say "the server outside"
check "tftp-hpa reads" gets inside-a "$SERVER"
check "tftp-hpa writes" puts inside-a "$SERVER"
check "curl reads" curls inside-a "$SERVER"
check "curl reads in blocks of 1428 bytes" curls inside-a "$SERVER" --tftp-blksize 1428
check "curl reads without options" curls inside-a "$SERVER" --tftp-no-options
check "atftp reads" atftps inside-a "$SERVER"
check "atftp reads in blocks of 8192 bytes" atftps inside-a "$SERVER" --option "blksize 8192"
check "ten transfers at a time" many inside-a "$SERVER"
check "two hosts at a time, each with another program" both "$SERVER"

say "the server inside"
check "an inside host reads by the outside address" gets inside-a "$WHOLE"
check "and with curl" curls inside-a "$WHOLE"
check "the outside reads" gets outside "$WHOLE"
check "doors were opened and used" at_least "$(tally tftp doors_promoted)" 16
check "no request went wrong" equal "$(tally tftp errors)" 0

say "without the gateway"
PATIENCE=4
without tftp
check "tftp-hpa does not read" refused gets inside-a "$SERVER"
check "curl does not read" refused curls inside-a "$SERVER"
check "an inside host does not read by the outside address" refused gets inside-a "$WHOLE"
finish
