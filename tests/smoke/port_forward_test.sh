#!/usr/bin/env bash
# A static mapping lets the outside in, on that port and no other.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_start
serve_hello
make_download 20
cp "$PTL_WORK/www/big.bin" "$PTL_WORK/inside/"

not_let_in() { ! in_ns outside curl -s --max-time 3 -o "$PTL_WORK/hello" "http://$1/hello.txt"; }

# The mapping stands in `show mappings` whether used or not.
shown_as_static() {
    portolan show mappings --json |
        jq -e 'any(.[]; .kind == "static" and .outside == "203.0.113.13:80" and .inside == "10.64.0.20:8080")' >/dev/null
}

check "the outside reaches inside-b by the outside address" says_hello outside "http://$FORWARD/hello.txt"
check "inside-b sees the outside host as it is" equal "$(last_client inside-b)" 198.51.100.254
check "20 MB from inside to outside arrive intact" downloads outside "http://$FORWARD/big.bin"
check "another port of that address is shut" not_let_in "$FORWARD:8080"
check "another address of the pool is shut" not_let_in "203.0.113.5:80"
check "the mapping is shown as static" shown_as_static
finish
