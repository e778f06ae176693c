#!/usr/bin/env bash
# A client that sends PORT one byte a segment fetches files from a real FTP server; not with
# vTCP switched off.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

PTL_TRAFFIC_PACKAGES+=(vsftpd)

serve_ftp() {
    cat >"$PTL_WORK/vsftpd.conf" <<CONF
listen=YES
background=NO
listen_address=$SERVER
anonymous_enable=YES
anon_root=$PTL_WORK/www
no_anon_password=YES
port_enable=YES
seccomp_sandbox=NO
secure_chroot_dir=/var/run/vsftpd/empty
CONF
    mkdir -p /var/run/vsftpd/empty
    spawn "$PTL_WORK/vsftpd.log" ip netns exec "$(ns outside)" \
        /usr/sbin/vsftpd "$PTL_WORK/vsftpd.conf"
    wait_until 60 listening outside tcp "$SERVER:21" || die "vsftpd did not start"
}

fetches() {
    in_ns inside-a /usr/bin/python3 "$PTL_ROOT/tests/smoke/_ftp_parts.py" 10.64.0.10 "$SERVER" big.bin \
        2>"$PTL_WORK/ftp.log" | sha256sum >"$PTL_WORK/got.sum"
    equal "$(<"$PTL_WORK/got.sum")" "$SUM"
}
does_not_fetch() { ! fetches >/dev/null; }

smoke_start
make_download 5
chmod 755 "$PTL_WORK/www"
serve_ftp
check "a file is fetched by commands in segments of one byte" fetches
check "the slow path has put them together" test "$(counter alg.vtcp_streams)" -ge 1
check "nothing was left unread" equal "$(counter alg.unread)" 0
check "no stream was let go of" equal "$(counter alg.vtcp_released)" 0
stop "$PORTOLAN_PID"
smoke_config 's|^nat:|alg: { vtcp: off }\nnat:|'
start_portolan
check "with vTCP switched off the server refuses the inside address" does_not_fetch
finish
