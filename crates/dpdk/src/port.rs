//! Ports: devices opened, configured and started in one step, and closed when
//! nobody holds a queue of them any more.

use std::ffi::{CStr, c_int};
use std::ptr::{NonNull, null};
use std::sync::Arc;

use dpdk_sys::{
    rte_dev_iterator, rte_device, rte_eth_conf, rte_eth_dev_info, rte_eth_stats, rte_ether_addr,
};

use crate::eal::{Eal, EalInner, c_string};
use crate::error::{DpdkError, EEXIST, ENODEV, ENOTSUP, Errno};
use crate::io::Queue;
use crate::pool::Mempool;
use crate::rss::{Rss, RssSupport, Spread};

/// How a port is to be opened.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// A PCI address (`0000:01:00.0`), or a virtual device with its arguments
    /// (`net_af_packet0,iface=eth0`). Probed if EAL has not done so at its start.
    pub device: String,
    /// Queues in each direction: one for each worker.
    pub queues: u16,
    /// Longest IP packet.
    pub mtu: u16,
    /// How packets are to be spread over the queues, where the device can.
    pub rss: Option<Rss>,
    /// Receive descriptors of a queue; the nearest number the device allows.
    pub rx_descriptors: u16,
    /// Transmit descriptors of a queue; the nearest number the device allows.
    pub tx_descriptors: u16,
}

impl PortConfig {
    /// One queue, MTU 1500, no spreading, 1024 descriptors.
    #[must_use]
    pub fn new(device: &str) -> Self {
        Self {
            device: device.into(),
            queues: 1,
            mtu: 1500,
            rss: None,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
        }
    }
}

/// What a port's link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Frames can pass.
    pub up: bool,
    /// `u32::MAX` or zero where unknown.
    pub speed_mbps: u32,
}

/// What a port has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames lost because nobody fetched them in time.
    pub rx_missed: u64,
    /// Frames that arrived damaged.
    pub rx_errors: u64,
    /// Frames lost because the pool was empty.
    pub rx_no_buffer: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
}

/// A started port, as the thread sees it that looks after it.
#[derive(Debug)]
pub struct Port {
    inner: Arc<PortInner>,
    queues: u16,
    taken: u16,
    driver: String,
    mac: [u8; 6],
    mtu: u16,
    rss: RssSupport,
    verifies_ip_checksum: bool,
}

impl Port {
    /// Opens a device and starts it, with `queues` receive queues that take
    /// their buffers from `pool`, in promiscuous mode where it has one.
    ///
    /// # Errors
    ///
    /// [`DpdkError`], which names the device and what would be right.
    pub fn open(eal: &Eal, config: &PortConfig, pool: &Mempool) -> Result<Self, DpdkError> {
        let mut inner = PortInner::find(eal, config, pool)?;
        // Held while the device is configured; if that fails, it is released
        // first, and then the port closes.
        let alone = Arc::clone(&eal.inner);
        let _alone = alone.open_ports();
        let info = inner.info()?;
        let driver = driver_name(&info);
        check_queues(config, &info, &driver)?;
        check_mtu(config, &info)?;
        let spread = Spread::choose(config, &info)?;
        let verifies_ip_checksum = info.rx_offload_capa & dpdk_sys::PTL_RX_OFFLOAD_IPV4_CKSUM != 0;

        inner.configure(config, &spread, verifies_ip_checksum)?;
        let mtu = inner.set_mtu(config.mtu)?;
        inner.set_up_queues(config, pool)?;
        inner.start()?;
        inner.set_promiscuous()?;
        Ok(Self {
            queues: config.queues,
            taken: 0,
            driver,
            mac: inner.mac()?,
            mtu,
            rss: inner.rss_support(&spread, info.reta_size),
            verifies_ip_checksum,
            inner: Arc::new(inner),
        })
    }

    /// The next queue that nobody has; `None` when all are taken.
    pub fn take_queue(&mut self) -> Option<Queue> {
        if self.taken == self.queues {
            return None;
        }
        let number = self.taken;
        self.taken += 1;
        Some(Queue::new(Arc::clone(&self.inner), number))
    }

    /// The device string.
    #[must_use]
    pub fn device(&self) -> &str {
        self.inner.device()
    }

    /// Name of the driver.
    #[must_use]
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// The device's own address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// The MTU in effect.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// How packets are spread over the queues.
    #[must_use]
    pub fn rss(&self) -> &RssSupport {
        &self.rss
    }

