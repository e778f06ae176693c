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
local FIELDS = { "script", "size", "rate", "seconds", "sent_out", "lost_out", "sent_in", "lost_in" }

local function send(size)
    if size == "file" then
        pktgen.pcap("all", "on")
    else
        profile.outbound(profile.addresses, tonumber(size))
        profile.inbound(profile.addresses, tonumber(size))
    end
end

-- Packets of one direction between two looks at the ports: sent at one, lost on the way
-- to the other.
local function carried(before, after, from, to)
    local sent = after[from].sent - before[from].sent
    return sent, sent - (after[to].received - before[to].received)
end

local function look()
    return { [0] = profile.counts(0), [1] = profile.counts(1) }
end

-- One trial at `rate` percent; records it and answers whether each direction lost little
-- enough, and how many packets a second were sent.
local function trial(size, rate)
    pktgen.set("all", "rate", rate)
    local before = look()
    pktgen.start("all")
    pktgen.delay(SECONDS * 1000)
    pktgen.stop("all")
    pktgen.delay(profile.settle_ms)
    local after = look()
    local sent_out, lost_out = carried(before, after, profile.inside, profile.outside)
    local sent_in, lost_in = carried(before, after, profile.outside, profile.inside)
    profile.record(FIELDS, {
        script = "trial",
        size = size,
        rate = rate,
        seconds = SECONDS,
        sent_out = sent_out,
        lost_out = lost_out,
        sent_in = sent_in,
        lost_in = lost_in,
    })
    -- More received than sent is no success either: somebody else is talking.
    local fine = sent_out > 0 and sent_in > 0
        and math.abs(lost_out) <= LOSS * sent_out
        and math.abs(lost_in) <= LOSS * sent_in
    return fine, (sent_out + sent_in) // SECONDS
end

local function throughput()
    profile.wait_for_links(30)
    profile.open(profile.addresses)
    local sizes = os.getenv("PKTGEN_SIZES") or "64 128 256 512 1024 1280 1518"
    for size in string.gmatch(sizes, "%S+") do
        send(size)
        profile.search("throughput", size, TRIALS, function(rate)
            return trial(size, rate)
        end)
    end
end

profile.campaign("throughput", throughput)
