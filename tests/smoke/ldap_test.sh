#!/usr/bin/env bash
# LDAP that is no directory of NetMeeting, with a real server on both of its ports: what comes through
# Portolan is what the server's own host is told.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly BASE=dc=portolan,dc=example PEOPLE=400

smoke_topology
need_packages ldap-utils slapd
smoke_config "${STRICT[@]}"
start_portolan

# serve_ldap ROLE ADDRESS
serve_ldap() {
    mkdir -p "$PTL_WORK/directory"
    printf '%s\n' 'include /etc/ldap/schema/core.schema' 'include /etc/ldap/schema/cosine.schema' \
        'include /etc/ldap/schema/inetorgperson.schema' \
        'allow bind_v2' 'modulepath /usr/lib/ldap' 'moduleload back_mdb' "pidfile $PTL_WORK/slapd.pid" \
        'database mdb' 'maxsize 67108864' "suffix $BASE" "rootdn cn=admin,$BASE" 'rootpw secret' \
        'sizelimit unlimited' "directory $PTL_WORK/directory" >"$PTL_WORK/slapd.conf"
    spawn "$PTL_WORK/slapd.log" ip netns exec "$(ns "$1")" slapd -d 0 -u root -g root \
        -f "$PTL_WORK/slapd.conf" -h "ldap://$2:389 ldap://$2:1002"
    wait_until 60 listening "$1" tcp "$2:1002" || die "slapd did not start"
}

# entries: people with inside addresses in what they say, and a picture that takes many segments.
entries() {
    printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: portolan\no: Portolan\n\n' "$BASE"
    local number
    for ((number = 0; number < PEOPLE; number++)); do
        printf '%s\n' "dn: cn=person $number,$BASE" 'objectClass: inetOrgPerson' "cn: person $number" \
            "sn: number $number" "description: sits at 10.64.0.10, as number 167788554" \
            "mail: $number@10.64.0.10" ''
    done
    printf 'dn: cn=picture,%s\nobjectClass: inetOrgPerson\ncn: picture\nsn: picture\njpegPhoto:: %s\n' \
        "$BASE" "$(head -c 512K /dev/urandom | base64 -w 0)"
}

# asks ROLE PORT [ARGUMENT]...: the checksum of everything that is in the directory.
asks() {
    local role=$1 port=$2
    shift 2
    in_ns "$role" timeout 20 ldapsearch -x -LLL -H "ldap://$SERVER:$port" -b "$BASE" "$@" \
        >"$PTL_WORK/answer" 2>"$PTL_WORK/ldap.log" || { tail -n 3 "$PTL_WORK/ldap.log"; return 1; }
    sha256sum <"$PTL_WORK/answer"
}

# tells ldapadd|ldapmodify ROLE PORT: what comes on stdin.
tells() {
    cat >"$PTL_WORK/change"
    in_ns "$2" timeout 30 "$1" -x -D "cn=admin,$BASE" -w secret -H "ldap://$SERVER:$3" \
        -f "$PTL_WORK/change" >"$PTL_WORK/ldap.log" 2>&1 || { tail -n 3 "$PTL_WORK/ldap.log"; return 1; }
}

moves() {
    printf '%s\n' "dn: cn=person 7,$BASE" 'changetype: modify' 'replace: description' \
        'description: moved to 10.64.0.20' | tells ldapmodify "$@"
}

adds() { entries | tells ldapadd "$@"; }

whole() { (($(grep -c '^cn: person' "$PTL_WORK/answer") == PEOPLE)); }

serve_ldap outside "$SERVER"
check "inside-a fills the directory on port 389" adds inside-a 389
check "inside-b changes it on port 1002" moves inside-b 1002
TRUE=$(asks outside 389)
check "everything is there" whole
check "the change is there" grep -q 'moved to 10.64.0.20' "$PTL_WORK/answer"
for port in 389 1002; do
    for host in inside-a inside-b; do
        check "$host reads the same on port $port" equal "$(asks "$host" "$port")" "$TRUE"
    done
    check "with version 2 of the protocol on port $port" equal \
        "$(asks inside-a "$port" -P 2)" "$TRUE"
    check "in pages on port $port" equal "$(asks inside-a "$port" -E pr=50/noprompt)" \
        "$(asks outside "$port" -E pr=50/noprompt)"
done
finish
