//! Requests of honest and hostile drivers, and what lies in the window.

use std::fs;

use super::*;
use crate::devices::virtio::testing::{DATA, Rig, WRITE};

struct Image(std::path::PathBuf);

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn image(name: &str, bytes: &[u8]) -> Image {
    let path = std::env::temp_dir().join(format!("uigniter-pmem-{name}-{}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    Image(path)
}

fn window_bytes(window: &Window, at: usize, count: usize) -> Vec<u8> {
    // SAFETY: the window is readable for all of its length.
    unsafe { std::slice::from_raw_parts((window.host_address() as *const u8).add(at), count) }.to_vec()
}

#[test]
fn the_driver_learns_where_the_file_is() {
    let image = image("config", &[7; 5000]);
    let mut backing = Backing::open(&image.0, true).unwrap();
    backing.place(5 << 30);
    let rig = Rig::new(Pmem::new(backing));
    assert_eq!(rig.get(0x08), ID);
    let config: Vec<u32> = (0..5).map(|word| rig.get(0x100 + word * 4)).collect();
    assert_eq!(config, [1 << 30, 1, 2 << 20, 0, 0], "start and size, no more");
}

#[test]
fn the_window_shows_the_file_and_zeros_behind_it() {
    let image = image("window", &[7; 5000]);
    let backing = Backing::open(&image.0, true).unwrap();
    let window = Window::reserve(backing.size()).unwrap();
    assert_eq!(window_bytes(&window, 0, 2), [0, 0]);
    backing.map(&window).unwrap();
    assert_eq!(window_bytes(&window, 4998, 4), [7, 7, 0, 0]);
    assert_eq!(window_bytes(&window, 8192, 1), [0]);
    // A shorter file over it leaves nothing of the longer one.
    let short = self::image("short", &[9]);
    Backing::open(&short.0, true).unwrap().map(&window).unwrap();
    assert_eq!(window_bytes(&window, 0, 2), [9, 0]);
    assert_eq!(window_bytes(&window, 4096, 1), [0]);
}

#[test]
fn what_cannot_be_memory_is_refused_by_name() {
    let empty = image("empty", b"");
    let text = |path: &std::path::Path| Backing::open(path, true).unwrap_err().to_string();
    assert!(text(&empty.0).contains("has 0 bytes"));
    assert!(text(std::path::Path::new("/dev/null")).contains("regular file"));
    assert!(text(std::path::Path::new("/nothing/there")).contains("cannot open /nothing/there"));
}

#[test]
fn flushes_are_answered_and_nonsense_is_refused() {
    let image = image("flush", &[1; 4096]);
    let mut rig = Rig::new(Pmem::new(Backing::open(&image.0, false).unwrap()));
    rig.activate(0, 1);
    for (index, (kind, length, expected)) in [(0u32, 4, 0u8), (1, 4, 1), (0, 3, 1)].into_iter().enumerate() {
        vm_memory::Bytes::write_obj(&*rig.memory, kind, vm_memory::GuestAddress(DATA)).unwrap();
        rig.offer(0, &[(DATA, length, 0), (DATA + 64, 4, WRITE)]);
        rig.ring(0);
        assert_eq!(rig.used_element(0, index as u16).1, 4);
        assert_eq!(rig.bytes(DATA + 64, 4), [expected, 0, 0, 0], "request {index}");
    }
}

#[test]
fn hostile_drivers_are_survived() {
    let image = image("hostile", &[1; 4096]);
    for seed in 0..8 {
        let backing = Backing::open(&image.0, true).unwrap();
        Rig::new(Pmem::new(backing)).torment(seed, 20_000, 1 << 28 | (seed & 1) << 29, 1);
    }
}
