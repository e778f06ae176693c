//! What can go wrong when the appliance starts, with enough context to put it right.

use std::ffi::CStr;
use std::fmt;

/// Why DPDK would not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DpdkError {
    /// The environment exists once in a process.
    #[error("EAL was initialised before in this process, and can be only once")]
    AlreadyInitialised,

    /// Text that C cannot take.
    #[error("{0:?} contains a NUL character; take it out")]
    NulCharacter(String),

    /// The environment did not start.
    #[error("EAL did not start with {args:?}: {}{hint}", eal_reason(*errno))]
    EalInit {
        /// The arguments given.
        args: Vec<String>,
        /// Why.
        errno: Errno,
        /// What would be right, if that is known.
        hint: EalHint,
    },

    /// No driver made a port of this device string.
    #[error(
        "device {device:?} cannot be opened: {}; give the PCI address of a device bound to vfio-pci, \
         or a virtual device with its arguments, as in \"net_af_packet0,iface=eth0\"",
        probe_reason(*errno)
    )]
    NoSuchDevice {
        /// The device string.
        device: String,
        /// Why.
        errno: Errno,
    },

    /// Two ports with one device.
    #[error("device {device:?} is open already; give each port a device of its own")]
    AlreadyOpen {
        /// The device string.
        device: String,
    },

    /// Fewer queues than workers.
    #[error(
        "device {device:?} (driver {driver}) has {rx} receive and {tx} transmit queues, but {wanted} workers need {wanted} of each; {remedy}"
    )]
    TooFewQueues {
        /// The device string.
        device: String,
        /// Its driver.
        driver: String,
        /// Receive queues it has.
        rx: u16,
        /// Transmit queues it has.
        tx: u16,
        /// Queues asked for.
        wanted: u16,
        /// What would be right.
        remedy: String,
    },

    /// The device's frames are shorter than asked for.
    #[error("device {device:?} takes an MTU of {smallest} to {largest}, not {mtu}")]
    MtuOutOfRange {
        /// The device string.
        device: String,
        /// What was asked for.
        mtu: u16,
        /// The device's smallest.
        smallest: u16,
        /// The device's largest.
        largest: u16,
    },

    /// A hash key that is too short.
    #[error("device {device:?} needs a hash key of {needed} bytes, not {given}")]
    RssKeyTooShort {
        /// The device string.
        device: String,
        /// Bytes given.
        given: usize,
        /// Bytes needed.
        needed: usize,
    },

    /// Some call failed.
    #[error("{call} for {subject:?}: {errno}")]
    Call {
        /// The function of DPDK.
        call: &'static str,
        /// What it was called for: a device, a pool, a ring.
        subject: String,
        /// Why.
        errno: Errno,
    },

    /// The environment cannot be cleaned up while it is used.
    #[error("EAL is still used by a port, a pool, a ring or a thread; drop those first")]
    InUse,
}

/// An error number of the system or of DPDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// The calling thread's `rte_errno`.
    pub(crate) fn last() -> Self {
        Self(rte_sys::ptl_errno())
    }

    /// Splits what calls return that give a negative error number.
    pub(crate) fn check(result: i32) -> Result<i32, Self> {
        if result < 0 {
            Err(Self(result.saturating_neg()))
        } else {
            Ok(result)
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: takes any number and returns a string that is constant or the
        // calling thread's own.
        let text = unsafe { dpdk_sys::rte_strerror(self.0) };
        // SAFETY: never null, terminated, and not written before this thread's
        // next call of `rte_strerror`.
        let text = unsafe { CStr::from_ptr(text) };
        write!(f, "{} (error {})", text.to_string_lossy(), self.0)
    }
}

/// EAL calls missing huge pages a lack of permission.
fn eal_reason(errno: Errno) -> String {
    match errno.0 {
        EACCES => String::from("it found no huge pages it could take"),
        _ => errno.to_string(),
    }
}

/// Many drivers return -1 for whatever went wrong, which is not a lack of permission.
fn probe_reason(errno: Errno) -> String {
    match errno.0 {
        EPERM => String::from("its driver refused, with the message above"),
        _ => errno.to_string(),
    }
}

/// What to do about an environment that did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EalHint {
    /// Nothing is known.
    None,
    /// There is no memory of the kind asked for.
    Memory,
    /// An argument is unknown or wrong.
    Arguments,
}

impl EalHint {
    pub(crate) fn of(errno: Errno) -> Self {
        match errno.0 {
            EACCES | ENOMEM => Self::Memory,
            EINVAL => Self::Arguments,
            _ => Self::None,
        }
    }
}

impl fmt::Display for EalHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::Memory => {
                "; most likely there are not enough free huge pages: run as root and reserve some \
                 (echo 512 > /proc/sys/vm/nr_hugepages gives 1 GiB), ask for less (memory_mb), \
                 or do without by \"--no-huge\" in eal_args; `portolan doctor -c FILE` tells \
                 how many are missing"
            }
            Self::Arguments => "; most likely an argument is wrong, see EAL's own message above",
        })
    }
}

pub(crate) const EEXIST: i32 = 17;
pub(crate) const ENODEV: i32 = 19;
pub(crate) const ENOTSUP: i32 = 95;
const EPERM: i32 = 1;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_memory_says_what_to_do() {
        let errno = Errno(ENOMEM);
        let text = DpdkError::EalInit {
            args: vec!["-m".into(), "256".into()],
            errno,
            hint: EalHint::of(errno),
        }
        .to_string();
        assert!(text.contains("Cannot allocate memory"), "{text}");
        assert!(text.contains("nr_hugepages"), "{text}");
        assert!(text.contains("--no-huge"), "{text}");
        assert!(text.contains("portolan doctor"), "{text}");
    }

    #[test]
    fn missing_huge_pages_are_no_lack_of_permission() {
        let errno = Errno(EACCES);
        let text = DpdkError::EalInit {
            args: Vec::new(),
            errno,
            hint: EalHint::of(errno),
        }
        .to_string();
        assert!(!text.contains("ermission"), "{text}");
        assert!(text.contains("huge pages"), "{text}");
    }

    #[test]
    fn negative_results_are_errors() {
        assert_eq!(Errno::check(-ENODEV), Err(Errno(ENODEV)));
        assert_eq!(Errno::check(3), Ok(3));
    }
}
