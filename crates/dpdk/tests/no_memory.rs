//! Starting without the memory asked for; in a process of its own, as EAL can
//! be started only once.
#![allow(clippy::unwrap_used, reason = "a test")]

use dpdk::{DpdkError, Eal};

/// Four terabytes of huge pages, which no machine that runs tests has.
#[test]
fn too_little_memory_says_what_to_do() {
    let args = ["-l", "0", "--in-memory", "--no-pci", "-m", "4000000"].map(String::from);
    let error = Eal::init(&args).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DpdkError::EalInit { .. }), "{text}");
    assert!(
        text.contains("nr_hugepages") && text.contains("--no-huge"),
        "{text}"
    );
    assert!(text.contains("4000000"), "{text}");
}
