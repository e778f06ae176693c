"""The measurements of perf/run, which prepares the machine and calls this.

Two net_pcap ports with infinite_rx=1 feed one lcore as fast as memory allows;
testpmd (macswap) and Portolan take turns on the same two files.

How return traffic is known beforehand: the pool has exactly as many ports as
there are sessions, and every session has the same remote endpoint. Ports are
given out by chance, but once all sessions exist all ports are in use, so the
packets from that remote to every port of the pool are just the return traffic.
"""

import argparse
import array
import json
import os
import pathlib
import random
import re
import resource
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = {"1k": 1 << 10, "64k": 1 << 16, "256k": 1 << 18, "512k": 1 << 19, "1M": 1 << 20}
PARTS = ("forward", "static", "setup", "memory")
BLOCK = 512
# Buffers of DPDK besides those that net_pcap keeps.
SPARE = 1 << 15
BUFFER = 2048 + 448
REMOTE = (0xC6336402, 53053)  # 198.51.100.2; not DNS, whose timeout is short
INSIDE_MAC = bytes.fromhex("020000000101")
OUTSIDE_MAC = bytes.fromhex("020000000102")
INSIDE_NET = 0x64400000  # 100.64.0.0/10
OUTSIDE_NET = 0xCB007100  # 203.0.113.0
# VPP nat44-ed on this source, random order, Mpps (docs of the goals, G5).
VPP = {"1k": 17.3, "64k": 4.7, "1M": 3.0}
FULL_SHARE = 0.97


class Failed(Exception):
    """A measurement that cannot be had, and why."""


# --- traffic ---------------------------------------------------------------


