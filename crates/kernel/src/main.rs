//! The bootable kernel: everything is in the library; here are only the things that a program without `std` must name.
#![no_std]
#![no_main]

#[global_allocator]
static HEAP: uigniter_kernel::mm::heap::Heap = uigniter_kernel::mm::heap::Heap;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    uigniter_kernel::boot::crash::panic(info)
}
