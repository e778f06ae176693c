#!/usr/bin/env bash
# libreswan: two clients behind Portolan agree on keys with one gateway, by IKEv1 and IKEv2, first
# from a port of the pool, then with port 500 kept for both at once. It leaves ESP to the kernel, and
# not every kernel has it: what is shown ends with IKE, payload is strongSwan's part.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

readonly -A ADDRESS=([outside]=$SERVER [inside-a]=10.64.0.10 [inside-b]=10.64.0.20)
# Both share one address.
readonly ONE='s|prefixes: \[203.0.113.0/28\]|prefixes: [203.0.113.1/32]|' NO_STATICS='/^  static:/,/^$/d'

# pluto ROLE: starts one, with a connection `ikev1` and one `ikev2`.
pluto() {
    local role=$1 dir=$PTL_WORK/pluto-$1 version peer
    mkdir -p "$dir/nss" "$dir/run"
    certutil -N -d "sql:$dir/nss" --empty-password
    printf ': PSK "between hosts of ours"\n' >"$dir/secrets"
    chmod 600 "$dir/secrets"
    peer=("right=$SERVER" rightid=@gateway)
    [[ $role != outside ]] || peer=(leftid=@gateway right=%any)
    {
        printf 'config setup\n    ikev1-policy=accept\n'
        for version in no insist; do
            printf 'conn %s\n' "$([[ $version == no ]] && echo ikev1 || echo ikev2)"
            printf '    %s\n' "ikev2=$version" authby=secret "ike=aes128-sha1;modp2048" \
                "left=${ADDRESS[$role]}" "${peer[@]}" auto=add
        done
    } >"$dir/ipsec.conf"
    spawn "$dir/out" ip netns exec "$(ns "$role")" /usr/libexec/ipsec/pluto --nofork --no-dnssec \
        --config "$dir/ipsec.conf" --nssdir "$dir/nss" --rundir "$dir/run" --secretsfile "$dir/secrets" \
        --logfile "$dir/log"
    wait_until 60 grep -qs "loading secrets" "$dir/log" || die "pluto of $role did not start: $(tail -n 1 "$dir/out")"
}

tells() { in_ns "$1" timeout 10 /usr/libexec/ipsec/whack --ctlsocket "$PTL_WORK/pluto-$1/run/pluto.ctl" "${@:2}" >>"$PTL_WORK/told" 2>&1; }

# agreed: how often the gateway has agreed on keys with anybody.
agreed() { grep -c 'IKE SA established\|established IKE SA' "$PTL_WORK/pluto-outside/log" || true; }
more_agreed() { (($(agreed) > $1)); }

# agrees ROLE CONNECTION
agrees() {
    local before
    before=$(agreed)
    tells "$1" --asynchronous --initiate --name "$2" || true
    wait_until 60 more_agreed "$before" || { tail -n 20 "$PTL_WORK/pluto-$1/log" "$PTL_WORK/pluto-outside/log"; return 1; }
}

# ends CONNECTION: whatever both clients and the gateway know of each other by it.
ends() {
    local role
    for role in inside-a inside-b outside; do
        tells "$role" --terminate --name "$1" || true
    done
}

shown() { portolan show ipsec --json | tee "$PTL_WORK/shown" | jq -e "$1" >/dev/null || { cat "$PTL_WORK/shown"; return 1; }; }
kept() { portolan show translations --json | jq -e '[.[] | select(.outside == "203.0.113.1:500")] | length >= 2' >/dev/null; }

smoke_topology
if [[ -n $(missing_packages libreswan) ]]; then
    (need_packages libreswan) || skip "libreswan cannot be installed here"
fi
for role in outside inside-a inside-b; do
    pluto "$role"
done

for port in pool kept; do
    say "port 500: $port"
    edits=("$ONE" "$NO_STATICS")
    # shellcheck disable=SC2016 # a sed expression
    [[ $port == pool ]] || edits+=('$ a alg: { ike: { preserve_port: [10.64.0.0/16] } }')
    smoke_config "${edits[@]}"
    start_portolan
    for version in 1 2; do
        check "client a agrees by IKEv$version" agrees inside-a "ikev$version"
        check "client b agrees by IKEv$version" agrees inside-b "ikev$version"
        check "both are shown, and that there is a NAT between" shown \
            "map(select(.ike == $version)) | length == 2 and all(.nat_detection == \"differs\" and .nat_traversal == [true, true])"
        [[ $port == pool ]] || check "both have port 500 outside" kept
        ends "ikev$version"
    done
    stop "$PORTOLAN_PID"
done
finish
