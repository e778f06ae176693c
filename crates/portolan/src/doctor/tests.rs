//! Machines made up as trees of files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::snapshot::Snapshot;
use super::*;

/// A tree of its own for each test, gone with it.
struct Machine(PathBuf);

impl Machine {
    /// One on which nothing is to be found fault with.
    fn ready() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portolan-doctor-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
            .file(
                "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                "512\n",
            )
            .file(
                "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
                "512\n",
            )
            .file(
                "sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never\n",
            )
            .file(
                "proc/meminfo",
                "MemTotal: 16000000 kB\nMemAvailable:   8000000 kB\n",
            )
            .file(
                "proc/mounts",
                "proc /proc proc rw 0 0\nnodev /dev/hugepages hugetlbfs rw 0 0\n",
            )
            .file(
                "proc/self/limits",
                "Max locked memory         unlimited            unlimited            bytes\n",
            )
            .file("sys/class/iommu/dmar0/devices", "")
            .file("sys/bus/pci/drivers/vfio-pci/bind", "")
            .nic("0000:03:00.0", "vfio-pci")
            .file("sys/class/net/ptl-in/flags", "0x1003\n")
            .file("sys/devices/system/cpu/online", "0-7\n")
            .file("sys/devices/system/cpu/isolated", "1-3\n")
            .file("sys/devices/system/cpu/nohz_full", "1-3\n")
            .file(
                "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
                "performance\n",
            )
            .file(
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
                "tsc\n",
            )
            .file(
                "sys/devices/system/clocksource/clocksource0/available_clocksource",
                "tsc hpet acpi_pm \n",
            )
            .file("run/chrony/chronyd.pid", "1\n")
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn without(self, path: &str) -> Self {
        let path = self.0.join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    fn nic(self, address: &str, driver: &str) -> Self {
        let place = format!("sys/bus/pci/devices/{address}");
        let machine = self.file(&format!("{place}/vendor"), "0x8086\n");
        let link = machine.0.join(place).join("driver");
        let _ = fs::remove_file(&link);
        symlink(format!("../../drivers/{driver}"), link).unwrap();
        machine
    }

    /// What a check finds; of several the first that is not well.
    fn says(&self, wants: Option<&Wants>, check: &str) -> (Status, String, String) {
        let snapshot = Snapshot::at(&self.0, &[("ptl-in", OFF), ("ptl-out", ON)]);
        let mut findings = examine(&snapshot, wants);
        findings.retain(|finding| finding.check == check);
        findings.sort_by_key(|finding| finding.status == Status::Ok);
        let first = findings.into_iter().next().expect("such a check");
        (first.status, first.found, first.remedy.unwrap_or_default())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const OFF: &str = "Features for ptl-in:\nrx-checksumming: off\ntx-checksumming: off\ngeneric-receive-offload: off\n";
const ON: &str = "Features for ptl-out:\ntx-checksumming: on\ngeneric-receive-offload: on\n\ttx-checksum-ipv4: on [fixed]\n";

fn wants() -> Wants {
    Wants {
        eal_args: vec!["--in-memory".into()],
        memory_mb: 512,
        tables: 1 << 30,
        devices: vec!["0000:03:00.0".into(), "net_af_packet0,iface=ptl-in".into()],
        cores: vec![1, 2],
        slow_path_core: 0,
        socket: "/run/portolan.sock".into(),
    }
}

#[track_caller]
fn is(said: &(Status, String, String), status: Status, found: &str, remedy: &str) {
    let right = said.0 == status && said.1.contains(found) && said.2.contains(remedy);
    assert!(right, "{said:?}");
}

#[test]
fn a_machine_that_is_ready_has_nothing_to_do() {
    let machine = Machine::ready();
    let snapshot = Snapshot::at(&machine.0, &[("ptl-in", OFF)]);
    for finding in examine(&snapshot, Some(&wants())) {
        assert!(
            finding.status == Status::Ok && finding.remedy.is_none(),
            "{finding:?}"
        );
    }
}

#[test]
fn an_empty_machine_is_examined_to_the_end() {
    let machine = Machine::ready()
        .without("sys")
        .without("proc")
        .without("run");
    let snapshot = Snapshot::at(&machine.0, &[]);
    for wants in [None, Some(wants())] {
        let findings = examine(&snapshot, wants.as_ref());
        let problem = findings
            .iter()
            .find(|finding| finding.status == Status::Problem);
        assert_eq!(problem.expect("a problem").check, "huge pages");
    }
}

#[test]
fn huge_pages_that_are_missing_or_too_few_are_a_problem() {
    let pages = "sys/kernel/mm/hugepages/hugepages-2048kB";
    let none = Machine::ready()
        .file(&format!("{pages}/nr_hugepages"), "0\n")
        .file(&format!("{pages}/free_hugepages"), "0\n");
    let said = none.says(Some(&wants()), "huge pages");
    is(
        &said,
        Status::Problem,
        "none",
        "echo 256 >/proc/sys/vm/nr_hugepages",
    );
    is(
        &none.says(None, "huge pages"),
        Status::Problem,
        "none",
        "echo 256",
    );

    // Those in use by others are reserved again on top.
    let few = Machine::ready().file(&format!("{pages}/free_hugepages"), "255\n");
    let said = few.says(Some(&wants()), "huge pages");
    is(
        &said,
        Status::Problem,
        "510 MiB free of 1024 MiB",
        "echo 513 >",
    );

    is(
        &few.says(None, "huge pages"),
        Status::Ok,
        "510 MiB free",
        "",
    );

    // Larger ones do as well.
    let large = none
        .file(
            "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
            "1\n",
        )
        .file(
            "sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages",
            "1\n",
        );
    is(
        &large.says(Some(&wants()), "huge pages"),
        Status::Ok,
        "1024 MiB free",
        "",
    );

    let mut trial = wants();
    trial.eal_args = vec!["--no-huge".into()];
    is(
        &large.says(Some(&trial), "huge pages"),
        Status::Warning,
        "--no-huge",
        "",
    );
}

#[test]
fn a_hugetlbfs_is_needed_unless_in_memory() {
    let machine = Machine::ready().file("proc/mounts", "proc /proc proc rw 0 0\n");
    let mut on_files = wants();
    on_files.eal_args.clear();
    let said = machine.says(Some(&on_files), "hugetlbfs");
    is(&said, Status::Problem, "not mounted", "mount -t hugetlbfs");
    let snapshot = Snapshot::at(&machine.0, &[]);
    let findings = examine(&snapshot, Some(&wants()));
    assert!(findings.iter().all(|finding| finding.check != "hugetlbfs"));
}

#[test]
fn tables_must_fit_memory() {
    let mut large = wants();
    large.tables = 16 << 30;
    let said = Machine::ready().says(Some(&large), "memory");
    is(
        &said,
        Status::Problem,
        "7812 MiB available, the tables of the file take 16384 MiB",
        "limits",
    );
}

#[test]
fn locked_memory_must_do_for_a_nic() {
    let limit = "Max locked memory         8388608              8388608              bytes\n";
    let machine = Machine::ready().file("proc/self/limits", limit);
    is(
        &machine.says(Some(&wants()), "locked memory"),
        Status::Warning,
        "8388608",
        "ulimit -l",
    );
    let root = machine.file("proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
    is(
        &root.says(Some(&wants()), "locked memory"),
        Status::Ok,
        "8388608",
        "",
    );
}

#[test]
fn without_an_iommu_no_nic_is_given_to_vfio() {
    let machine = Machine::ready().without("sys/class/iommu");
    is(
        &machine.says(Some(&wants()), "iommu"),
        Status::Problem,
        "none",
        "intel_iommu=on",
    );
    is(
        &machine.says(None, "iommu"),
        Status::Warning,
        "only NICs on PCI",
        "intel_iommu=on",
    );
    let mode = "sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    let machine = machine.file(mode, "Y\n");
    is(
        &machine.says(Some(&wants()), "iommu"),
        Status::Warning,
        "any memory",
        "firmware",
    );
    let machine = machine.without("sys/bus/pci/drivers/vfio-pci");
    is(
        &machine.says(Some(&wants()), "vfio"),
        Status::Problem,
        "not loaded",
        "modprobe vfio-pci",
    );
}

#[test]
fn a_nic_of_the_kernel_is_told_how_to_be_bound() {
    let machine = Machine::ready()
        .nic("0000:03:00.0", "ixgbe")
        .file("sys/bus/pci/devices/0000:03:00.0/net/eno1/mtu", "1500\n");
    let said = machine.says(Some(&wants()), "device");
    let remedy = "ip link set eno1 down && dpdk-devbind.py --bind=vfio-pci 0000:03:00.0";
    is(
        &said,
        Status::Problem,
        "bound to ixgbe, as eno1 of Linux",
        remedy,
    );
    let machine = machine.nic("0000:03:00.0", "mlx5_core");
    is(
        &machine.says(Some(&wants()), "device"),
        Status::Ok,
        "mlx5_core",
        "",
    );
    let machine = machine.without("sys/bus/pci/devices/0000:03:00.0");
    let said = machine.says(Some(&wants()), "device");
    is(
        &said,
        Status::Problem,
        "0000:03:00.0 does not exist",
        "--status-dev net",
    );
    let mut without_pci = wants();
    without_pci.eal_args.push("--no-pci".into());
    let said = Machine::ready().says(Some(&without_pci), "device");
    is(&said, Status::Problem, "--no-pci", "out of the file");
}

#[test]
fn a_linux_interface_is_up_with_its_offloads_off() {
    let mut other = wants();
    other.devices = vec!["net_af_packet1,iface=ptl-out,framesz=16384".into()];
    let machine = Machine::ready();
    is(
        &machine.says(Some(&other), "device"),
        Status::Problem,
        "ptl-out does not exist",
        "ip link",
    );
    let machine = machine.file("sys/class/net/ptl-out/flags", "0x1002\n");
    is(
        &machine.says(Some(&other), "device"),
        Status::Problem,
        "down",
        "ip link set ptl-out up",
    );
    let machine = machine.file("sys/class/net/ptl-out/flags", "0x1003\n");
    let said = machine.says(Some(&other), "device");
    let found = "tx-checksumming, generic-receive-offload";
    is(&said, Status::Problem, found, "ethtool -K ptl-out rx off");
    other.devices = vec!["net_af_packet1,iface=other".into()];
    let machine = machine.file("sys/class/net/other/flags", "0x1003\n");
    is(
        &machine.says(Some(&other), "device"),
        Status::Warning,
        "other is up",
        "install ethtool",
    );
}

#[test]
fn workers_have_cores_that_are_there_and_theirs_alone() {
    let machine = Machine::ready().file("sys/devices/system/cpu/nohz_full", "\n");
    let said = machine.says(Some(&wants()), "isolation");
    is(
        &said,
        Status::Warning,
        "not all are in nohz_full",
        "nohz_full=1,2",
    );
    let mut wanted = wants();
    wanted.cores = vec![1, 9];
    is(
        &machine.says(Some(&wanted), "cores"),
        Status::Problem,
        "9 not there",
        "workers",
    );
    wanted.cores = vec![0, 1];
    is(
        &machine.says(Some(&wanted), "cores"),
        Status::Warning,
        "core 0",
        "slow_path_core",
    );
    let machine = machine.file(
        "sys/devices/system/cpu/cpu2/cpufreq/scaling_governor",
        "powersave\n",
    );
    is(
        &machine.says(Some(&wants()), "governor"),
        Status::Warning,
        "powersave on 2",
        "cpupower -c 2",
    );
}

#[test]
fn a_worker_shares_its_core_with_no_other_thread() {
    let siblings =
        |core: u16| format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    let alone = Machine::ready()
        .file(&siblings(1), "1\n")
        .file(&siblings(2), "2\n");
    let said = alone.says(Some(&wants()), "siblings");
    is(&said, Status::Ok, "no worker shares", "");

    let worker = alone.file(&siblings(1), "1-2\n");
    let said = worker.says(Some(&wants()), "siblings");
    is(
        &said,
        Status::Warning,
        "1 with 2",
        "one thread of each core",
    );

    let slow_path = worker.file(&siblings(1), "0,1\n");
    let said = slow_path.says(Some(&wants()), "siblings");
    is(
        &said,
        Status::Warning,
        "1 with 0",
        "one thread of each core",
    );

    let stranger = slow_path.file(&siblings(1), "1,5\n");
    let said = stranger.says(Some(&wants()), "siblings");
    let remedy = "echo 0 >/sys/devices/system/cpu/cpu5/online";
    is(&said, Status::Warning, "anything may run on 5", remedy);

    // Where nothing else is put, nothing runs.
    let isolated = stranger.file(&siblings(1), "1,3\n");
    let said = isolated.says(Some(&wants()), "siblings");
    is(&said, Status::Ok, "no worker shares", "");
}

#[test]
fn clocks_are_cheap_and_synchronised() {
    let source = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    let machine = Machine::ready().file(source, "hpet\n");
    is(
        &machine.says(None, "clock source"),
        Status::Warning,
        "hpet",
        "echo tsc >",
    );
    let machine = machine.without("run/chrony");
    is(
        &machine.says(None, "time"),
        Status::Warning,
        "nothing",
        "install chrony",
    );
    let machine = machine.file("run/systemd/timesync/synchronized", "");
    is(&machine.says(None, "time"), Status::Ok, "timesyncd", "");
}

#[test]
fn the_control_socket_has_a_directory() {
    let mut elsewhere = wants();
    elsewhere.socket = "/run/portolan/control.sock".into();
    let said = Machine::ready().says(Some(&elsewhere), "control socket");
    is(
        &said,
        Status::Problem,
        "/run/portolan is no directory",
        "mkdir -p /run/portolan",
    );
}

#[test]
fn findings_are_lines_with_what_to_do_below() {
    let lines = text(&[
        Finding::ok("time", "chrony keeps it"),
        Finding::problem("huge pages", "none are reserved", "echo 256"),
    ]);
    assert_eq!(
        lines,
        "ok       time            chrony keeps it\n\
         problem  huge pages      none are reserved\n\
         \x20                        do: echo 256\n"
    );
}
