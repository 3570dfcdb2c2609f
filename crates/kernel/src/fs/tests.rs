//! The image as a stranger's, file data against a plain model, and paths.

use super::{
    data::{Data, Origin},
    filesystem::Filesystem,
    image::{self as image_fs, ImageKind, ImageTree},
    testing::{MappedDisk, MemoryDisk, Random, boot, image, large_bytes, partitioned},
    *,
};
use crate::mm::vma::Access;
use std::string::ToString;

fn mount(bytes: Vec<u8>) -> Result<ImageTree, MountError> {
    image_fs::mount(Arc::new(MemoryDisk(bytes)), 64 << 10)
}

/// The number of what is at a path of an image.
fn find(tree: &ImageTree, path: &str) -> u32 {
    path.split('/').skip(1).fold(ImageTree::ROOT, |directory, name| {
        let child = tree.children(directory).find(|(child, _)| *child == name);
        child.unwrap_or_else(|| panic!("no {name} for {path}")).1
    })
}

fn read_all(path: &str) -> Vec<u8> {
    let open = open_kernel(path).unwrap();
    let mut bytes = vec![0; open.file.stat().unwrap().size.max(65536) as usize];
    let mut done = 0;
    loop {
        match open.file.read(done as u64, &mut bytes[done..]).unwrap() {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    bytes
}

#[test]
fn image_is_found_bare_and_in_the_second_partition() {
    for bytes in [image(), partitioned(&image())] {
        let rofs = mount(bytes).unwrap();
        let names: Vec<_> = rofs
            .children(ImageTree::ROOT)
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(names, ["bin", "etc", "link", "loop", "empty"]);
        assert_eq!(rofs.kind(find(&rofs, "/link")), Some(ImageKind::Link("bin/app")));
        assert_eq!(rofs.names(find(&rofs, "/bin/app")), 2);
        assert_eq!(find(&rofs, "/bin/app"), find(&rofs, "/bin/also"));
    }
}

#[test]
fn foreign_disks_are_named_as_such() {
    assert_eq!(mount(vec![]).err(), Some(MountError::NoFileSystem));
    assert_eq!(mount(vec![0; 4096]).err(), Some(MountError::NoFileSystem));
    let mut other_version = image();
    other_version[8] = 2;
    assert_eq!(mount(other_version).err(), Some(MountError::Version));
    let whole = image();
    assert_eq!(
        mount(whole[..whole.len() - 512].to_vec()).err(),
        Some(MountError::Truncated)
    );
    let mut beyond = partitioned(&whole);
    beyond.truncate(beyond.len() - 512);
    assert_eq!(mount(beyond).err(), Some(MountError::Truncated));
}

#[test]
fn directory_loops_are_refused() {
    // The inode table ends the image's content: make `empty` (6) claim the root's entries, `bin` among them.
    let mut bytes = image();
    let start = u64::from_le_bytes(bytes[24..32].try_into().unwrap()) as usize * 512;
    let mut at = start;
    for _ in 0..8 {
        at += 10 + usize::from(u16::from_le_bytes([bytes[at + 8], bytes[at + 9]]));
    }
    for _ in 0..2 {
        at += 2 + usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    }
    let empty = at + 5 * 32;
    bytes[empty + 24] = 5;
    assert!(matches!(mount(bytes), Err(MountError::Corrupt(_))));
}

#[test]
fn corrupted_images_never_panic_or_hang() {
    let good = image();
    let start = u64::from_le_bytes(good[24..32].try_into().unwrap()) as usize * 512;
    let mut random = Random::new(7);
    let mut mounted = 0;
    for round in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            // Superblock or structure area, where it hurts.
            let at = if round % 4 == 0 {
                random.below(64)
            } else {
                start + random.below(good.len() - start)
            };
            bytes[at] = match random.below(3) {
                0 => 0xff,
                1 => bytes[at] ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
        }
        let Ok(rofs) = mount(bytes) else { continue };
        mounted += 1;
        walk(&Arc::new(rofs));
    }
    // Some damage does not show (a name, a permission bit); what mounts has to be walkable.
    assert!(mounted > 100, "{mounted}");
}

/// Reads everything in a mounted image.
fn walk(rofs: &Arc<ImageTree>) {
    let fs = Filesystem::new("test", 0, 16);
    let mut pending = vec![Node::root(&fs, Some(rofs))];
    let mut seen = 0;
    while let Some(node) = pending.pop() {
        seen += 1;
        assert!(seen < 100, "a loop");
        match &node.body {
            Body::Directory(entries) => {
                let mut from = 0;
                while let Some(entry) = entries.next(&node, from) {
                    from = entry.cookie + 1;
                    pending.push(node.child(&entry.name).unwrap());
                }
            }
            Body::Regular(data) => {
                let mut buffer = vec![0; 400_000];
                data.read(0, &mut buffer).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn data_is_what_a_vector_would_be() {
    let original = large_bytes();
    let rofs = mount(image()).unwrap();
    let disk = Arc::new(MappedDisk::of(&image()));
    let mapped = image_fs::mount(disk.clone(), 64 << 10).unwrap();
    let Some(ImageKind::Regular(extent)) = rofs.kind(find(&rofs, "/bin/app")) else {
        panic!("no large file")
    };
    let of_image = |image: &ImageTree| {
        let origin = Origin::Image(image.image().clone(), extent);
        (origin, original[..extent.size as usize].to_vec())
    };
    for seed in 0..80 {
        let fs = Filesystem::new("test", 0, 10_000);
        let origin = match seed % 4 {
            0 => (Origin::Empty, Vec::new()),
            1 => of_image(&rofs),
            2 => of_image(&mapped),
            _ => (Origin::Bytes(original[..5000].into()), original[..5000].to_vec()),
        };
        let (data, mut model) = (Data::new(fs.clone(), origin.0, origin.1.len() as u64), origin.1);
        if seed % 4 == 2 {
            let whole = model.len() as u64 / 4096;
            let in_place = (0..whole).filter(|&index| check_page(&data, &model, index, Access::Read, &disk));
            assert_eq!(
                in_place.count() as u64,
                whole,
                "pages of the image are mapped where they are"
            );
        }
        let mut random = Random::new(seed + 1);
        for step in 0..300 {
            let (at, len) = (random.below(40_000), random.below(20_000));
            match random.below(10) {
                8 => drop(check_page(&data, &model, at as u64 / 4096, Access::Read, &disk)),
                9 => {
                    check_page(&data, &model, at as u64 / 4096, Access::Write, &disk);
                }
                0..=2 => {
                    let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
                    assert_eq!(data.write(at as u64, &bytes), Ok(len));
                    if len > 0 {
                        model.resize(model.len().max(at + len), 0);
                        model[at..at + len].copy_from_slice(&bytes);
                    }
                }
                3 => {
                    data.truncate(at as u64).unwrap();
                    model.resize(at, 0);
                }
                4 => {
                    data.zero(at as u64..(at + len) as u64).unwrap();
                    let (at, end) = (at.min(model.len()), (at + len).min(model.len()));
                    model[at..end].fill(0);
                }
                _ => {
                    let mut buffer = vec![0xee; len];
                    let expected = &model[at.min(model.len())..(at + len).min(model.len())];
                    assert_eq!(data.read(at as u64, &mut buffer), Ok(expected.len()));
                    assert!(&buffer[..expected.len()] == expected, "seed {seed} step {step}");
                    assert!(
                        buffer[expected.len()..].iter().all(|&byte| byte == 0xee),
                        "written past the end"
                    );
                }
            }
            assert_eq!(data.size(), model.len() as u64);
        }
        drop(data);
        assert_eq!(fs.usage().0, 0, "pages leaked");
    }
}

/// What a mapping sees of a page must be what the model has there, and zeros past its end. True if the page is the disk's own.
fn check_page(data: &Data, model: &[u8], index: u64, access: Access, disk: &MappedDisk) -> bool {
    let page = data.page(index, access);
    let start = index as usize * 4096;
    if start >= model.len() {
        assert_eq!(page, Err(Errno::ENXIO));
        return false;
    }
    let page = page.unwrap().unwrap();
    // SAFETY: on the host a page's guest-physical address is its address, and the file keeps it.
    let seen = unsafe { std::slice::from_raw_parts(page.frame as *const u8, 4096) };
    let mut expected = model[start..model.len().min(start + 4096)].to_vec();
    expected.resize(4096, 0);
    assert!(seen == expected, "page {index}");
    assert_eq!(page.writable, access == Access::Write || page.writable);
    assert!(
        !(page.writable && disk.has(page.frame)),
        "the image would be written"
    );
    disk.has(page.frame)
}

#[test]
fn memory_files_have_a_limit() {
    let fs = Filesystem::new("test", 0, 3);
    let data = Data::new(fs.clone(), Origin::Empty, 0);
    assert_eq!(data.write(0, &vec![1; 5 * 4096]), Ok(3 * 4096));
    assert_eq!(data.write(3 * 4096, b"x"), Err(Errno::ENOSPC));
    data.truncate(0).unwrap();
    assert_eq!(data.write(1 << 40, b"x"), Ok(1));
    assert_eq!(fs.usage().0, 1);
    assert_eq!(data.truncate(u64::MAX), Err(Errno::EFBIG));
    assert_eq!(data.write(MAX_SIZE, b"x"), Err(Errno::EFBIG));
    data.zero(0..MAX_SIZE).unwrap();
    assert_eq!(fs.usage().0, 0);
}

#[test]
fn large_reads_pass_the_cache_and_small_ones_agree_with_them() {
    boot();
    let expected = large_bytes();
    assert!(read_all("/bin/app") == expected);
    let open = open_kernel("/bin/also").unwrap();
    let mut random = Random::new(3);
    for _ in 0..500 {
        let (at, len) = (random.below(expected.len()), random.below(70_000));
        let mut buffer = vec![0; len];
        let count = open.file.read(at as u64, &mut buffer).unwrap();
        assert!(buffer[..count] == expected[at..(at + len).min(expected.len())]);
    }
}

#[test]
fn paths() {
    boot();
    let name_of_256 = "x".repeat(256);
    let long = format!("/{name_of_256}");
    let through_long = format!("/{name_of_256}/x");
    let table: &[(&str, bool, Result<u32>)] = &[
        ("/", true, Ok(raw::S_IFDIR)),
        ("//", true, Ok(raw::S_IFDIR)),
        ("/..", true, Ok(raw::S_IFDIR)),
        ("/bin/../bin/./app", true, Ok(raw::S_IFREG)),
        ("/bin/app/", true, Err(Errno::ENOTDIR)),
        ("/bin/app/.", true, Err(Errno::ENOTDIR)),
        ("/bin/app/..", true, Err(Errno::ENOTDIR)),
        ("/bin/app/x", true, Err(Errno::ENOTDIR)),
        ("/nothing", true, Err(Errno::ENOENT)),
        ("/nothing/x", true, Err(Errno::ENOENT)),
        ("", true, Err(Errno::ENOENT)),
        ("/link", true, Ok(raw::S_IFREG)),
        ("/link", false, Ok(raw::S_IFLNK)),
        ("/link/", false, Err(Errno::ENOTDIR)),
        ("/loop", true, Err(Errno::ELOOP)),
        ("/loop", false, Ok(raw::S_IFLNK)),
        ("/loop/x", false, Err(Errno::ELOOP)),
        (&long, true, Err(Errno::ENAMETOOLONG)),
        (&through_long, true, Err(Errno::ENAMETOOLONG)),
        ("/proc/self", true, Ok(raw::S_IFDIR)),
        ("/proc/self", false, Ok(raw::S_IFLNK)),
        ("/proc/self/exe", true, Ok(raw::S_IFREG)),
        ("/proc/self/fd/0", true, Ok(raw::S_IFCHR)),
        ("/proc/self/task/1/../../status", true, Ok(raw::S_IFREG)),
        ("/dev/fd/0", true, Ok(raw::S_IFCHR)),
        ("/dev/null", true, Ok(raw::S_IFCHR)),
        ("/dev/shm/..", true, Ok(raw::S_IFDIR)),
        ("/sys/fs/cgroup", true, Err(Errno::ENOENT)),
    ];
    for (path, follow, expected) in table {
        let found = at_root(path)
            .unwrap()
            .find(*follow)
            .and_then(Found::node)
            .map(|node| node.kind());
        assert_eq!(found, *expected, "{path}");
    }
}

#[test]
fn an_image_keeps_its_etc_and_gets_what_it_lacks() {
    boot();
    assert!(read_all("/etc/motd").starts_with(b"hello\n"));
    assert_eq!(read_all("/etc/hostname"), b"guest\n");
    assert_eq!(
        String::from_utf8(read_all("/etc/hosts")).unwrap(),
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfd00::7\tdb\n"
    );
    assert_eq!(
        read_all("/etc/resolv.conf"),
        b"nameserver 10.0.0.1\nsearch lan example.org\n"
    );
    assert!(read_all("/etc/passwd").starts_with(b"root:x:0:0:"));
}

#[test]
fn kernel_files_have_text() {
    boot();
    let text = |path| String::from_utf8(read_all(path)).unwrap();
    assert!(text("/proc/meminfo").contains("MemTotal:"));
    assert!(text("/proc/cpuinfo").contains("processor\t: 0\n"));
    assert_eq!(
        text("/proc/self/stat")
            .split_once(") ")
            .unwrap()
            .1
            .split_whitespace()
            .count(),
        50
    );
    assert!(text("/proc/self/status").contains("Threads:\t"));
    assert!(text("/proc/self/limits").contains("Max open files"));
    assert!(text("/proc/mounts").contains("proc /proc proc "));
    assert_eq!(text("/proc/self/mountinfo").lines().count(), 4);
    assert_eq!(
        text("/proc/sys/kernel/random/uuid")
            .trim_end()
            .split('-')
            .map(str::len)
            .collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert_eq!(
        text("/proc/sys/kernel/random/boot_id"),
        text("/proc/sys/kernel/random/boot_id")
    );
    assert_eq!(text("/sys/devices/system/cpu/online"), "0\n");
    let mut names = [[0u8; 65]; 6];
    let args = crate::syscall::Args([names.as_mut_ptr() as u64, 0, 0, 0, 0, 0]);
    assert_eq!(crate::syscall::dispatch(u64::from(raw::__NR_uname), &args), 0);
    let release = text("/proc/sys/kernel/osrelease");
    assert!(names[2].starts_with(release.trim_end().as_bytes()));
    let statm = text("/proc/self/statm");
    assert_eq!(statm.split_whitespace().count(), 7);
}
