-- Throughput of known sessions, both directions at once (RFC 2544 section 26.1): for each
-- frame size the highest rate at which no more than PKTGEN_LOSS of the packets are lost,
-- by halving.
--
--   pktgen ... -- -P -m "..." -f perf/pktgen/throughput.lua
--   pktgen ... -- -P -m "..." -s 0:DIR/inside.pcap -s 1:DIR/outside.pcap -f ...
--
-- All sessions are opened first. Then each direction sends a range: as many different
-- packets as a queue has buffers. More, in random order, and mixed sizes need the files of
-- pcaps.py: size `file` sends these.
--
--   PKTGEN_SIZES     frame sizes with FCS, or `file`  ("64 128 256 512 1024 1280 1518")
--   PKTGEN_SECONDS   length of a trial (60)
--   PKTGEN_RATE      rate to begin with, in percent of the link's (100)
--   PKTGEN_TRIALS    trials for each size (10: to a thousandth of PKTGEN_RATE)
--   PKTGEN_LOSS      fraction of packets that may be lost (0)

package.path = "perf/pktgen/?.lua;" .. package.path
local profile = require("profile")

local SECONDS = profile.number("PKTGEN_SECONDS", 60)
local TRIALS = profile.number("PKTGEN_TRIALS", 10)
local LOSS = profile.number("PKTGEN_LOSS", 0)
local FIELDS = { "script", "size", "rate", "seconds", "sent", "received", "outbound", "inbound" }

local function send(size)
    if size == "file" then
        pktgen.pcap("all", "on")
    else
        profile.outbound(profile.addresses, tonumber(size))
        profile.inbound(profile.addresses, tonumber(size))
    end
end

-- One trial at `rate` percent; records it and answers whether it lost little enough.
local function trial(size, rate)
    pktgen.set("all", "rate", rate)
    local inside, outside = profile.counts(profile.inside), profile.counts(profile.outside)
    pktgen.start("all")
    pktgen.delay(SECONDS * 1000)
    pktgen.stop("all")
    pktgen.delay(profile.settle_ms)
    local inside_now, outside_now = profile.counts(profile.inside), profile.counts(profile.outside)
    local outbound = outside_now.received - outside.received
    local inbound = inside_now.received - inside.received
    local sent = inside_now.sent - inside.sent + outside_now.sent - outside.sent
    profile.record(FIELDS, {
        script = "trial",
        size = size,
        rate = rate,
        seconds = SECONDS,
        sent = sent,
        received = outbound + inbound,
        outbound = outbound,
        inbound = inbound,
    })
    return sent > 0 and sent - outbound - inbound <= LOSS * sent, sent
end

local function search(size)
    local low, high = 0, profile.number("PKTGEN_RATE", 100)
    local rate, packets = high, 0
    send(size)
    for _ = 1, TRIALS do
        local fine, sent = trial(size, rate)
        if fine then
            low, packets = rate, sent
        else
            high = rate
        end
        if low == high then
            break
        end
        rate = (low + high) / 2
    end
    profile.record({ "script", "size", "rate", "pps", "sessions" }, {
        script = "throughput",
        size = size,
        rate = low,
        pps = packets // SECONDS,
        sessions = profile.sessions(profile.addresses),
    })
end

local function throughput()
    profile.wait_for_links(30)
    profile.open(profile.addresses)
    local sizes = os.getenv("PKTGEN_SIZES") or "64 128 256 512 1024 1280 1518"
    for size in string.gmatch(sizes, "%S+") do
        search(size)
    end
end

profile.campaign("throughput", throughput)
