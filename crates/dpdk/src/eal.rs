//! DPDK's environment: memory, devices, threads.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{DpdkError, EEXIST, EalHint, Errno};

/// The environment. Everything else is made from it and keeps it alive; it is
/// cleaned up when the last of them is dropped.
#[derive(Debug)]
pub struct Eal {
    pub(crate) inner: Arc<EalInner>,
}

impl Eal {
    /// Starts DPDK with these arguments, nothing added (the program's name goes
    /// in front of them). Drivers of shared builds are loaded from where the
    /// distribution put them.
    ///
    /// Pins the calling thread to EAL's main core: the first of `-l` or `--lcores`.
    ///
    /// # Errors
    ///
    /// [`DpdkError::AlreadyInitialised`] from the second call on, whatever the
    /// first gave; [`DpdkError::EalInit`] if DPDK refuses.
    pub fn init(args: &[String]) -> Result<Self, DpdkError> {
        let mut strings = vec![CString::from(PROGRAM)];
        for arg in args {
            strings.push(c_string(arg)?);
        }
        if INITIALISED.swap(true, Ordering::SeqCst) {
            return Err(DpdkError::AlreadyInitialised);
        }
        // EAL keeps pointers to some of its arguments, and reorders the array:
        // both are given to it for good.
        let count = strings.len();
        let mut argv: Vec<*mut c_char> = strings.into_iter().map(CString::into_raw).collect();
        argv.push(std::ptr::null_mut());
        let argv = argv.leak();
        let argc = c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: `argv` holds `argc` terminated strings and a null, all writable
        // and never freed; the flag above makes this the only call.
        let parsed = unsafe { dpdk_sys::rte_eal_init(argc, argv.as_mut_ptr()) };
        if parsed < 0 {
            let errno = Errno::last();
            return Err(DpdkError::EalInit {
                args: args.to_vec(),
                errno,
                hint: EalHint::of(errno),
            });
        }
        Ok(Self {
            inner: Arc::new(EalInner {
                open_ports: Mutex::new(BTreeSet::new()),
                unfreed_pools: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Makes the calling thread known to DPDK until the result is dropped, which
    /// gives it a cache of its own in every pool. For worker threads that were
    /// not started by DPDK.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if there are more threads than DPDK has numbers for,
    /// or the thread is known already, as the one that started EAL is.
    pub fn register_thread(&self) -> Result<Registration, DpdkError> {
        let refused = |errno| DpdkError::Call {
            call: "rte_thread_register",
            subject: thread::current().name().unwrap_or("thread").into(),
            errno,
        };
        // DPDK would give it a second number, and lose the first.
        if rte_sys::ptl_thread_known() {
            return Err(refused(Errno(EEXIST)));
        }
        // SAFETY: DPDK is initialised, as `self` exists.
        let result = unsafe { dpdk_sys::rte_thread_register() };
        if result < 0 {
            return Err(refused(Errno::last()));
        }
        Ok(Registration {
            _eal: Arc::clone(&self.inner),
            _this_thread: PhantomData,
        })
    }

    /// Whether packet buffers lie in huge pages; not with `--no-huge`.
    #[must_use]
    pub fn has_huge_pages(&self) -> bool {
        // SAFETY: DPDK is initialised, as `self` exists.
        unsafe { dpdk_sys::rte_eal_has_hugepages() != 0 }
    }

    /// Cleans up. Dropping does the same where nothing else keeps it alive;
    /// this tells whether it came to that.
    ///
    /// # Errors
    ///
    /// [`DpdkError::InUse`] while something made from it lives (which then cleans
    /// up when it is dropped) or packets are still held.
    pub fn shutdown(self) -> Result<(), DpdkError> {
        let inner = Arc::into_inner(self.inner).ok_or(DpdkError::InUse)?;
        if inner.free_pools() {
            Ok(())
        } else {
            Err(DpdkError::InUse)
        }
    }
}

/// The release of DPDK that was loaded, as it calls itself: `DPDK 22.11.11`.
#[must_use]
pub fn version() -> &'static str {
    // SAFETY: needs no environment; returns a string that is written on the
    // first call and the same ever after.
    let text = unsafe { dpdk_sys::rte_version() };
    // SAFETY: never null, terminated, lives as long as the program.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().unwrap_or("DPDK")
}

/// A thread known to DPDK. Stays on its thread.
#[derive(Debug)]
pub struct Registration {
    _eal: Arc<EalInner>,
    _this_thread: PhantomData<*const ()>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: this type is not `Send`, so this is the thread that registered,
        // and the environment is held until after this.
        unsafe { dpdk_sys::rte_thread_unregister() };
    }
}

/// The environment itself, cleaned up on drop.
#[derive(Debug)]
pub(crate) struct EalInner {
    open_ports: Mutex<BTreeSet<u16>>,
    unfreed_pools: Mutex<Vec<PoolPtr>>,
}

/// A pool nobody but its buffers refers to any more.
#[derive(Debug)]
struct PoolPtr(NonNull<dpdk_sys::rte_mempool>);

// SAFETY: a pool may be counted and freed from any thread; only the list's
// owner does.
unsafe impl Send for PoolPtr {}

impl EalInner {
    /// The open ports. Held while ports are opened and closed, as DPDK wants
    /// that done by one thread at a time.
    pub(crate) fn open_ports(&self) -> MutexGuard<'_, BTreeSet<u16>> {
        self.open_ports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a pool whose last owner is gone, to be freed when all its
    /// buffers are back.
    pub(crate) fn give_up_pool(&self, pool: NonNull<dpdk_sys::rte_mempool>) {
        self.unfreed_pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(PoolPtr(pool));
        self.free_pools();
    }

    /// Frees the given-up pools that are whole; true if none remains.
    fn free_pools(&self) -> bool {
        let mut pools = self
            .unfreed_pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| {
            // SAFETY: the pool lives until it is freed below, and is then off the list.
            let used = unsafe { dpdk_sys::rte_mempool_in_use_count(pool.0.as_ptr()) };
            if used == 0 {
                // SAFETY: its owners are gone, and so are all buffers; nothing
                // can reach it.
                unsafe { dpdk_sys::rte_mempool_free(pool.0.as_ptr()) };
            }
            used != 0
        });
        pools.is_empty()
    }
}

impl Drop for EalInner {
    fn drop(&mut self) {
        // While a packet is held somewhere its memory must stay: the process
        // then ends without cleaning up, and the system takes the memory back.
        if self.free_pools() {
            // SAFETY: initialised once, cleaned up once: this is the only owner.
            // Ports, pools, rings and registrations hold the environment, so
            // none is left.
            unsafe { dpdk_sys::rte_eal_cleanup() };
        }
    }
}

/// A string for C.
pub(crate) fn c_string(text: &str) -> Result<CString, DpdkError> {
    CString::new(text).map_err(|_| DpdkError::NulCharacter(text.into()))
}

static INITIALISED: AtomicBool = AtomicBool::new(false);
const PROGRAM: &CStr = c"portolan";
