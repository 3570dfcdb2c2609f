//! Tells the crate whether it is built with counters (`-C instrument-coverage`).

fn main() {
    println!("cargo::rustc-check-cfg=cfg(counters)");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if flags.contains("instrument-coverage") {
        println!("cargo::rustc-cfg=counters");
    }
}