class Shape:
    """Endpoints of `sessions` sessions, `remotes` under each mapping."""

    def __init__(self, sessions, remotes=1, filtering="address-dependent"):
        self.sessions = sessions
        self.filtering = filtering
        self.remotes = remotes
        self.mappings = sessions // remotes
        # As few addresses as hold the ports, each with at most 64 blocks.
        self.addresses = max(1, self.mappings // (64 * BLOCK))
        self.ports = self.mappings // self.addresses
        self.hosts = self.mappings // BLOCK

    def inside(self, number):
        """Inside endpoint of a mapping; hosts spread over a /16 each 64 k."""
        return INSIDE_NET + 256 + number // BLOCK, 10_000 + number % BLOCK

    def outside(self, number):
        """Outside endpoint number so many of the pool."""
        return OUTSIDE_NET + number // self.ports, 1024 + number % self.ports

    def remote(self, number):
        return REMOTE[0] + number, REMOTE[1]

    def flows(self, inbound):
        """All (source, source port, destination, destination port)."""
        local = self.outside if inbound else self.inside
        for remote in range(self.remotes):
            far = self.remote(remote)
            for number in range(self.mappings):
                near = local(number)
                yield far + near if inbound else near + far


def write_pcap(path, mac, flows, seed):
    """UDP in frames of 60 bytes (64 with FCS), right checksums, random order."""
    payload = bytes(18)
    udp_len = 8 + len(payload)
    total = 20 + udp_len
    ethernet = mac + bytes.fromhex("0200000001fe") + b"\x08\x00"
    record = struct.pack("<IIII", 0, 0, len(ethernet) + total, len(ethernet) + total)
    head = record + ethernet + struct.pack(">BBHHHBB", 0x45, 0, total, 0, 0, 64, 17)
    pack = struct.Struct(">HIIHHHH").pack
    ip_base = 0x4500 + total + 0x4011
    udp_base = 17 + 2 * udp_len
    packets = []
    for src, dst_src_port, dst, dst_port in flows:
        both = (src >> 16) + (src & 0xFFFF) + (dst >> 16) + (dst & 0xFFFF)
        ip = ip_base + both
        ip = (ip & 0xFFFF) + (ip >> 16)
        ip = (ip & 0xFFFF) + (ip >> 16)
        udp = udp_base + both + dst_src_port + dst_port
        udp = (udp & 0xFFFF) + (udp >> 16)
        udp = (udp & 0xFFFF) + (udp >> 16)
        packets.append(
            pack(ip ^ 0xFFFF, src, dst, dst_src_port, dst_port, udp_len, udp ^ 0xFFFF or 0xFFFF)
        )
    order = array.array("I", range(len(packets)))
    random.Random(seed).shuffle(order)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for start in range(0, len(order), 4096):
            chunk = order[start : start + 4096]
            file.write(b"".join(head + packets[number] + payload for number in chunk))


class Files:
    """The two files of a shape, made once."""

    def __init__(self, work):
        self.work = work
        self.known = None

    def of(self, shape):
        key = (shape.sessions, shape.remotes)
        if self.known != key:
            say(f"writing {shape.sessions} packets a direction")
            write_pcap(self.work / "inside.pcap", INSIDE_MAC, shape.flows(False), 1)
            write_pcap(self.work / "outside.pcap", OUTSIDE_MAC, shape.flows(True), 2)
            self.known = key
        return self.work / "inside.pcap", self.work / "outside.pcap"


def pcap_device(number, path):
    return f"net_pcap{number},rx_pcap={path},infinite_rx=1"


# --- programs --------------------------------------------------------------


class Program:
    """A process with one busy thread; ended, whatever happens, with the block."""

    nice = 0

    def __init__(self, command, log):
        self.log = log
        self.command = command

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=self.stdout(log),
                stderr=subprocess.STDOUT,
            )
        self.prefer()
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def stdout(self, log):
        return log

    def prefer(self):
        """Before other work; where sessions are scheduled as groups, the group too."""
        if self.nice:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, self.nice)
            try:
                pathlib.Path(f"/proc/{self.process.pid}/autogroup").write_text(str(self.nice))
            except OSError:
                pass

    def begin(self):
        pass

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def gone(self, what):
        try:
            tail = pathlib.Path(self.log).read_text(errors="replace").splitlines()[-12:]
        except OSError:
            tail = []
        raise Failed("\n".join([what, *tail]))

    def threads(self):
        """Nanoseconds on a CPU, by thread."""
        spent = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                spent[task.name] = int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass
        return spent

    def status(self, *names):
        """Sum of lines of /proc/PID/status, in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return sum(
            int(match) * 1024
            for name in names
            for match in re.findall(rf"^{name}:\s+(\d+) kB", text, re.M)
        )


class Share:
    """What the busiest thread gets of its CPU between two looks."""

    def __init__(self, program):
        self.program = program
        self.before = program.threads()
        self.at = time.monotonic()

    def taken(self):
        now, after = time.monotonic(), self.program.threads()
        spent = max(after[task] - self.before.get(task, 0) for task in after)
        return spent / 1e9 / (now - self.at)


class Testpmd(Program):
    def __init__(self, devices, buffers, memory, huge, work):
        vdevs = [f"--vdev={device}" for device in devices]
        pages = ["--in-memory"] if huge else ["--no-huge", "--no-shconf"]
        super().__init__(
            ["dpdk-testpmd", "-l", "0,1", "--main-lcore", "0", *pages, "--no-pci"]
            + ["--no-telemetry", "-m", str(memory), *vdevs, "--", "--forward-mode=macswap"]
            + ["--nb-cores=1", "--stats-period", "1", "--auto-start"]
            + [f"--total-num-mbufs={buffers}"],
            work / "testpmd.log",
        )

    def stdout(self, _):
        return subprocess.PIPE

    def begin(self):
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def seconds(self, count, deadline):
        """Packets a second of the next `count` reports, both ports together."""
        found = []
        port_rates = []
        while len(found) < count:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                pathlib.Path(self.log).write_bytes(self.text)
                self.gone("testpmd gives no figures")
            self.text += data
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                with open(self.log, "ab") as log:
                    log.write(line + b"\n")
                match = re.search(rb"Rx-pps:\s+(\d+)", line)
                if match:
                    port_rates.append(int(match[1]))
                if len(port_rates) == 2:
                    found.append(sum(port_rates))
                    port_rates = []
        return found

    def measure(self, seconds):
        deadline = time.monotonic() + 120
        # The first report is of a moment before the start, the second of warming up.
        while self.seconds(1, deadline) == [0]:
            pass
        self.seconds(1, deadline)
        share = Share(self)
        rates = self.seconds(seconds, time.monotonic() + seconds * 2 + 10)
        return {"pps": round(statistics.mean(rates)), "cpu_share": round(share.taken(), 4)}


class Portolan(Program):
    def __init__(self, program, config, work):
        self.socket = work / "portolan.sock"
        path = work / "portolan.yaml"
        path.write_text(config.replace("SOCKET", str(self.socket)))
        super().__init__([program, "run", "-c", str(path)], work / "portolan.log")

    def begin(self):
        deadline = time.monotonic() + 120
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.gone("portolan did not start")
            time.sleep(0.0005)
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(10)
        self.line.connect(str(self.socket))
        self.answers = self.line.makefile("rb")

    def end(self):
        super().end()
        if hasattr(self, "line"):
            self.line.close()

    def show(self, what):
        try:
            self.line.sendall(json.dumps({"show": what}).encode() + b"\n")
            answer = json.loads(self.answers.readline())
        except (OSError, ValueError) as why:
            self.gone(f"portolan does not answer: {why}")
        if "rows" not in answer:
            self.gone(f"portolan does not show {what}: {answer}")
        return answer["rows"]

    def counters(self):
        return {row["name"]: row["value"] for row in self.show("counters")}

    def fresh(self):
        """Counters just published, and when: they change fifty times a second."""
        before = self.counters()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            now, counters = time.monotonic(), self.counters()
            if counters["rx.packets"] != before["rx.packets"]:
                return now, counters
            time.sleep(0.0005)
        self.gone("portolan receives nothing")

    def sessions(self):
        return sum(row["sessions"] for row in self.show("workers"))

    def fill(self, sessions):
        """Waits until all sessions exist; answers how many the tables refuse for good."""
        deadline = time.monotonic() + 60
        seen, since = 0, time.monotonic()
        while seen < sessions:
            time.sleep(0.05)
            now = time.monotonic()
            count = self.sessions()
            if count != seen:
                seen, since = count, now
            elif now - since > 5 and seen > sessions * 0.95:
                break
            elif now > deadline:
                drops = {n: v for n, v in self.counters().items() if v and n.startswith("drop.")}
                self.gone(f"{seen} of {sessions} sessions after a minute; {drops}")
        time.sleep(0.5)
        return sessions - seen

    def measure(self, seconds):
        share = Share(self)
        start, before = self.fresh()
        time.sleep(seconds)
        end, after = self.fresh()
        took = end - start
        delta = {name: after[name] - before[name] for name in after}
        lost = sum(delta[name] for name in delta if name.startswith("drop."))
        return {
            "pps": round(delta["verdict.forward"] / took),
            "outbound": delta["forward.outbound"],
            "inbound": delta["forward.inbound"],
            "dropped": lost,
            "cpu_share": round(share.taken(), 4),
        }

    def announced(self):
        """What it says about its tables at start."""
        text = re.sub(r"\x1b\[[0-9;]*m", "", pathlib.Path(self.log).read_text())
        found = re.search(r"(\d+) sessions in (\d+) MiB.*", text)
        return found[0] if found else ""


def config(shape, devices, memory, huge, *, limit=None, kind="napt"):
    """A file for this shape; `limit` makes all tables that small."""
    # Tables are 98 % full when all sessions exist.
    sessions, mappings, subscribers = (
        limit or -(-count * 51 // 50) for count in (shape.sessions, shape.mappings, shape.hosts)
    )
    pages = '"--in-memory"' if huge else '"--no-huge", "--no-shconf"'
    last = 1024 + shape.ports - 1
    addresses = ", ".join(
        dotted(OUTSIDE_NET + place) + "/32" for place in range(shape.addresses)
    )
    text = f"""
