-- Maximum connection establishment rate (RFC 9693): the highest rate at which every packet
-- of a file, each of a new session, gets through, by halving. A trial counts only if all
-- sessions are there afterwards: then the outside answers each of them, at half the rate,
-- and all answers arrive (the validated rate).
--
--   perf/pktgen/pcaps.py DIR --sizes 64 --addresses 17 --packets 1084736
--   PKTGEN_ADDRESSES=17 PKTGEN_CLEAR="ssh NAT portolan clear translations" pktgen ... \
--       -- -P -m "..." -s 0:DIR/inside.pcap -s 1:DIR/outside.pcap -f perf/pktgen/establish.lua
--
-- The files need all sessions of PKTGEN_ADDRESSES, as above, and one queue a port, else
-- not every packet is sent once.
--
--   PKTGEN_CLEAR     command that empties Portolan's table, before each trial
--   PKTGEN_RATE      rate to begin with, in percent of the link's (100)
--   PKTGEN_TRIALS    trials (10: to a thousandth of PKTGEN_RATE)

package.path = "perf/pktgen/?.lua;" .. package.path
local profile = require("profile")

local SESSIONS = profile.sessions(profile.addresses)
local FIELDS = { "script", "rate", "nominal_pps", "sessions", "opened", "answered" }

-- Sends every packet of a port's file once; answers how many came out at the other port.
local function pass(from, to, rate)
    local before = profile.counts(to).received
    local name = tostring(from)
    pktgen.set(name, "rate", rate)
    profile.round(from, SESSIONS)
    pktgen.delay(profile.settle_ms)
    return profile.counts(to).received - before
end

local function nominal_pps()
    return pktgen.portInfo("0")[0].info.tx_debug.tx_pps
end

-- One trial at `rate` percent; records it and answers whether all sessions came to be.
local function trial(rate)
    local clear = os.getenv("PKTGEN_CLEAR")
    assert(clear, "PKTGEN_CLEAR is missing: how to empty Portolan's table")
    assert(os.execute(clear), "PKTGEN_CLEAR failed: " .. clear)
    local opened = pass(profile.inside, profile.outside, rate)
    local pps = nominal_pps()
    local answered = pass(profile.outside, profile.inside, rate / 2)
    profile.record(FIELDS, {
        script = "trial",
        rate = rate,
        nominal_pps = pps,
        sessions = SESSIONS,
        opened = opened,
        answered = answered,
    })
    return opened == SESSIONS and answered == SESSIONS, pps
end

local function establish()
    profile.wait_for_links(30)
    pktgen.pcap("all", "on")
    profile.search("establish", "file", profile.number("PKTGEN_TRIALS", 10), trial)
end

profile.campaign("establish", establish)