    /// Writes the redirection table of a port that hashes one address, and reads it
    /// back: what [`Port::rss`] then says is what the device says. The table is as
    /// long as the one it had.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if the device does not take it; it then has the old one.
    pub fn set_reta(&mut self, table: &[u16]) -> Result<(), DpdkError> {
        self.inner.write_reta(table)?;
        if let RssSupport::Address { reta, .. } = &mut self.rss {
            *reta = self.inner.reta(reta.len()).unwrap_or_default();
        }
        Ok(())
    }

    /// Whether the device verifies IPv4 header checksums.
    #[must_use]
    pub fn verifies_ip_checksum(&self) -> bool {
        self.verifies_ip_checksum
    }

    /// The state of the link.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if the device does not tell.
    pub fn link(&self) -> Result<Link, DpdkError> {
        let mut speed_mbps = 0;
        let mut up = false;
        // SAFETY: both are writable; the port exists.
        let result = unsafe { rte_sys::ptl_link(self.inner.id, &raw mut speed_mbps, &raw mut up) };
        self.inner.check("rte_eth_link_get_nowait", result)?;
        Ok(Link { up, speed_mbps })
    }

    /// What has been counted so far.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if the device does not tell.
    pub fn stats(&self) -> Result<PortStats, DpdkError> {
        let mut raw = rte_eth_stats::default();
        // SAFETY: `raw` is writable; the port exists. Reading counters beside the
        // threads that receive and send is allowed.
        let result = unsafe { dpdk_sys::rte_eth_stats_get(self.inner.id, &raw mut raw) };
        self.inner.check("rte_eth_stats_get", result)?;
        Ok(PortStats {
            rx_packets: raw.ipackets,
            rx_bytes: raw.ibytes,
            rx_missed: raw.imissed,
            rx_errors: raw.ierrors,
            rx_no_buffer: raw.rx_nombuf,
            tx_packets: raw.opackets,
            tx_bytes: raw.obytes,
            tx_errors: raw.oerrors,
        })
    }
}

/// What keeps a port open; closes it on drop.
#[derive(Debug)]
pub(crate) struct PortInner {
    name: String,
    id: u16,
    /// Set if the device was probed for this port, and has to be removed with it.
    probed: Option<NonNull<rte_device>>,
    started: bool,
    /// The device holds buffers of it.
    _pool: Mempool,
    eal: Arc<EalInner>,
}

// SAFETY: the functions that configure a port are called by one thread at a time
// (before the port is shared, and when its last owner drops it, under the
// environment's lock), those that read its state are allowed from any.
unsafe impl Send for PortInner {}
// SAFETY: as above: `&PortInner` gives access only to functions that read.
unsafe impl Sync for PortInner {}

impl PortInner {
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    pub(crate) fn device(&self) -> &str {
        &self.name
    }

    /// Probes the device if need be, and claims its first port.
    fn find(eal: &Eal, config: &PortConfig, pool: &Mempool) -> Result<Self, DpdkError> {
        let device = c_string(&config.device)?;
        let no_such_device = |errno| DpdkError::NoSuchDevice {
            device: config.device.clone(),
            errno,
        };
        let mut open_ports = eal.inner.open_ports();
        // Probing a virtual device that is there already succeeds, too, so look first.
        let known = first_port(&device);
        let mut probed_here = false;
        if known.is_none() {
            // SAFETY: DPDK is initialised, the string terminated; the lock makes
            // this the only thread that probes.
            let result = unsafe { dpdk_sys::rte_dev_probe(device.as_ptr()) };
            match Errno::check(result) {
                Ok(_) => probed_here = true,
                Err(Errno(EEXIST)) => {}
                Err(errno) => return Err(no_such_device(errno)),
            }
        }
        let id = known
            .or_else(|| first_port(&device))
            .ok_or_else(|| no_such_device(Errno(ENODEV)))?;
        if !open_ports.insert(id) {
            return Err(DpdkError::AlreadyOpen {
                device: config.device.clone(),
            });
        }
        drop(open_ports);
        let mut inner = Self {
            name: config.device.clone(),
            id,
            probed: None,
            started: false,
            _pool: pool.clone(),
            eal: Arc::clone(&eal.inner),
        };
        if probed_here {
            inner.probed = NonNull::new(inner.info()?.device);
        }
        Ok(inner)
    }