dpdk: {{ eal_args: ["--no-pci", {pages}, "--no-telemetry"], memory_mb: {memory} }}
workers: {{ cores: [1], slow_path_core: 0 }}
limits: {{ sessions: {sessions}, mappings: {mappings}, subscribers: {subscribers} }}
control: {{ socket: SOCKET }}
interfaces:
  - {{ name: inside, device: "{devices[0]}", addresses: [192.0.2.1/30], mac: "{colons(INSIDE_MAC)}", zone: inside }}
  - {{ name: outside, device: "{devices[1]}", addresses: [192.0.2.5/30], mac: "{colons(OUTSIDE_MAC)}", zone: outside }}
routes:
  - {{ prefix: 100.64.0.0/10, next_hop: 192.0.2.2 }}
  - {{ prefix: 0.0.0.0/0, next_hop: 192.0.2.6 }}
neighbors:
  - {{ interface: inside, ip: 192.0.2.2, mac: "02:00:00:00:02:01" }}
  - {{ interface: outside, ip: 192.0.2.6, mac: "02:00:00:00:02:02" }}
nat:
"""
    if kind == "static":
        # Port forwards decide the outside ports: port 10000 + i is i above the first.
        per_address = shape.ports // BLOCK
        lines = []
        for host in range(shape.hosts):
            inside = dotted(INSIDE_NET + 256 + host)
            outside = dotted(OUTSIDE_NET + host // per_address)
            first = 1024 + host % per_address * BLOCK
            lines.append(
                f'    - {{ protocol: udp, inside: "{inside}:10000-{10_000 + BLOCK - 1}", '
                f'outside: "{outside}:{first}-{first + BLOCK - 1}" }}\n'
            )
        return text + "  static:\n" + "".join(lines)
    return (
        text
        + f"""
  pools:
    - name: public
      prefixes: [{addresses}]
      ports: 1024-{last}
      blocks: {{ size: {BLOCK}, max_per_subscriber: 1, idle_timeout: 120s }}
  rules:
    - name: subscribers
      inside: inside
      source: 100.64.0.0/10
      pool: public
      mapping: endpoint-independent
      filtering: {shape.filtering}
      paired: true
