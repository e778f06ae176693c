//! Finds DPDK by pkg-config and makes bindings of what `crates/dpdk` uses,
//! nothing else.
//!
//! Passes on to dependents, as `DEP_DPDK_CFLAGS`, the compiler flags.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// The oldest release that is supported.
const OLDEST: &str = "22.11";

/// Libraries whose functions are called, here or by the shim. Newer releases
/// split some out of others, so each is linked only where it exists. Drivers
/// are not linked: EAL loads them when it starts.
const LIBRARIES: &[&str] = &[
    "rte_ethdev",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_eal",
    "rte_log",
];

const FUNCTIONS: &[&str] = &[
    "rte_dev_probe",
    "rte_dev_remove",
    "rte_eal_cleanup",
    "rte_eal_has_hugepages",
    "rte_eal_init",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
    "rte_eth_dev_configure",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_info_get",
    "rte_eth_dev_rss_hash_conf_get",
    "rte_eth_dev_rss_reta_query",
    "rte_eth_dev_rss_reta_update",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_iterator_cleanup",
    "rte_eth_iterator_init",
    "rte_eth_iterator_next",
    "rte_eth_macaddr_get",
    "rte_eth_promiscuous_enable",
    "rte_eth_rx_queue_setup",
    "rte_eth_stats_get",
    "rte_eth_tx_queue_setup",
    "rte_mempool_free",
    "rte_mempool_in_use_count",
    "rte_pktmbuf_free_bulk",
    "rte_pktmbuf_pool_create",
    "rte_ring_create",
    "rte_ring_free",
    "rte_strerror",
    "rte_thread_register",
    "rte_thread_unregister",
    "rte_version",
];

const TYPES: &[&str] = &[
    "rte_dev_iterator",
    "rte_eth_conf",
    "rte_eth_dev_info",
    "rte_eth_rss_reta_entry64",
    "rte_eth_stats",
    "rte_ether_addr",
];

/// Known by name only.
const OPAQUE: &[&str] = &[
    "rte_device",
    "rte_mempool",
    "rte_ring",
    "rte_bus",
    "rte_class",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=wrapper.h");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");

    let found = pkg_config::Config::new()
        .atleast_version(OLDEST)
        .cargo_metadata(false)
        .probe("libdpdk")
        .map_err(|error| {
            format!("DPDK {OLDEST} or newer is needed (Debian: libdpdk-dev, libclang-dev): {error}")
        })?;
    for path in &found.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for library in LIBRARIES {
        if found.libs.iter().any(|lib| lib == library) {
            println!("cargo::rustc-link-lib=dylib={library}");
        }
    }

    // The flags as they are: DPDK's headers need `-include rte_config.h` and
    // the instruction set they were configured for.
    let cflags = cflags()?;
    println!("cargo::metadata=CFLAGS={cflags}");

    let mut builder = bindgen::Builder::default()
        .header("wrapper.h")
        .clang_args(cflags.split_whitespace())
        .allowlist_var("PTL_.*")
        .blocklist_type("rte_mbuf")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .layout_tests(true)
        .derive_default(true)
        .generate_comments(false)
        .merge_extern_blocks(true)
        .use_core();
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    for name in TYPES {
        builder = builder.allowlist_type(name);
    }
    for name in OPAQUE {
        builder = builder.opaque_type(name);
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("bindings.rs");
    builder.generate()?.write_to_file(out)?;
    Ok(())
}

fn cflags() -> Result<String, Box<dyn Error>> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(program)
        .args(["--cflags", "libdpdk"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
