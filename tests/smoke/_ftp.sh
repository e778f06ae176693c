# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for those who source it
# What the tests with FTP servers share, over _gateways.sh: a file, and clients that fetch and send it.

readonly TRANSFERS=20
readonly ACTIVE=(--ftp-port -)
readonly PORT=("${ACTIVE[@]}" --disable-eprt)
# The address in a 227 reply is believed.
readonly PASV=(--disable-epsv --no-ftp-skip-pasv-ip)

# make_files OWNER: $PTL_WORK/files with big.bin, its checksum in SUM, and in/, where the owner may write.
make_files() {
    mkdir -p "$PTL_WORK/files/in"
    head -c 10M /dev/urandom >"$PTL_WORK/files/big.bin"
    SUM=$(sha256sum <"$PTL_WORK/files/big.bin")
    chown "$1" "$PTL_WORK/files/in"
}

# fetches ROLE HOST [CURL ARGUMENT]...: the file arrives intact. Several may do so at once.
fetches() {
    local role=$1 host=$2 got=$PTL_WORK/got-$BASHPID.bin
    shift 2
    rm -f "$got"
    in_ns "$role" curl -sS --connect-timeout 8 --max-time 60 "$@" -o "$got" "ftp://$host/big.bin" \
        2>"$PTL_WORK/curl.log" || return 1
    equal "$(sha256sum <"$got")" "$SUM"
}

# lists ROLE HOST [LFTP SETTING]...: lftp sees the file, then fetches it.
lists() {
    local role=$1 host=$2 settings='set net:max-retries 1; set net:timeout 8; set dns:order inet;' setting
    shift 2
    for setting in "$@"; do
        settings+=" set $setting;"
    done
    rm -f "$PTL_WORK/got.bin"
    in_ns "$role" timeout 60 lftp -c "$settings open ftp://$host; cls; get big.bin -o $PTL_WORK/got.bin" \
        >"$PTL_WORK/lftp.log" 2>&1 || return 1
    grep -q big.bin "$PTL_WORK/lftp.log" && equal "$(sha256sum <"$PTL_WORK/got.bin")" "$SUM"
}

# fetch_many ROLE HOST [CURL ARGUMENT]...: TRANSFERS at a time, all intact.
fetch_many() {
    local role=$1 host=$2
    shift 2
    # shellcheck disable=SC2016 # for the shells inside
    in_ns "$role" bash -c 'seq "$1" | xargs -P "$1" -I@ sh -c "curl -sS --max-time 150 $3 ftp://$2/big.bin | sha256sum" |
        sort | uniq -c' - "$TRANSFERS" "$host" "$*" >"$PTL_WORK/sums" 2>"$PTL_WORK/curl.log"
    equal "$(xargs <"$PTL_WORK/sums")" "$TRANSFERS $(xargs <<<"$SUM")"
}

# attempt NAME ROLE HOST [CURL ARGUMENT]...: begins to fetch what must not arrive; to give up takes
# long, and all may do so at once.
declare -A ATTEMPTS=()
attempt() {
    local name=$1
    shift
    fetches "$@" &
    ATTEMPTS[$name]=$!
}

# attempt_fails NAME: it ended, and in vain.
attempt_fails() { ! wait "${ATTEMPTS[$1]}"; }

# sends ROLE HOST [CURL ARGUMENT]...: an upload arrives intact.
sends() {
    local role=$1 host=$2 name
    shift 2
    name=up-$SECONDS-$RANDOM.bin
    in_ns "$role" curl -sS --connect-timeout 8 --max-time 60 "$@" -T "$PTL_WORK/files/big.bin" "ftp://$host/in/$name" \
        2>"$PTL_WORK/curl.log" || return 1
    equal "$(sha256sum <"$PTL_WORK/files/in/$name")" "$SUM"
}
