#!/usr/bin/env bash
# A large download over a line that loses one frame in a hundred and delivers
# others out of order arrives intact. SMOKE_DOWNLOAD_MB (100), up to 1024.
# shellcheck source=tests/smoke/_init.sh
source "$(dirname "$0")/_init.sh"

smoke_topology
lossy_line
smoke_config
start_portolan
megabytes=${SMOKE_DOWNLOAD_MB:-100}
make_download "$megabytes"
serve_web outside "$SERVER" 80 "$PTL_WORK/www"

check "$megabytes MB arrive intact over a bad line" \
    downloads inside-a "http://$SERVER/big.bin" "$((150 + megabytes))"
check "the line did lose frames" line_was_bad
check "the server saw an address of the pool" matches "$(last_client outside)" '^203\.0\.113\.'
finish
