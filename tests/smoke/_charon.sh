# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for those who source it
# strongSwan in namespaces, over _init.sh: one charon in each, with a /run of its own. ESP is
# strongSwan's own (kernel-libipsec), by a tunnel device: not every kernel has it.

readonly GATEWAY_NET=10.99.0.0/24

# charon ROLE [SETTING]...: starts one.
charon() {
    local role=$1 dir=$PTL_WORK/charon-$1
    shift
    mkdir -p "$dir"
    cat >"$dir/strongswan.conf" <<CONF
charon {
  load = random nonce openssl gmp hmac sha1 sha2 aes kdf pem x509 pkcs1 pubkey constraints kernel-libipsec kernel-netlink socket-default vici updown
  install_virtual_ip = no
  plugins { vici { socket = unix://$dir/vici } }
  filelog { log { path = $dir/log
    default = 1 } }
  $*
}
CONF
    spawn "$dir/out" ip netns exec "$(ns "$role")" unshare -m bash -c \
        "mount -t tmpfs tmpfs /run && STRONGSWAN_CONF=$dir/strongswan.conf exec /usr/lib/ipsec/charon"
    wait_until 60 test -S "$dir/vici" || return 1
}

# swan ROLE WORD...: swanctl of that one.
swan() {
    local role=$1 dir=$PTL_WORK/charon-$1
    shift
    in_ns "$role" timeout 20 env STRONGSWAN_CONF="$dir/strongswan.conf" swanctl "$@" --uri "unix://$dir/vici"
}

# connection ROLE LOCAL REMOTE ID OTHER LOCAL-NET REMOTE-NET [MORE]
connection() {
    local role=$1 file=$PTL_WORK/charon-$1/swanctl.conf
    cat >"$file" <<CONF
connections {
  peer {
    version = 2
    local_addrs = $2
    remote_addrs = $3
    proposals = aes128-sha256-modp2048
    ${8:-}
    local { auth = psk
      id = $4 }
    remote { auth = psk
      id = $5 }
    children { net { local_ts = $6
      remote_ts = $7
      esp_proposals = aes128-sha256 } }
  }
}
secrets { ike { secret = "between hosts" } }
CONF
    swan "$role" --load-all --file "$file" >"$PTL_WORK/charon-$role/load" 2>&1
}
