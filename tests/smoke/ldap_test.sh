#!/usr/bin/env bash
# LDAP with a real server on both of its ports. What is no directory of NetMeeting comes through Portolan as
# the server's own host is told it; who registers as such a directory's user is registered, found
# and called by the outside address.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_gateways.sh
source "$(dirname "$0")/_gateways.sh"

readonly BASE=dc=portolan,dc=example PEOPLE=400 ILS=o=Microsoft

smoke_topology
need_packages ldap-utils slapd socat

# serve_ldap ROLE ADDRESS
serve_ldap() {
    mkdir -p "$PTL_WORK/directory" "$PTL_WORK/ils"
    ils_schema >"$PTL_WORK/ils.schema"
    printf '%s\n' 'include /etc/ldap/schema/core.schema' 'include /etc/ldap/schema/cosine.schema' \
        'include /etc/ldap/schema/inetorgperson.schema' "include $PTL_WORK/ils.schema" \
        'allow bind_v2' 'modulepath /usr/lib/ldap' 'moduleload back_mdb' "pidfile $PTL_WORK/slapd.pid" \
        'database mdb' 'maxsize 67108864' "suffix $BASE" "rootdn cn=admin,$BASE" 'rootpw secret' \
        'sizelimit unlimited' "directory $PTL_WORK/directory" \
        'database mdb' 'maxsize 1048576' "suffix $ILS" "rootdn cn=admin,$ILS" 'rootpw secret' \
        "directory $PTL_WORK/ils" >"$PTL_WORK/slapd.conf"
    spawn "$PTL_WORK/slapd.log" ip netns exec "$(ns "$1")" slapd -d 0 -u root -g root \
        -f "$PTL_WORK/slapd.conf" -h "ldap://$2:389 ldap://$2:1002"
    wait_until 60 listening "$1" tcp "$2:1002" || die "slapd did not start"
}

# ils_schema: the class that NetMeeting registers by, as far as it is needed.
ils_schema() {
    local nth=0 name
    for name in sappid sipaddress sport sttl; do
        printf '%s\n' "attributetype ( 1.3.6.1.4.1.99999.1.$((++nth)) NAME '$name' EQUALITY caseIgnoreMatch" \
            '  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )'
    done
    printf '%s\n' "objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'rtPerson' SUP top STRUCTURAL" \
        '  MUST cn MAY ( sappid $ sipaddress $ sport $ sttl ) )'
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

# tells ldapadd|ldapmodify ROLE PORT [SUFFIX]: what comes on stdin.
tells() {
    cat >"$PTL_WORK/change"
    in_ns "$2" timeout 30 "$1" -x -D "cn=admin,${4:-$BASE}" -w secret -H "ldap://$SERVER:$3" \
        -f "$PTL_WORK/change" >"$PTL_WORK/ldap.log" 2>&1 || { tail -n 3 "$PTL_WORK/ldap.log"; return 1; }
}

moves() {
    printf '%s\n' "dn: cn=person 7,$BASE" 'changetype: modify' 'replace: description' \
        'description: moved to 10.64.0.20' | tells ldapmodify "$@"
}

adds() { entries | tells ldapadd "$@"; }

whole() { (($(grep -c '^cn: person' "$PTL_WORK/answer") == PEOPLE)); }

# number ADDRESS: as NetMeeting has it, the last byte first.
number() {
    local a b c d
    IFS=. read -r a b c d <<<"$1"
    echo $((d << 24 | c << 16 | b << 8 | a))
}

# person NAME ADDRESS PORT: an entry of the directory.
person() {
    printf '%s\n' "dn: cn=$1,$ILS" 'objectClass: rtPerson' "cn: $1" 'sappid: ms-netmeeting' \
        "sipaddress: $(number "$2")" "sport: $3" 'sttl: 10' ''
}

# registers ROLE PORT NAME ADDRESS PORT
registers() { person "$3" "$4" "$5" | tells ldapadd "$1" "$2" "$ILS"; }

# moves_to ROLE PORT NAME ADDRESS PORT: it takes calls there from now on.
moves_to() {
    printf '%s\n' "dn: cn=$3,$ILS" 'changetype: modify' 'replace: sipaddress' "sipaddress: $(number "$4")" \
        - 'replace: sport' "sport: $5" | tells ldapmodify "$1" "$2" "$ILS"
}

# takes_calls PORT: inside-a says something to whoever calls it there.
takes_calls() {
    spawn "$PTL_WORK/calls-$1.log" ip netns exec "$(ns inside-a)" \
        socat "TCP-LISTEN:$1,bind=10.64.0.10,reuseaddr,fork" "SYSTEM:echo ann at $1"
    wait_until 60 listening inside-a tcp "10.64.0.10:$1" || die "socat did not start"
}

# reached ROLE ENTRY PORT: who calls what an entry says hears inside-a.
reached() {
    local number port
    read -r number port <<<"$2"
    local address=$((number & 255)).$((number >> 8 & 255)).$((number >> 16 & 255)).$((number >> 24))
    equal "$(in_ns "$1" timeout 10 socat -u "TCP:$address:$port" - 2>/dev/null)" "ann at $3"
}

# of NAME ROLE PORT: address and port in its entry, as a host reads it.
of() {
    in_ns "$2" timeout 20 ldapsearch -x -LLL -H "ldap://$SERVER:$3" -b "$ILS" \
        "(&(objectClass=rtPerson)(cn=$1))" sipaddress sport 2>"$PTL_WORK/ldap.log" |
        sed -n 's/^sipaddress: //p; s/^sport: //p' | xargs
}

serve_ldap outside "$SERVER"
takes_calls 1720
takes_calls 1503
smoke_config "${STRICT[@]}"
start_portolan
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

say "a directory of NetMeeting"
printf '%s\n' "dn: $ILS" 'objectClass: organization' 'o: Microsoft' >"$PTL_WORK/root"
check "the directory is there" tells ldapadd outside 389 "$ILS" <"$PTL_WORK/root"
for port in 389 1002; do
    check "inside-a registers on port $port" registers inside-a "$port" "ann-$port" 10.64.0.10 1720
    ENTRY=$(of "ann-$port" outside "$port")
    printf '        %s\n' "$ENTRY"
    check "not by its own address" refused grep -q "$(number 10.64.0.10)" <<<"$ENTRY"
    check "the outside calls what it finds" reached outside "$ENTRY" 1720
    check "inside-a reads what it wrote" equal "$(of "ann-$port" inside-a "$port")" "$(number 10.64.0.10) 1720"
    check "inside-b reads what the outside does" equal "$(of "ann-$port" inside-b "$port")" "$ENTRY"
    check "and calls it" reached inside-b "$ENTRY" 1720
    check "inside-a takes its calls elsewhere" moves_to inside-a "$port" "ann-$port" 10.64.0.10 1503
    check "the outside finds it there" reached outside "$(of "ann-$port" outside "$port")" 1503
    check "inside-b, who has an address of its own, registers" \
        registers inside-b "$port" "bob-$port" 10.64.0.20 1720
    check "by that" equal "$(of "bob-$port" outside "$port")" "$(number "$WHOLE") 1720"
done
check "nothing went wrong" equal "$(tally ldap errors)" 0
finish