"""
    )


def dotted(address):
    return socket.inet_ntoa(struct.pack(">I", address))


def colons(mac):
    return mac.hex(":")


# --- parts -----------------------------------------------------------------


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.files = Files(self.work)
        self.huge = not options.no_huge

    def run(self, shape, files, **kind):
        devices = [pcap_device(number, path) for number, path in enumerate(files)]
        memory = memory_for(2 * shape.sessions)
        text = config(shape, devices, memory, self.huge, **kind)
        return Portolan(self.options.portolan, text, self.work)

    def testpmd(self, shape, files):
        devices = [pcap_device(number, path) for number, path in enumerate(files)]
        buffers = 2 * shape.sessions + SPARE
        return Testpmd(devices, buffers, memory_for(2 * shape.sessions), self.huge, self.work)

    def pair(self, shape, files, kind):
        with self.testpmd(shape, files) as program:
            base = program.measure(self.options.seconds)
        with self.run(shape, files, kind=kind) as program:
            refused = program.fill(shape.sessions)
            ours = program.measure(self.options.seconds)
            ours["refused_sessions"] = refused
        return {"testpmd": base, "portolan": ours}

    def forward(self, name, kind="napt"):
        """Portolan against testpmd; pairs without the whole CPU are done again."""
        shape = Shape(SIZES[name])
        files = self.files.of(shape)
        pairs, disturbed = [], []
        while len(pairs) < self.options.pairs:
            pair = self.pair(shape, files, kind)
            shares = [pair[side]["cpu_share"] for side in pair]
            whole = min(shares) >= FULL_SHARE
            if not whole and len(disturbed) < 3:
                disturbed.append(pair)
            else:
                pairs.append(pair)
            say(
                f"{name} {kind}: testpmd {mpps(pair['testpmd'])} Mpps, portolan "
                f"{mpps(pair['portolan'])} Mpps, ratio {ratio(pair):.3f}, "
                f"CPU {shares[0]:.0%} / {shares[1]:.0%}" + ("" if whole else ", disturbed")
            )
        return {
            "sessions": shape.sessions,
            "kind": kind,
            "packets_per_file": shape.sessions,
            "ratio": summary([ratio(pair) for pair in pairs]),
            "testpmd_mpps": summary([rate(pair["testpmd"]) / 1e6 for pair in pairs]),
            "portolan_mpps": summary([rate(pair["portolan"]) / 1e6 for pair in pairs]),
            "ns_added": summary([added(pair) for pair in pairs]),
            "cpu_share_lowest": min(
                pair[side]["cpu_share"] for pair in pairs for side in pair
            ),
            "dropped": sum(pair["portolan"]["dropped"] for pair in pairs),
            "pairs": pairs,
            "disturbed": disturbed,
        }

    def setup(self, name):
        """New sessions a second: every packet a new endpoint, until the table is full."""
        shape = Shape(SIZES[name])
        inside, _ = self.files.of(shape)
        devices = [pcap_device(0, inside), "net_null0,no-rx=1"]
        text = config(shape, devices, memory_for(shape.sessions), self.huge)
        runs = []
        for _ in range(3):
            with Portolan(self.options.portolan, text, self.work) as program:
                share = Share(program)
                deadline = time.monotonic() + 60
                samples, last = [], -1
                while time.monotonic() < deadline:
                    now, counters = time.monotonic(), program.counters()
                    created = counters["nat.sessions_created"]
                    if created != last:
                        samples.append((now, created))
                        last = created
                    if created >= shape.sessions:
                        break
                runs.append(self.setup_rate(samples, shape, share.taken(), counters))
                say(f"{name} new sessions: {runs[-1]['per_second'] / 1e6:.2f} M/s")
        return {
            "sessions": shape.sessions,
            "per_second": summary([run["per_second"] for run in runs]),
            "runs": runs,
        }

    @staticmethod
    def setup_rate(samples, shape, share, counters):
        """Between the first and the last look at which the table still grew."""
        growing = [sample for sample in samples if 0 < sample[1] < shape.sessions]
        if len(growing) < 3:
            raise Failed(f"too few looks at the growing table: {samples}")
        (start, first), (end, last) = growing[0], growing[-1]
        half = growing[len(growing) // 2]
        return {
            "per_second": round((last - first) / (end - start)),
            "second_half_to_first": round(
                (last - half[1]) / (end - half[0]) / ((half[1] - first) / (half[0] - start)), 3
            ),
            "from": first,
            "to": last,
            "cpu_share": round(share, 4),
            "refused": sum(counters[name] for name in counters if name.startswith("drop.")),
        }

    def memory(self, name, remotes, filtering="endpoint-independent"):
        """Growth of the resident set by the sessions, all tables counted."""
        shape = Shape(SIZES[name], remotes, filtering)
        files = self.files.of(shape)

        def resident(**kind):
            with self.run(shape, files, **kind) as program:
                if not kind:
                    program.fill(shape.sessions)
                time.sleep(1)
                both = program.status("VmRSS", "HugetlbPages")
                return both, program.announced()

        empty, _ = resident(limit=1)
        full, announced = resident()
        each = (full - empty) / shape.sessions
        say(f"{name}, {remotes} a mapping, {filtering}: {each:.1f} bytes a session")
        return {
            "sessions": shape.sessions,
            "sessions_per_mapping": remotes,
            "filtering": filtering,
            "bytes_per_session": round(each, 1),
            "empty_bytes": empty,
            "full_bytes": full,
            "announced": announced,
        }


def rate(side):
    """Packets for each second on the CPU: what others take is no fault of the program."""
    return side["pps"] / side["cpu_share"]


def ratio(pair):
    return rate(pair["portolan"]) / rate(pair["testpmd"])


def added(pair):
    return 1e9 / rate(pair["portolan"]) - 1e9 / rate(pair["testpmd"])


def mpps(side):
    return f"{side['pps'] / 1e6:.2f}"


def summary(values):
    return {
        "median": round(statistics.median(values), 4),
        "lowest": round(min(values), 4),
        "highest": round(max(values), 4),
    }


def memory_for(packets):
    """Megabytes of which three quarters hold so many buffers."""
    return max(512, -(-(packets + SPARE) * BUFFER * 4 // 3 >> 20))


# --- report ----------------------------------------------------------------


def say(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def spread(values, scale=1.0, digits=2):
    low, middle, high = (values[key] / scale for key in ("lowest", "median", "highest"))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def mark(fine):
    return "met" if fine else "MISSED"


def report(results):
    """Prints; answers whether every floor is met."""
    print()
    fine = True
    for row in results["forward"]:
        name = next(key for key, value in SIZES.items() if value == row["sessions"])
        what = {
            "napt": "EIM NAPT, blocks, filtering by address, both directions",
            "static": "port forwards, both directions",
        }[row["kind"]]
        print(f"{name} sessions: {what}")
        print(f"  testpmd macswap  {spread(row['testpmd_mpps'])} Mpps")
        print(f"  portolan         {spread(row['portolan_mpps'])} Mpps")
        verdict = ""
        if row["sessions"] <= SIZES["64k"] and row["kind"] == "napt":
            met = row["ratio"]["median"] >= 0.35
            fine &= met
            verdict = f"   G1 floor 0.35: {mark(met)}"
        print(f"  ratio            {spread(row['ratio'], digits=3)}{verdict}")
        print(f"  added a packet   {spread(row['ns_added'], digits=1)} ns")
        if row["kind"] == "napt" and name in VPP:
            print(f"  to VPP nat44-ed  {row['portolan_mpps']['median'] / VPP[name]:.2f} (its {VPP[name]} Mpps are from the goals' table)")
        shares = [min(pair[side]["cpu_share"] for side in pair) for pair in row["pairs"]]
        short = sum(share < FULL_SHARE for share in shares)
        refused = [pair["portolan"]["refused_sessions"] for pair in row["pairs"]]
        if any(refused):
            print(f"  sessions the tables refused at 90 % full, by pair: {refused}")
        print(f"  {row['dropped']} packets dropped; CPU share {min(shares):.0%} or more, below {FULL_SHARE:.0%} in {short} of {len(shares)} pairs")
    for row in results["setup"]:
        print(f"new sessions, every packet a new inside endpoint, up to {row['sessions']}:")
        print(f"  {spread(row['per_second'], 1e6)} M a second   G6 floor 3 M: {mark(row['per_second']['median'] >= 3e6)}")
        shares = ", ".join(f"{run['cpu_share']:.0%}" for run in row["runs"])
        print(f"  CPU share, not taken into account: {shares}")
        halves = ", ".join(str(run["second_half_to_first"]) for run in row["runs"])
        print(f"  second half of the table to the first: {halves}")
    for row in results["memory"]:
        # The floor is for the product's defaults and eight sessions a mapping; a
        # mapping of its own for each session, or a filter entry, comes on top.
        verdict = ""
        if row["sessions_per_mapping"] == 8 and row["filtering"] == "endpoint-independent":
            met = row["bytes_per_session"] <= 128
            fine &= met
            verdict = f"   G10 floor 128: {mark(met)}"
        print(f"memory, {row['sessions']} sessions, {row['sessions_per_mapping']} a mapping, filtering {row['filtering']}:")
        print(f"  {row['bytes_per_session']} bytes a session by growth of RSS and huge pages{verdict}")
        print(f"  announced at start: {row['announced']}")
    return fine


def output(*command):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def circumstances(options):
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    cpu = model[1].strip() if model else os.uname().machine
    git = ("git", "-c", f"safe.directory={ROOT}")
    dirty = "-dirty" if output(*git, "status", "--porcelain", "--", "crates", "dpdk-bindings") else ""
    dpdk = re.search(r"\d+\.\d+\.\d+", output("dpdk-testpmd", "--version"))
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "machine": options.machine
        or re.sub(r"[^a-z0-9]+", "-", f"{cpu} {os.cpu_count()}c".lower()).strip("-"),
        "kernel": os.uname().release,
        "dpdk": dpdk[0] if dpdk else output("pkg-config", "--modversion", "libdpdk"),
        "huge_pages": not options.no_huge,
        "commit": output(*git, "rev-parse", "--short=12", "HEAD") + dirty,
        "pairs": options.pairs,
        "seconds": options.seconds,
        "nice": options.nice,
    }


def names(allowed):
    def read(text):
        chosen = text.split(",")
        for name in chosen:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(allowed)}")
        return chosen

    return read


def arguments():
    parser = argparse.ArgumentParser(prog="perf/run")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--sessions", type=names(SIZES), default=["1k", "64k", "1M"])
    parser.add_argument("--parts", type=names(PARTS), default=list(PARTS))
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--machine")
    parser.add_argument("--no-record", action="store_true")
    for internal in ("--portolan", "--work"):
        parser.add_argument(internal, required=True, help=argparse.SUPPRESS)
    for internal in ("--no-huge", "--memory-only"):
        parser.add_argument(internal, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pairs < 1 or options.seconds < 1:
        parser.error("--pairs and --seconds are at least 1")
    if options.quick:
        options.pairs, options.seconds = 2, 1
        options.sessions = [name for name in options.sessions if SIZES[name] <= SIZES["64k"]]
    return options


def fitting(options):
    """The sessions for which this machine has the memory, and a word on the others."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cached = re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    available = max(free, int(cached[1]) * 1024 if cached else 0) + huge_now()
    while options.sessions:
        largest = max(options.sessions, key=SIZES.get)
        # Huge pages for the buffers, and as much as two gigabytes for tables and files.
        if (memory_for(2 * SIZES[largest]) << 20) + (2 << 30) < available:
            return options.sessions
        smaller = max((n for n in SIZES if SIZES[n] < SIZES[largest]), key=SIZES.get, default=None)
        print(f"not enough memory for {largest} sessions: {smaller} instead", file=sys.stderr)
        options.sessions = [n for n in options.sessions if n != largest]
        if smaller and smaller not in options.sessions:
            options.sessions.append(smaller)
    raise Failed("not enough memory for any of the sessions asked for")