    fn info(&self) -> Result<rte_eth_dev_info, DpdkError> {
        let mut info = rte_eth_dev_info::default();
        // SAFETY: `info` is writable; the port exists.
        let result = unsafe { dpdk_sys::rte_eth_dev_info_get(self.id, &raw mut info) };
        self.check("rte_eth_dev_info_get", result)?;
        Ok(info)
    }

    fn configure(
        &mut self,
        config: &PortConfig,
        spread: &Spread,
        verify_ip_checksum: bool,
    ) -> Result<(), DpdkError> {
        let mut conf = rte_eth_conf::default();
        conf.rxmode.mtu = u32::from(config.mtu);
        if verify_ip_checksum {
            conf.rxmode.offloads = dpdk_sys::PTL_RX_OFFLOAD_IPV4_CKSUM;
        }
        let mut key = spread.key.clone();
        if spread.hash != 0 {
            conf.rxmode.mq_mode = dpdk_sys::rte_eth_rx_mq_mode_RTE_ETH_MQ_RX_RSS;
            conf.rx_adv_conf.rss_conf.rss_hf = spread.hash;
            conf.rx_adv_conf.rss_conf.rss_key = key.as_mut_ptr();
            conf.rx_adv_conf.rss_conf.rss_key_len = u8::try_from(key.len()).unwrap_or(u8::MAX);
        }
        // SAFETY: the port exists and is not started; `conf`, and the key it
        // points to, live until the call is over, which copies them.
        let result = unsafe {
            dpdk_sys::rte_eth_dev_configure(self.id, config.queues, config.queues, &raw const conf)
        };
        self.check("rte_eth_dev_configure", result)
    }

    /// Sets the MTU where the driver can; returns the one in effect.
    fn set_mtu(&mut self, mtu: u16) -> Result<u16, DpdkError> {
        // SAFETY: the port exists and is configured.
        let result = unsafe { dpdk_sys::rte_eth_dev_set_mtu(self.id, mtu) };
        if result != -ENOTSUP {
            self.check("rte_eth_dev_set_mtu", result)?;
        }
        let mut in_effect = mtu;
        // SAFETY: `in_effect` is writable; the port exists.
        let result = unsafe { dpdk_sys::rte_eth_dev_get_mtu(self.id, &raw mut in_effect) };
        self.check("rte_eth_dev_get_mtu", result)?;
        Ok(in_effect)
    }

    fn set_up_queues(&mut self, config: &PortConfig, pool: &Mempool) -> Result<(), DpdkError> {
        let mut rx = config.rx_descriptors;
        let mut tx = config.tx_descriptors;
        // SAFETY: both are writable; the port exists.
        let result = unsafe {
            dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.id, &raw mut rx, &raw mut tx)
        };
        self.check("rte_eth_dev_adjust_nb_rx_tx_desc", result)?;
        // SAFETY: the port exists.
        let socket = unsafe { dpdk_sys::rte_eth_dev_socket_id(self.id) }.cast_unsigned();
        for queue in 0..config.queues {
            // SAFETY: the port is configured with more queues than `queue`, and
            // `self` keeps the pool; null asks for the driver's defaults.
            let result = unsafe {
                dpdk_sys::rte_eth_rx_queue_setup(self.id, queue, rx, socket, null(), pool.as_ptr())
            };
            self.check("rte_eth_rx_queue_setup", result)?;
            // SAFETY: as above.
            let result =
                unsafe { dpdk_sys::rte_eth_tx_queue_setup(self.id, queue, tx, socket, null()) };
            self.check("rte_eth_tx_queue_setup", result)?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), DpdkError> {
        // SAFETY: the port is configured and all its queues are set up.
        let result = unsafe { dpdk_sys::rte_eth_dev_start(self.id) };
        self.check("rte_eth_dev_start", result)?;
        self.started = true;
        Ok(())
    }

    /// So that frames for addresses other than the device's own come in.
    fn set_promiscuous(&mut self) -> Result<(), DpdkError> {
        // SAFETY: the port exists.
        let result = unsafe { dpdk_sys::rte_eth_promiscuous_enable(self.id) };
        if result == -ENOTSUP {
            return Ok(());
        }
        self.check("rte_eth_promiscuous_enable", result)
    }

