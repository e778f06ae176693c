-- What pktgen and portolan.yaml have to agree on, and the ranges that follow from it.
--
--   port 0, inside    source       100.64.0.0 + host,      port 10000 + 0..996
--                     destination  198.19.0.1:20000
--   port 1, outside   source       198.19.0.1:20000
--                     destination  198.18.0.0 + address,   port 1024 + 0..63807
--
-- Host h has outside address h / 64 and there the 997 ports from 1024 + h % 64 * 997
-- (RFC 7422, sequential). With `addresses` outside addresses in use, 64 times as many
-- hosts talk, from 997 ports each: 63808 sessions an address, and no port is left over.
--
-- pktgen steps all fields of a range at once, each in its own circle. They meet in all
-- combinations only if the circles' lengths have no common divisor. 997 is prime; so
-- `addresses` must be odd and no multiple of 997, else most sessions are never opened.
--
-- Arguments come from the environment, since pktgen passes none:
--   PKTGEN_ADDRESSES  outside addresses in use (1; 17 are 1.08 M sessions, 259 are 16.5 M)
--   PKTGEN_OPEN_RATE  rate at which sessions are opened, in percent of the link's (2)
--   PKTGEN_ROUND      packets of a round, see `open` (pktgen's buffers for a queue)
--   PKTGEN_OUT        file for results, one JSON object a line (pktgen.jsonl)

local profile = {
    inside = 0,
    outside = 1,
    hosts_per_address = 64,
    ports_per_host = 997,
    first_port = 1024,
    inside_port = 10000,
    remote = "198.19.0.1",
    remote_port = 20000,
    addresses_most = 1023,
    -- Of Portolan's ports, and of what it takes for its next hops.
    portolan_mac = { [0] = "02:00:00:00:01:01", [1] = "02:00:00:00:01:02" },
    pktgen_mac = { [0] = "02:00:00:00:02:01", [1] = "02:00:00:00:02:02" },
}

local function number(name, default)
    local text = os.getenv(name)
    if text == nil or text == "" then
        return default
    end
    return tonumber(text) or error(name .. "=" .. text .. " is no number")
end

-- 100.64.0.0 and the like, `offset` addresses further.
local function address(first, second, offset)
    return string.format("%d.%d.%d.%d", first, second, offset // 256, offset % 256)
end

profile.addresses = number("PKTGEN_ADDRESSES", 1)
profile.number = number

-- Checks, because a wrong one measures something else without a word.
if profile.addresses % 2 == 0 or profile.addresses % profile.ports_per_host == 0
    or profile.addresses > profile.addresses_most then
    error("PKTGEN_ADDRESSES has to be odd, not 997, and at most " .. profile.addresses_most)
end

-- Sessions with so many outside addresses in use.
function profile.sessions(addresses)
    return addresses * profile.hosts_per_address * profile.ports_per_host
end

local function circle(set, port, low, high, step)
    set(port, "start", low)
    set(port, "min", low)
    set(port, "max", high)
    set(port, "inc", step)
end

local function addresses_of(set, port, low, high)
    circle(set, port, low, high, low == high and "0.0.0.0" or "0.0.0.1")
end

local function ports_of(set, port, low, count)
    circle(set, port, low, low + count - 1, count == 1 and 0 or 1)
end

-- Everything the two directions have in common. A single packet of the same size is
-- set too: pktgen computes the gap between bursts from that one, whatever it sends.
local function common(port, size)
    local name = tostring(port)
    pktgen.set(name, "size", size)
    pktgen.range.set_type(name, "ipv4")
    pktgen.range.ip_proto(name, "udp")
    pktgen.range.src_mac(name, "start", profile.pktgen_mac[port])
    pktgen.range.dst_mac(name, "start", profile.portolan_mac[port])
    circle(pktgen.range.pkt_size, name, size, size, 0)
    circle(pktgen.range.ttl, name, 64, 64, 0)
    return name
end

-- Hosts of the first `addresses` outside addresses, each from all of its ports.
function profile.outbound(addresses, size)
    local name = common(profile.inside, size)
    local hosts = addresses * profile.hosts_per_address
    addresses_of(pktgen.range.src_ip, name, address(100, 64, 0), address(100, 64, hosts - 1))
    ports_of(pktgen.range.src_port, name, profile.inside_port, profile.ports_per_host)
    addresses_of(pktgen.range.dst_ip, name, profile.remote, profile.remote)
    ports_of(pktgen.range.dst_port, name, profile.remote_port, 1)
    pktgen.set_range(name, "on")
end

-- The remote to all ports of these addresses.
function profile.inbound(addresses, size)
    local name = common(profile.outside, size)
    local ports = profile.hosts_per_address * profile.ports_per_host
    addresses_of(pktgen.range.src_ip, name, profile.remote, profile.remote)
    ports_of(pktgen.range.src_port, name, profile.remote_port, 1)
    addresses_of(pktgen.range.dst_ip, name, address(198, 18, 0), address(198, 18, addresses - 1))
    ports_of(pktgen.range.dst_port, name, profile.first_port, ports)
    pktgen.set_range(name, "on")
end

-- Packets that a port has sent and received since pktgen was started. pktgen looks at
-- its ports once a second: what is asked sooner is of the second before.
function profile.counts(port)
    local stats = pktgen.portStats(tostring(port), "port")[port]
    return { sent = stats.opackets, received = stats.ipackets, missed = stats.imissed + stats.rx_nombuf }
end

profile.settle_ms = 2500

-- Waits until both links are up; an error after so many seconds.
function profile.wait_for_links(seconds)
    for _ = 1, seconds do
        local up = 0
        for _, port in ipairs({ profile.inside, profile.outside }) do
            local state = pktgen.linkState(tostring(port))[port]
            if string.find(state, "UP", 1, true) then
                up = up + 1
            end
        end
        if up == 2 then
            return
        end
        pktgen.delay(1000)
    end
    error("the links are not up")
end

-- Sends so many packets, and waits until they are out.
function profile.round(port, packets)
    local name = tostring(port)
    pktgen.set(name, "count", packets)
    pktgen.start(name)
    for _ = 1, 600 do
        pktgen.delay(100)
        if pktgen.isSending(name)[port] ~= "y" then
            pktgen.set(name, "count", 0)
            return
        end
    end
    error("a round of " .. packets .. " packets does not end")
end

-- Opens all sessions of so many outside addresses. pktgen builds the packets of a range
-- when it starts to send, as many as a queue has buffers, and repeats these; so it takes
-- rounds, and every round goes on where the one before stopped.
function profile.open(addresses)
    local name = tostring(profile.inside)
    local packets = profile.number("PKTGEN_ROUND", pktgen.info.maxMbufsPerPort)
    profile.outbound(addresses, 64)
    pktgen.set(name, "rate", profile.number("PKTGEN_OPEN_RATE", 2))
    for _ = 1, -(-profile.sessions(addresses) // packets) do
        profile.round(profile.inside, packets)
    end
    pktgen.delay(profile.settle_ms)
end

local out

-- Writes fields, in the order of `names`, as one line of JSON, and says it.
function profile.record(names, fields)
    local parts = {}
    for _, name in ipairs(names) do
        local value = fields[name]
        local shown = type(value) == "string" and string.format("%q", value) or tostring(value)
        parts[#parts + 1] = string.format("%q: %s", name, shown)
    end
    out = out or assert(io.open(os.getenv("PKTGEN_OUT") or "pktgen.jsonl", "a"))
    out:write("{", table.concat(parts, ", "), "}\n")
    out:flush()
end

-- The highest rate, in percent from PKTGEN_RATE down, that `trial` calls fine, by halving;
-- 0 if there is none. `trial` answers that, and what the rate comes to in packets a second.
function profile.search(name, size, trials, trial)
    local low, high, best = 0, number("PKTGEN_RATE", 100), 0
    local rate = high
    for _ = 1, trials do
        local fine, pps = trial(rate)
        if fine then
            low, best = rate, pps
        else
            high = rate
        end
        if low == high then
            break
        end
        rate = (low + high) / 2
    end
    profile.record({ "script", "size", "rate", "pps", "sessions" }, {
        script = name,
        size = size,
        rate = low,
        pps = best,
        sessions = profile.sessions(profile.addresses),
    })
end

-- Runs `script`; whatever becomes of it, traffic stops and pktgen ends.
function profile.campaign(name, script)
    pktgen.screen("off")
    local fine, why = pcall(script)
    pktgen.stop("all")
    pktgen.delay(profile.settle_ms)
    if not fine then
        profile.record({ "script", "error" }, { script = name, error = tostring(why) })
    end
    pktgen.quit()
end

return profile
