#!/usr/bin/env bash
# The Debian package on a clean Debian 12: it installs, the unit is sound and starts under
# systemd, packets go through, and `portolan doctor` is right about a machine without huge pages.
#
# The Debian is made by debootstrap once and kept in /var/cache/portolan, with the packages that
# ours depends on; it runs as a container (systemd-nspawn) in the appliance's namespace.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/../_init.sh"

readonly CACHE=/var/cache/portolan FILE=/etc/portolan/portolan.yaml
ROOT=

# clean_debian: unpacks it at ROOT.
clean_debian() {
    local base=$CACHE/bookworm.tar mirror draft log=$PTL_WORK/debootstrap.log
    ROOT=$PTL_WORK/root
    if [[ ! -e $base ]]; then
        mirror=$(sed -nE 's|^(deb( \[[^]]*\])?\|URIs:) +(https?://[^ ]*/debian/?)( .*)?$|\3|p' \
            /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1) || true
        mkdir -p "$CACHE"
        draft=$PTL_WORK/draft
        mkdir "$draft"
        say "debootstrap, once"
        # In memory, which takes a fraction of the time.
        # shellcheck disable=SC2016 # for the inner shell
        attend timeout 100 unshare --mount sh -c 'mount -t tmpfs -o size=1g,mode=755 tmpfs "$1" &&
            debootstrap --variant=minbase --include=systemd,iproute2 bookworm "$1" "$2" && tar -C "$1" -cf "$3" .' \
            - "$draft" "${mirror:-http://deb.debian.org/debian}" "$base.$$" >"$log" 2>&1 || {
            rm -f "$base.$$"
            skip "no Debian 12 by debootstrap within 100 s: $(grep -E '^[EW]:' "$log" | tail -n 1)"
        }
        mv "$base.$$" "$base"
    fi
    mkdir "$ROOT"
    tar -C "$ROOT" -xf "$base"
}

# in_debian COMMAND...: while it is not running, over the network of this machine.
in_debian() {
    attend unshare --mount --pid --fork --mount-proc="$ROOT/proc" env -i PATH="$PATH" LC_ALL=C \
        DEBIAN_FRONTEND=noninteractive chroot "$ROOT" "$@"
}

# install_package: with apt, which finds what it depends on; these stay in the cache.
install_package() {
    local archives=$ROOT/var/cache/apt/archives
    mkdir -p "$CACHE/archives"
    cp "$CACHE"/archives/*.deb "$archives" 2>/dev/null || true
    cp "$PACKAGE" "$ROOT/tmp/portolan.deb"
    cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
    echo force-unsafe-io >"$ROOT/etc/dpkg/dpkg.cfg.d/99fast"
    printf 'Binary::apt::APT::Keep-Downloaded-Packages "true";\n' >"$ROOT/etc/apt/apt.conf.d/99keep"
    # Lists that were kept name versions that the mirror may have replaced.
    apt_install || { in_debian apt-get update && apt_install; } >>"$PTL_WORK/apt.log" 2>&1 || {
        tail -n 5 "$PTL_WORK/apt.log"
        return 1
    }
    cp "$archives"/*.deb "$CACHE/archives/"
}

apt_install() {
    in_debian apt-get install -y --no-install-recommends /tmp/portolan.deb ethtool >>"$PTL_WORK/apt.log" 2>&1
}

# boot: the Debian with its systemd as a container; LEADER is its first process.
boot() {
    spawn "$PTL_WORK/console.log" systemd-nspawn --quiet --directory="$ROOT" --register=no \
        --keep-unit --boot --console=pipe --network-namespace-path="/run/netns/$(ns appliance)" \
        --capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK,CAP_SYS_NICE
    NSPAWN=$SPAWNED
    wait_until 60 running
}

running() {
    LEADER=$(pgrep -P "$NSPAWN" | head -n 1) && [[ -n $LEADER ]] &&
        [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

# inside COMMAND...: in the running Debian.
inside() {
    attend nsenter --target "$LEADER" --mount --uts --ipc --net --pid --root \
        env -i -C / PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

# looking [none] COMMAND...: in the running Debian, with the /sys of its network namespace, which
# a container does not have; none: as on a machine without huge pages.
looking() {
    local prepare='mount -t sysfs sysfs /sys'
    if [[ $1 == none ]]; then
        # shellcheck disable=SC2016
        prepare+=' && for pools in /sys/kernel/mm/hugepages /sys/devices/system/node/node*/hugepages; do
            [ ! -d $pools ] || mount --bind /srv/none $pools; done'
        shift
    fi
    inside unshare --mount sh -c "$prepare && exec \"\$@\"" - "$@"
}