    fn mac(&self) -> Result<[u8; 6], DpdkError> {
        let mut mac = rte_ether_addr::default();
        // SAFETY: `mac` is writable; the port exists.
        let result = unsafe { dpdk_sys::rte_eth_macaddr_get(self.id, &raw mut mac) };
        self.check("rte_eth_macaddr_get", result)?;
        Ok(mac.addr_bytes)
    }

    /// Turns a negative result into an error that names the device.
    pub(crate) fn check(&self, call: &'static str, result: c_int) -> Result<(), DpdkError> {
        match Errno::check(result) {
            Ok(_) => Ok(()),
            Err(errno) => Err(DpdkError::Call {
                call,
                subject: self.name.clone(),
                errno,
            }),
        }
    }
}

impl Drop for PortInner {
    /// What fails here is left to the end of the process.
    fn drop(&mut self) {
        let mut open_ports = self.eal.open_ports();
        if self.started {
            // SAFETY: the port is started. Every queue of it holds it, so no
            // thread receives or sends.
            unsafe { dpdk_sys::rte_eth_dev_stop(self.id) };
        }
        // SAFETY: the port is stopped; its number is not used after this.
        unsafe { dpdk_sys::rte_eth_dev_close(self.id) };
        if let Some(device) = self.probed {
            // SAFETY: the device was probed for this port, and nobody else
            // removes it.
            unsafe { dpdk_sys::rte_dev_remove(device.as_ptr()) };
        }
        open_ports.remove(&self.id);
    }
}

fn check_queues(
    config: &PortConfig,
    info: &rte_eth_dev_info,
    driver: &str,
) -> Result<(), DpdkError> {
    let (rx, tx, wanted) = (info.max_rx_queues, info.max_tx_queues, config.queues);
    if wanted <= rx && wanted <= tx {
        return Ok(());
    }
    let remedy = match driver {
        "net_af_packet" => format!("add \",qpairs={wanted}\" to the device"),
        "net_af_xdp" => format!("add \",queue_count={wanted}\" to the device"),
        "net_pcap" => format!("give the device {wanted} rx_pcap or rx_iface arguments"),
        _ => format!("configure at most {} workers", rx.min(tx)),
    };
    Err(DpdkError::TooFewQueues {
        device: config.device.clone(),
        driver: driver.into(),
        rx,
        tx,
        wanted,
        remedy,
    })
}

/// Devices limit the MTU itself, the whole frame, or both.
fn check_mtu(config: &PortConfig, info: &rte_eth_dev_info) -> Result<(), DpdkError> {
    let overhead = match info.max_rx_pktlen.checked_sub(u32::from(info.max_mtu)) {
        Some(overhead) if info.max_mtu != u16::MAX => overhead,
        _ => ETHERNET_OVERHEAD,
    };
    let by_frame = info.max_rx_pktlen.saturating_sub(overhead);
    let largest = u16::try_from(by_frame).map_or(info.max_mtu, |mtu| mtu.min(info.max_mtu));
    if (info.min_mtu..=largest).contains(&config.mtu) {
        return Ok(());
    }
    Err(DpdkError::MtuOutOfRange {
        device: config.device.clone(),
        mtu: config.mtu,
        smallest: info.min_mtu,
        largest,
    })
}

fn driver_name(info: &rte_eth_dev_info) -> String {
    if info.driver_name.is_null() {
        return String::from("unknown");
    }
    // SAFETY: not null, and a terminated constant of the driver.
    let name = unsafe { CStr::from_ptr(info.driver_name) };
    name.to_string_lossy().into_owned()
}

/// The first port that belongs to a device string.
fn first_port(device: &CStr) -> Option<u16> {
    let mut iterator = rte_dev_iterator::default();
    // SAFETY: `iterator` is writable and the string terminated; both outlive
    // the iteration, which ends in this function.
    let result = unsafe { dpdk_sys::rte_eth_iterator_init(&raw mut iterator, device.as_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: initialised above.
    let id = unsafe { dpdk_sys::rte_eth_iterator_next(&raw mut iterator) };
    // SAFETY: initialised above, not used after this; harmless at the end.
    unsafe { dpdk_sys::rte_eth_iterator_cleanup(&raw mut iterator) };
    (id != NO_PORT).then_some(id)
}

/// What the iterator says at its end.
const NO_PORT: u16 = dpdk_sys::PTL_NO_PORT;
/// Header and FCS, which DPDK counts in a frame where the driver does not say.
const ETHERNET_OVERHEAD: u32 = 18;
