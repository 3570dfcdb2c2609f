//! Tells the linker how the bootable kernel is laid out; the library needs nothing.

fn main() {
    let script = format!(
        "{}/kernel.ld",
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default()
    );
    println!("cargo:rerun-if-changed={script}");
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,-z,norelro",
        "-Wl,-z,noseparate-code",
        "-Wl,-z,max-page-size=0x1000",
        "-Wl,--no-relax",
        "-Wl,-n",
    ] {
        println!("cargo:rustc-link-arg-bin=uigniter-kernel={argument}");
    }
    println!("cargo:rustc-link-arg-bin=uigniter-kernel=-Wl,-T,{script}");
}
