//! Compiles the shim with the flags `dpdk-sys` found.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=shim.c");
    let cflags = env::var("DEP_DPDK_CFLAGS")?;
    let mut build = cc::Build::new();
    build.file("shim.c").warnings(true).extra_warnings(true);
    // Its whole point is to be fast, in development builds too.
    build.opt_level(3);
    for flag in cflags.split_whitespace() {
        // DPDK's own headers are not ours to warn about.
        match flag.strip_prefix("-I") {
            Some(path) => build.flag("-isystem").flag(path),
            None => build.flag(flag),
        };
    }
    build.try_compile("portolan_shim")?;
    Ok(())
}