def huge_now():
    text = pathlib.Path("/proc/meminfo").read_text()
    found = re.search(r"HugePages_Free:\s+(\d+)", text)
    return int(found[1]) * (2 << 20) if found else 0


def main():
    options = arguments()
    fitting(options)
    largest = max(SIZES[name] for name in options.sessions)
    if options.memory_only:
        print(memory_for(2 * largest) + 64)
        return 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Program.nice = options.nice
    bench = Bench(options)
    results = {"circumstances": circumstances(options), "forward": [], "setup": [], "memory": []}
    for name in options.sessions:
        if "forward" in options.parts:
            results["forward"].append(bench.forward(name))
        if "static" in options.parts and SIZES[name] == SIZES["64k"]:
            results["forward"].append(bench.forward(name, "static"))
        if SIZES[name] == largest:
            if "setup" in options.parts:
                results["setup"].append(bench.setup(name))
            if "memory" in options.parts:
                results["memory"] += [
                    bench.memory(name, 8),
                    bench.memory(name, 8, "address-dependent"),
                    bench.memory(name, 1),
                ]
    fine = report(results)
    if not options.quick and not options.no_record:
        facts = results["circumstances"]
        path = ROOT / "perf" / "results" / f"{facts['date'][:10]}-{facts['machine']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
        owner = ROOT.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        print(f"\nrecorded in {path.relative_to(ROOT)}")
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as why:
        print(f"perf/run: {why}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
