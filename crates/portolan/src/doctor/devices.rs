//! IOMMU, VFIO, and the devices that the file names.

use super::snapshot::Snapshot;
use super::{Finding, Wants};

const IOMMU: &str = "iommu";
const DEVICE: &str = "device";

pub(super) fn examine(snapshot: &Snapshot, wants: Option<&Wants>) -> Vec<Finding> {
    let Some(wants) = wants else {
        return vec![iommu(snapshot, false), vfio(snapshot, false)];
    };
    let mut findings = Vec::new();
    // Devices with a bifurcated driver stay with the kernel and need neither.
    if wants.devices.iter().any(|device| {
        pci_address(device).is_some_and(|address| !stays(driver(snapshot, &address).as_deref()))
    }) {
        findings.push(iommu(snapshot, true));
        findings.push(vfio(snapshot, true));
    }
    for device in &wants.devices {
        findings.push(match pci_address(device) {
            Some(address) => nic(snapshot, wants, &address),
            None => match interface_of(device) {
                Some(name) => interface(snapshot, name),
                None => Finding::ok(DEVICE, format!("{device} is made by DPDK")),
            },
        });
    }
    findings
}

/// The Linux interface that a virtual device takes over.
pub(super) fn interface_of(device: &str) -> Option<&str> {
    let (driver, arguments) = device.split_once(',')?;
    let taken_over = ["net_af_packet", "net_af_xdp", "net_pcap"];
    if !taken_over.iter().any(|name| driver.starts_with(name)) {
        return None;
    }
    arguments
        .split(',')
        .find_map(|argument| argument.strip_prefix("iface="))
}

/// `0000:03:00.0` of `03:00.0,argument=1`.
fn pci_address(device: &str) -> Option<String> {
    let address = device.split(',').next()?;
    let shape: String = address
        .chars()
        .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
        .collect();
    match shape.as_str() {
        "xxxx:xx:xx.x" => Some(address.to_owned()),
        "xx:xx.x" => Some(format!("0000:{address}")),
        _ => None,
    }
}

fn driver(snapshot: &Snapshot, address: &str) -> Option<String> {
    snapshot.link(&format!("/sys/bus/pci/devices/{address}/driver"))
}

/// Whether DPDK uses the device beside the kernel's driver.
fn stays(driver: Option<&str>) -> bool {
    let names = ["mlx4_core", "mlx5_core", "mana"];
    driver.is_some_and(|name| names.contains(&name))
}

fn iommu(snapshot: &Snapshot, needed: bool) -> Finding {
    let units = snapshot.names("/sys/class/iommu");
    if let Some(first) = units.first() {
        return Finding::ok(IOMMU, format!("{first} and {} more", units.len() - 1));
    }
    let unsafe_mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    let is_unsafe = snapshot.text(unsafe_mode).as_deref() == Some("Y");
    let remedy = "switch VT-d or AMD-Vi on in the firmware, and boot with \
                  intel_iommu=on iommu=pt (Intel) or iommu=pt (AMD)";
    match (needed, is_unsafe) {
        (_, true) => {
            let found = "none, and vfio does without: a NIC can write to any memory";
            Finding::warning(IOMMU, found, remedy)
        }
        (true, false) => {
            let remedy = format!("{remedy}; on a trusted machine: echo Y >{unsafe_mode}");
            Finding::problem(IOMMU, "none, so vfio-pci takes no device", remedy)
        }
        (false, false) => Finding::warning(IOMMU, "none; only NICs on PCI need it", remedy),
    }
}

fn vfio(snapshot: &Snapshot, needed: bool) -> Finding {
    const CHECK: &str = "vfio";
    let remedy = "modprobe vfio-pci; for good: echo vfio-pci >/etc/modules-load.d/portolan.conf";
    if snapshot.has("/sys/bus/pci/drivers/vfio-pci") {
        Finding::ok(CHECK, "vfio-pci is loaded")
    } else if needed {
        Finding::problem(CHECK, "vfio-pci is not loaded", remedy)
    } else {
        Finding::warning(
            CHECK,
            "vfio-pci is not loaded; only NICs on PCI need it",
            remedy,
        )
    }
}

fn nic(snapshot: &Snapshot, wants: &Wants, address: &str) -> Finding {
    if !snapshot.has(&format!("/sys/bus/pci/devices/{address}")) {
        let remedy = "dpdk-devbind.py --status-dev net lists those there are";
        return Finding::problem(DEVICE, format!("{address} does not exist"), remedy);
    }
    if wants.has_arg("--no-pci") {
        let found = format!("{address} is named, and `dpdk.eal_args` has \"--no-pci\"");
        return Finding::problem(DEVICE, found, "take \"--no-pci\" out of the file");
    }
    let bound = driver(snapshot, address);
    let name = bound.as_deref().unwrap_or("no driver");
    let found = format!("{address} is bound to {name}");
    if stays(bound.as_deref()) || ["vfio-pci", "igb_uio", "uio_pci_generic"].contains(&name) {
        return Finding::ok(DEVICE, found);
    }
    let network = snapshot.names(&format!("/sys/bus/pci/devices/{address}/net"));
    let found = match network.first() {
        Some(interface) => format!("{found}, as {interface} of Linux"),
        None => found,
    };
    let remedy = match network.first() {
        Some(interface) => format!("ip link set {interface} down && "),
        None => String::new(),
    };
    let remedy = format!("{remedy}dpdk-devbind.py --bind=vfio-pci {address}");
    Finding::problem(DEVICE, found, remedy)
}

/// What a Linux interface must be like that `net_af_packet` takes over.
fn interface(snapshot: &Snapshot, name: &str) -> Finding {
    let place = format!("/sys/class/net/{name}");
    if !snapshot.has(&place) {
        let remedy = format!(
            "ip link shows those there are in this network namespace; \
             for a trial: ip link add {name} type veth peer name {name}-peer"
        );
        return Finding::problem(DEVICE, format!("{name} does not exist"), remedy);
    }
    let flags = snapshot.text(&format!("{place}/flags")).unwrap_or_default();
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
    if flags & 1 == 0 {
        let found = format!("{name} is down");
        return Finding::problem(DEVICE, found, format!("ip link set {name} up"));
    }
    let Some(said) = snapshot.offloads(name) else {
        let found = format!("{name} is up; ethtool is not there to tell its offloads");
        let remedy = format!("apt install ethtool; {}", switch_off(name));
        return Finding::warning(DEVICE, found, remedy);
    };
    let on: Vec<&str> = OFFLOADS
        .into_iter()
        .filter(|offload| {
            let mut lines = said.lines();
            lines.any(|line| line.split_once(": ") == Some((*offload, "on")))
        })
        .collect();
    if on.is_empty() {
        Finding::ok(DEVICE, format!("{name} is up, its offloads are off"))
    } else {
        let found = format!("{name} has offloads on: {}", on.join(", "));
        let remedy = format!("{}, and at the other end of a veth pair", switch_off(name));
        Finding::problem(DEVICE, found, remedy)
    }
}

fn switch_off(interface: &str) -> String {
    format!("ethtool -K {interface} rx off tx off sg off tso off gso off gro off")
}

/// Those by which the kernel hands over what no wire carries.
const OFFLOADS: [&str; 5] = [
    "tx-checksumming",
    "tcp-segmentation-offload",
    "generic-segmentation-offload",
    "generic-receive-offload",
    "large-receive-offload",
];
