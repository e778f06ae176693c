-- Opens sessions step by step: evenly spread numbers of outside addresses, up to
-- PKTGEN_ADDRESSES. Each step sends every session's packet, of the old ones too.
--
--   pktgen ... -- -P -m "..." -f perf/pktgen/ramp.lua      (from the root of the tree)
--
-- `sent` and `arrived` say whether any were lost. The rate here is bounded by pktgen,
-- which builds its packets between rounds: how fast Portolan opens sessions is what its
-- own counters say while a round lasts, and what perf/load measures.
--
--   PKTGEN_STEPS   how many steps (4)

package.path = "perf/pktgen/?.lua;" .. package.path
local profile = require("profile")

local function odd(value)
    return value // 2 * 2 + 1
end

local function step(addresses)
    local before, behind = profile.counts(profile.inside), profile.counts(profile.outside)
    profile.open(addresses)
    local after, arrived = profile.counts(profile.inside), profile.counts(profile.outside)
    profile.record({ "script", "addresses", "sessions", "sent", "arrived" }, {
        script = "ramp",
        addresses = addresses,
        sessions = profile.sessions(addresses),
        sent = after.sent - before.sent,
        arrived = arrived.received - behind.received,
    })
end

local function ramp()
    local steps, known = profile.number("PKTGEN_STEPS", 4), 0
    profile.wait_for_links(30)
    for number = 1, steps do
        local addresses = math.min(odd(profile.addresses * number // steps), profile.addresses)
        if addresses > known then
            known = addresses
            step(addresses)
        end
    end
end

profile.campaign("ramp", ramp)
