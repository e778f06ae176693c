#!/usr/bin/env bash
# FTP with proftpd, outside and inside: lftp and curl, active and passive, twenty transfers at a
# time; and control channels that go on in TLS, in which nobody reads.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"
# shellcheck source=tests/smoke/_ftp.sh
source "$(dirname "$0")/_ftp.sh"

smoke_topology
need_packages lftp openssl proftpd-core proftpd-mod-crypto
smoke_config "${STRICT[@]}"
start_portolan
make_files nobody
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ftp.portolan.example \
    -keyout "$PTL_WORK/tls.key" -out "$PTL_WORK/tls.crt" 2>/dev/null

# serve_proftpd ROLE ADDRESS
serve_proftpd() {
    cat >"$PTL_WORK/proftpd-$1.conf" <<END
LoadModule mod_tls.c
ServerType standalone
ServerName portolan
DefaultAddress $2
SocketBindTight on
Port 21
UseIPv6 off
UseReverseDNS off
UseFtpUsers off
User nobody
Group nogroup
PidFile $PTL_WORK/proftpd-$1.pid
ScoreboardFile $PTL_WORK/proftpd-$1.scoreboard
DelayEngine off
WtmpLog off
TransferLog none
SystemLog $PTL_WORK/proftpd-$1-system.log
MaxInstances 60
<Anonymous $PTL_WORK/files>
    User nobody
    Group nogroup
    UserAlias anonymous nobody
    RequireValidShell off
    AllowOverwrite on
</Anonymous>
TLSEngine on
TLSRequired off
TLSRSACertificateFile $PTL_WORK/tls.crt
TLSRSACertificateKeyFile $PTL_WORK/tls.key
TLSVerifyClient off
TLSOptions NoSessionReuseRequired
END
    spawn "$PTL_WORK/proftpd-$1.log" ip netns exec "$(ns "$1")" \
        /usr/sbin/proftpd --nodaemon --config "$PTL_WORK/proftpd-$1.conf"
    wait_until 60 listening "$1" tcp "$2:21" || {
        cat "$PTL_WORK/proftpd-$1.log" "$PTL_WORK/proftpd-$1-system.log"
        die "proftpd did not start"
    }
}

readonly TLS=(--ssl-reqd --insecure)

serve_proftpd outside "$SERVER"
serve_proftpd inside-b 10.64.0.20

say "the server outside"
check "curl, EPSV" fetches inside-a "$SERVER"
check "curl, PASV" fetches inside-a "$SERVER" "${PASV[@]}"
check "curl, EPRT" fetches inside-a "$SERVER" "${ACTIVE[@]}"
check "curl, PORT" fetches inside-a "$SERVER" "${PORT[@]}"
check "an upload, PORT" sends inside-a "$SERVER" "${PORT[@]}"
check "lftp, passive" lists inside-a "$SERVER" "ftp:ssl-allow off"
check "lftp, active" lists inside-a "$SERVER" "ftp:ssl-allow off" "ftp:passive-mode off"
check "$TRANSFERS transfers at a time, PORT" fetch_many inside-a "$SERVER" "${PORT[@]}"
check "$TRANSFERS transfers at a time, EPSV" fetch_many inside-a "$SERVER"

say "the server inside"
check "curl, EPSV" fetches outside "$WHOLE"
check "curl, PASV" fetches outside "$WHOLE" "${PASV[@]}"
check "curl, PORT" fetches outside "$WHOLE" "${PORT[@]}"
check "lftp, passive" lists outside "$WHOLE" "ftp:ssl-allow off" "ftp:fix-pasv-address off"
check "lftp, active" lists outside "$WHOLE" "ftp:ssl-allow off" "ftp:passive-mode off"
check "doors were opened and used" at_least "$(tally ftp doors_promoted)" "$((TRANSFERS + 8))"
check "no message went wrong" equal "$(tally ftp errors)" 0

say "control channels in TLS"
BYPASSED=$(tally ftp bypassed) OPENED=$(tally ftp doors_opened)
check "curl, EPSV, the server outside" fetches inside-a "$SERVER" "${TLS[@]}"
check "curl, EPSV, the server inside" fetches outside "$WHOLE" "${TLS[@]}"
check "lftp, passive" lists inside-a "$SERVER" "ftp:ssl-force on" "ftp:ssl-protect-data on" \
    "ssl:verify-certificate off" "ftp:ssl-allow-anonymous on"
check "each was released" equal "$(tally ftp bypassed)" "$((BYPASSED + 3))"
check "PORT cannot be read and does not work" refused fetches inside-a "$SERVER" "${TLS[@]}" "${PORT[@]}"
check "no door was opened for any" equal "$(tally ftp doors_opened)" "$OPENED"

say "without the gateway"
without ftp
attempt PORT inside-a "$SERVER" "${PORT[@]}"
attempt PASV outside "$WHOLE" "${PASV[@]}"
check "PORT does not work" attempt_fails PORT
check "a server inside, PASV, does not work" attempt_fails PASV
check "EPSV still works" fetches inside-a "$SERVER"
finish
