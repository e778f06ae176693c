# shellcheck shell=bash
# What the smoke tests of application gateways share, over _init.sh: nobody comes in who was
# not written to or announced, and inside-b has an outside address of its own.

readonly WHOLE=203.0.113.14
readonly STRICT=(
    's/filtering: address-dependent/filtering: address-and-port-dependent/'
    "s/^  static:/  static:\n    - { inside: 10.64.0.20, outside: $WHOLE }/"
)

# again [SED EXPRESSION]...: Portolan anew, with the quickstart file after STRICT and these edits.
again() {
    stop "$PORTOLAN_PID"
    smoke_config "${STRICT[@]}" "$@"
    start_portolan
}

# without GATEWAY [SED EXPRESSION]...: the same with a gateway switched off.
without() {
    local gateway=$1
    shift
    again "$@" "\$ a alg: { $gateway: off }"
}

# refused COMMAND...: it fails.
refused() { ! "$@"; }

# tally GATEWAY KEY: what `show alg` says; workers tell what they have counted a moment later.
tally() {
    sleep 0.2
    portolan show alg --json | jq --arg alg "$1" --arg key "$2" '.[] | select(.alg == $alg) | .[$key]'
}

# no_doors: all doors that were opened have been used or shut.
no_doors() { portolan show doors --json | jq -e 'length == 0' >/dev/null; }

# at_least NUMBER NUMBER
at_least() { (($1 >= $2)) || { printf '        got %s, want at least %s\n' "$1" "$2"; return 1; }; }
