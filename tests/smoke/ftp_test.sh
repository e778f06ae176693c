#!/usr/bin/env bash
# FTP with real servers and clients: active and passive, the server outside and inside,
# twenty transfers at a time; and what does not work without its gateway.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"
# shellcheck source=tests/smoke/_ftp.sh
source "$(dirname "$0")/_ftp.sh"

readonly FTP_FORWARD="s/^  static:/  static:\n    - { protocol: tcp, inside: \"10.64.0.10:21\", outside: \"$FORWARD:21\" }/"

smoke_topology
need_packages lftp python3-pyftpdlib vsftpd
smoke_config "${STRICT[@]}" "$FTP_FORWARD"
start_portolan
make_files ftp
mkdir -p "$PTL_WORK/empty"

# serve_vsftpd ROLE ADDRESS
serve_vsftpd() {
    printf '%s\n' listen=YES "listen_address=$2" background=NO seccomp_sandbox=NO anonymous_enable=YES \
        no_anon_password=YES local_enable=NO "anon_root=$PTL_WORK/files" "secure_chroot_dir=$PTL_WORK/empty" \
        connect_from_port_20=YES write_enable=YES anon_upload_enable=YES xferlog_enable=NO \
        max_per_ip=0 >"$PTL_WORK/vsftpd.conf"
    spawn "$PTL_WORK/vsftpd.log" ip netns exec "$(ns "$1")" /usr/sbin/vsftpd "$PTL_WORK/vsftpd.conf"
    wait_until 60 listening "$1" tcp "$2:21" || die "vsftpd did not start"
}

# serve_pyftpdlib ROLE ADDRESS
serve_pyftpdlib() {
    spawn "$PTL_WORK/pyftpdlib-$1.log" ip netns exec "$(ns "$1")" \
        /usr/bin/python3 -m pyftpdlib --interface "$2" --port 21 --directory "$PTL_WORK/files"
    wait_until 60 listening "$1" tcp "$2:21" || die "pyftpdlib did not start"
}

serve_vsftpd outside "$SERVER"
serve_pyftpdlib inside-a 10.64.0.10
serve_pyftpdlib inside-b 10.64.0.20

# A reply to EPSV names a port alone: that works as long as the host has no other address, so
# before it has written to anybody.
check "a server behind a port forward, EPSV" fetches outside "$FORWARD"

say "the server outside"
check "curl, EPSV" fetches inside-a "$SERVER"
check "curl, PASV" fetches inside-a "$SERVER" "${PASV[@]}"
check "curl, EPRT" fetches inside-a "$SERVER" "${ACTIVE[@]}"
check "curl, PORT" fetches inside-a "$SERVER" "${PORT[@]}"
check "an upload, PORT" sends inside-a "$SERVER" "${PORT[@]}"
check "an upload, EPSV" sends inside-a "$SERVER"
check "lftp, passive" lists inside-a "$SERVER"
check "lftp, active" lists inside-a "$SERVER" "ftp:passive-mode off"
check "$TRANSFERS transfers at a time, EPRT" fetch_many inside-a "$SERVER" "${ACTIVE[@]}"
check "$TRANSFERS transfers at a time, EPSV" fetch_many inside-a "$SERVER"
check "the whole address, PORT" fetches inside-b "$SERVER" "${PORT[@]}"

say "the server inside"
check "a whole address, EPSV" fetches outside "$WHOLE"
check "a whole address, PASV" fetches outside "$WHOLE" "${PASV[@]}"
check "a whole address, EPRT" fetches outside "$WHOLE" "${ACTIVE[@]}"
check "a whole address, lftp" lists outside "$WHOLE" "ftp:fix-pasv-address off"
check "a port forward, PASV" fetches outside "$FORWARD" "${PASV[@]}"
check "a port forward, PORT" fetches outside "$FORWARD" "${PORT[@]}"
check "$TRANSFERS transfers at a time, PASV behind a port forward" fetch_many outside "$FORWARD" "${PASV[@]}"
check "an inside host, by the whole address" fetches inside-a "$WHOLE"
check "doors were opened and used" at_least "$(tally ftp doors_promoted)" "$((2 * TRANSFERS))"
check "no message went wrong" equal "$(tally ftp errors)" 0
check "no door stays open" wait_until 90 no_doors

say "without the gateway"
without ftp "$FTP_FORWARD"
attempt PORT inside-a "$SERVER" "${PORT[@]}"
attempt EPRT inside-a "$SERVER" "${ACTIVE[@]}"
attempt PASV outside "$WHOLE" "${PASV[@]}"
attempt EPSV outside "$FORWARD"
check "PORT does not work" attempt_fails PORT
check "EPRT does not work" attempt_fails EPRT
check "a server inside, PASV, does not work" attempt_fails PASV
check "behind a port forward neither does EPSV" attempt_fails EPSV
check "EPSV still works" fetches inside-a "$SERVER"
finish