no_pages() {
    local pool=$ROOT/srv/none/hugepages-2048kB file
    mkdir -p "$pool"
    for file in nr_hugepages free_hugepages resv_hugepages surplus_hugepages; do
        echo 0 >"$pool/$file"
    done
}

doctor() { "$@" portolan doctor -c "$FILE" --json >"$PTL_WORK/doctor.json"; }

problems() { jq -c '.[] | select(.status != "ok")' "$PTL_WORK/doctor.json"; }

# says CHECK FILTER: of what doctor found.
says() {
    jq -es --arg check "$1" ".[0] | [.[] | select(.check == \$check)] | $2" "$PTL_WORK/doctor.json" >/dev/null ||
        { problems; return 1; }
}

logged() { grep -q "$1" "$2" || { tail -n 5 "$2"; return 1; }; }

healthy() { doctor looking || { problems; return 1; }; }

is_active() { [[ $(inside systemctl show -P ActiveState portolan) == active ]]; }

exposure() { inside systemd-analyze security --no-pager portolan.service | sed -nE 's/.*exposure level for .*: ([0-9.]+).*/\1/p'; }

valid_for_others() {
    /usr/bin/python3 - "$PTL_ROOT/configs/portolan.schema.json" "$PTL_ROOT"/configs/*.yaml <<'END'
import json, sys, jsonschema, yaml
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
for name in sys.argv[2:]:
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(open(name)))
END
}

begin
need_packages "${PTL_TRAFFIC_PACKAGES[@]}" debootstrap dpkg-dev binutils python3-jsonschema python3-yaml systemd-container
unshare --mount --pid --fork true 2>/dev/null || skip "no namespaces to be had here"
build
PACKAGE=$(attend "$PTL_ROOT/scripts/package" "$PTL_WORK" | tail -n 1)
check "the package is built" test -s "$PACKAGE"
check "another validator finds the schema sound, and all of configs/ valid" valid_for_others
clean_debian
check "it installs on a clean Debian 12" install_package
check "with its file as a conffile" in_debian sh -c "dpkg -s portolan | grep -q '^ $FILE '"
check "which is good" in_debian portolan check -c "$FILE"
check "every file is as it was packed" in_debian dpkg --verify portolan
check "its self-test holds" in_debian sh -c 'portolan selftest >/tmp/report || { cat /tmp/report; false; }'
check "it prints the schema that it installs" in_debian sh -c 'portolan schema | cmp - /usr/share/portolan/portolan.schema.json'
check "the unit is sound" in_debian systemd-analyze verify --man=no portolan.service

topology
reserve_hugepages 512
smoke_config
sed 's|socket: [^,]*|socket: /run/portolan.sock|' "$PTL_CONFIG" >"$ROOT$FILE"
cp "$ROOT$FILE" "$PTL_WORK/good.yaml"
# Machines are looked at as with huge pages, whatever this one has.
sed 's/"--no-huge", "--no-shconf"/"--in-memory"/' "$PTL_WORK/good.yaml" >"$ROOT$FILE"
no_pages
boot || { tail -n 20 "$PTL_WORK/console.log"; skip "systemd does not boot in a container here"; }

status=0
doctor looking none || status=$?
check "without huge pages doctor ends with 1" equal "$status" 1
check "and says that none are reserved, and the command" says "huge pages" \
    '.[0] | .status == "problem" and (.found | test("none")) and (.remedy | test("nr_hugepages"))'
check "all else that the file needs is there" says device 'length == 2 and all(.status == "ok")'
looking none timeout 30 portolan run -c "$FILE" 2>"$PTL_WORK/run.log" || true
check "run says so, too, and names doctor" logged 'huge pages.*portolan doctor' "$PTL_WORK/run.log"

cp "$PTL_WORK/good.yaml" "$ROOT$FILE"
check "with what this machine has, doctor finds no problem" healthy
check "the unit starts, and says when it is ready" inside systemctl start portolan
check "it is active" is_active
check "its control socket is there by then" inside portolan show workers --json >/dev/null
check "packets go through it" pings inside-a 3 "$SERVER"
check "systemctl reload has it read the file again" inside systemctl reload portolan
check "which its journal tells" wait_until 20 inside sh -c 'journalctl -u portolan | grep -q reload'
level=$(exposure)
say "systemd-analyze security: exposure $level"
check "little of the machine is exposed to it" test "${level%.*}" -lt 4
check "a bad file is not tried again" inside sh -c "echo 'nonsense: 1' >$FILE; systemctl restart portolan; \
    [ \"\$(systemctl show -P ActiveState portolan)\" = failed ] && [ \"\$(systemctl show -P NRestarts portolan)\" = 0 ]"
finish
