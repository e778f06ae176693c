#!/usr/bin/env bash
# What is not the protocol on gateways' ports: web servers on those of FTP, names, RTSP and SIP, in
# clear and in TLS, servers that speak first, and random bytes. All of it arrives, and is counted.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly OTHERS=$PTL_ROOT/tests/smoke/_others.py
declare -A GATEWAYS=([21]=ftp [53]=dns [512]=rcmd [514]=rcmd [554]=rtsp [5060]=sip)

smoke_topology
need_packages openssl
smoke_config "${STRICT[@]}"
start_portolan
make_download 1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=portolan.example \
    -keyout "$PTL_WORK/tls.pem" -out "$PTL_WORK/tls.crt" 2>/dev/null
cat "$PTL_WORK/tls.crt" >>"$PTL_WORK/tls.pem"

# serve KIND: on all ports of gateways.
serve() {
    spawn "$PTL_WORK/$1.log" ip netns exec "$(ns outside)" \
        /usr/bin/python3 "$OTHERS" serve "$1" "$SERVER" "$PTL_WORK" "${!GATEWAYS[@]}"
    SERVING=$SPAWNED
    wait_until 60 grep -q ready "$PTL_WORK/$1.log" || die "no server: $1"
}

# counts GATEWAY COMMAND...: it succeeds, and the gateway has let go of one session more or more.
counts() {
    local gateway=$1 before
    before=$(tally "$gateway" bypassed)
    shift
    "$@" || return 1
    # Workers tell what they have counted a moment later.
    wait_until 60 let_go "$gateway" $((before + 1))
}
let_go() { at_least "$(tally "$1" bypassed)" "$2" >/dev/null; }

# gets_twice URL: two requests in one connection.
gets_twice() {
    in_ns inside-a curl -sS --insecure --max-time 20 -w '%{num_connects} ' -o "$PTL_WORK/first" "$1" \
        -o "$PTL_WORK/second" "$1" >"$PTL_WORK/connects" 2>"$PTL_WORK/curl.log" || { cat "$PTL_WORK/curl.log"; return 1; }
    equal "$(<"$PTL_WORK/connects")" "1 0 " && equal "$(sha256sum <"$PTL_WORK/first")" "$SUM" &&
        equal "$(sha256sum <"$PTL_WORK/second")" "$SUM"
}

# echoes KIND PORT: random bytes go there and come back.
echoes() { in_ns inside-a timeout 30 /usr/bin/python3 "$OTHERS" "$1" "$SERVER" "$2"; }

for kind in web tls first; do
    serve "$kind"
    for port in "${!GATEWAYS[@]}"; do
        gateway=${GATEWAYS[$port]}
        case $kind in
            web) check "HTTP on $port" counts "$gateway" gets_twice "http://$SERVER:$port/big.bin" ;;
            tls) check "HTTP over TLS on $port" counts "$gateway" gets_twice "https://$SERVER:$port/big.bin" ;;
            first) check "a server that speaks first on $port" counts "$gateway" echoes stream "$port" ;;
        esac
    done
    stop "$SERVING"
done
serve echo
for port in 53 69 5060; do
    gateway=${GATEWAYS[$port]:-tftp}
    check "random datagrams on $port" counts "$gateway" echoes datagrams "$port"
done
check "no door was opened" no_doors
check "nothing was held for long" equal "$(counter alg.unread)" 0
finish
