//! Volumes on a disk in memory that remembers what was written when, so that it can be pulled out at any moment. `e2fsck` is the judge.

use super::*;
use crate::{
    drivers::block::{BlockDevice, BlockError},
    fs::{
        NodeFile, ops,
        path::{At, Limits},
        permission::Asker,
        testing::Random,
    },
};
use linux_raw_sys::general as raw;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::Mutex,
};
use uigniter_abi::boot_args::{Mount, MountSource};

const BLOCK: usize = disk::BLOCK;

enum Event {
    Write(usize, Box<[u8]>),
    Flush,
}

/// A disk that remembers.
#[derive(Default)]
struct Recorder {
    bytes: Mutex<Vec<u8>>,
    events: Mutex<Vec<Event>>,
    /// Requests that still succeed.
    patience: Mutex<Option<usize>>,
    read_only: bool,
}

impl Recorder {
    fn of(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(bytes),
            ..Self::default()
        })
    }

    fn formatted(mib: usize) -> Arc<Self> {
        let file = tempfile::NamedTempFile::new().unwrap();
        uigniter_image::volume::format(file.reopen().unwrap(), (mib as u64) << 20).unwrap();
        Self::of(std::fs::read(file.path()).unwrap())
    }

    fn works(&self) -> Result<(), BlockError> {
        match &mut *self.patience.lock().unwrap() {
            Some(0) => Err(BlockError::Io),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn now(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    /// What the disk may have if the power goes after `events`: what was flushed, and of the rest whatever.
    fn pulled(&self, base: &[u8], events: usize, random: &mut Random) -> Vec<u8> {
        let all = self.events.lock().unwrap();
        let all = &all[..events];
        let safe = all
            .iter()
            .rposition(|event| matches!(event, Event::Flush))
            .unwrap_or(0);
        let mut bytes = base.to_vec();
        for (index, event) in all.iter().enumerate() {
            if let Event::Write(at, block) = event
                && (index < safe || random.below(2) == 0)
            {
                bytes[*at..at + block.len()].copy_from_slice(block);
            }
        }
        bytes
    }
}

impl BlockDevice for Recorder {
    fn capacity_sectors(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64 / 512
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        self.works()?;
        let at = sector as usize * 512;
        let bytes = self.bytes.lock().unwrap();
        buffer.copy_from_slice(bytes.get(at..at + buffer.len()).ok_or(BlockError::OutOfRange)?);
        Ok(())
    }

    fn write(&self, sector: u64, buffer: &[u8]) -> Result<(), BlockError> {
        self.works()?;
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        let at = sector as usize * 512;
        let mut bytes = self.bytes.lock().unwrap();
        let there = bytes
            .get_mut(at..at + buffer.len())
            .ok_or(BlockError::OutOfRange)?;
        there.copy_from_slice(buffer);
        let mut events = self.events.lock().unwrap();
        for (index, part) in buffer.chunks(BLOCK).enumerate() {
            events.push(Event::Write(at + index * BLOCK, part.into()));
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.works()?;
        self.events.lock().unwrap().push(Event::Flush);
        Ok(())
    }

    fn id(&self) -> String {
        "disk".into()
    }
}

/// A tree with the volume at `/v`.
struct World {
    root: Arc<Node>,
    volume: Arc<Volume>,
}

impl World {
    fn mount(disk: &Arc<Recorder>, read_only: bool) -> core::result::Result<Self, String> {
        let disk: Arc<dyn BlockDevice> = disk.clone();
        Self::of(&disk, read_only)
    }

    fn of(disk: &Arc<dyn BlockDevice>, read_only: bool) -> core::result::Result<Self, String> {
        let fs = super::super::filesystem::Filesystem::new("tmpfs", 0, 100);
        let root = Node::root(&fs, None);
        let mount = Mount {
            source: MountSource::Block("disk".into()),
            target: "/v".into(),
            read_only,
        };
        super::mount(&root, &mount, "disk", core::slice::from_ref(disk), 64 << 20)
            .map_err(|error| error.to_string())?;
        let volume = root.child("v").unwrap().fs.volume().unwrap().clone();
        Ok(Self { root, volume })
    }

    fn at<'a>(&self, path: &'a str) -> At<'a> {
        At {
            root: self.root.clone(),
            start: self.root.clone(),
            path,
            limits: Limits::empty(),
            asker: Asker::current(),
        }
    }

    fn open(&self, path: &str, flags: u32) -> Result<Arc<crate::file::OpenFile>> {
        ops::open(&self.at(path), flags, 0o644)
    }

    fn write(&self, path: &str, at: u64, bytes: &[u8]) -> Result<usize> {
        self.open(path, raw::O_RDWR | raw::O_CREAT)?.file.write(at, bytes)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let open = self.open(path, raw::O_RDONLY)?;
        let mut bytes = vec![0; open.file.stat()?.size as usize];
        let count = open.file.read(0, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn truncate(&self, path: &str, size: u64) -> Result<()> {
        let open = self.open(path, raw::O_RDWR)?;
        NodeFile::of(&open).unwrap().truncate(size)
    }

    /// The power goes: nobody unmounts anything.
    fn forget(self) {
        *self.volume.state.lock() = None;
        self.volume.unmount();
    }
}

fn e2fsck(bytes: &[u8], arguments: &str) -> (i32, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    run_e2fsck(file.path(), arguments)
}

fn run_e2fsck(path: &Path, arguments: &str) -> (i32, String) {
    let output = Command::new("e2fsck").arg(arguments).arg(path).output();
    let output = output.expect("e2fsck is missing; install e2fsprogs");
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn is_clean(bytes: &[u8]) {
    let (code, text) = e2fsck(bytes, "-fn");
    assert!(code == 0 && !text.contains("Fix?"), "{text}");
}

#[test]
fn what_is_written_is_there_after_a_mount() {
    let disk = Recorder::formatted(32);
    let world = World::mount(&disk, false).unwrap();
    let long = "x".repeat(200);
    ops::mkdir(&world.at("/v/a"), 0o750).unwrap();
    world.write("/v/a/file", 5000, b"hello").unwrap();
    ops::symlink("a/file", &world.at("/v/short")).unwrap();
    ops::symlink(&long, &world.at("/v/long")).unwrap();
    let file = world.at("/v/a/file").find(true).unwrap().node().unwrap();
    ops::link(&file, &world.at("/v/second")).unwrap();
    file.change(|meta| {
        meta.mode = raw::S_IFREG | 0o4711;
        (meta.uid, meta.gid, meta.mtime) = (70_000, 5, 1_234_567_000_000_000);
    });
    for name in ["b", "c"] {
        world.write(&format!("/v/{name}"), 0, name.as_bytes()).unwrap();
    }
    ops::rename(&world.at("/v/b"), &world.at("/v/a/b"), 0).unwrap();
    ops::rename(&world.at("/v/c"), &world.at("/v/a/b"), raw::RENAME_EXCHANGE).unwrap();
    assert_eq!(ops::rmdir(&world.at("/v/a")), Err(Errno::ENOTEMPTY));
    drop(file);
    world.volume.unmount();
    is_clean(&disk.bytes.lock().unwrap());

    let world = World::mount(&disk, false).unwrap();
    let mut expected = vec![0; 5000];
    expected.extend(b"hello");
    assert_eq!(world.read("/v/short").unwrap(), expected);
    assert_eq!(world.read("/v/a/b").unwrap(), b"c");
    assert_eq!(world.read("/v/c").unwrap(), b"b");
    let file = world.at("/v/second").find(true).unwrap().node().unwrap();
    let stat = file.stat();
    assert_eq!(
        (stat.mode, stat.nlink, stat.uid, stat.gid),
        (raw::S_IFREG | 0o4711, 2, 70_000, 5)
    );
    assert_eq!(stat.mtime, 1_234_567_000_000_000);
    match &world.at("/v/long").find(false).unwrap().node().unwrap().body {
        Body::Link(target) => assert_eq!(**target, *long),
        _ => panic!("no link"),
    }
    // Two names, one node.
    assert!(Arc::ptr_eq(
        &file,
        &world.at("/v/a/file").find(true).unwrap().node().unwrap()
    ));
    world.volume.unmount();
}

#[test]
fn a_file_without_a_name_lives_as_long_as_it_is_open() {
    let disk = Recorder::formatted(32);
    let world = World::mount(&disk, false).unwrap();
    let free = world.volume.usage().unwrap().free_blocks;
    world.write("/v/f", 0, &[7; 100_000]).unwrap();
    let open = world.open("/v/f", raw::O_RDWR).unwrap();
    ops::unlink(&world.at("/v/f")).unwrap();
    world.volume.sync().unwrap();
    let mut bytes = vec![0; 100_000];
    assert_eq!(open.file.read(0, &mut bytes), Ok(100_000));
    assert!(bytes.iter().all(|&byte| byte == 7));
    // Pulled out now, the journal's recovery frees it.
    let pulled = disk.bytes.lock().unwrap().clone();
    assert!(e2fsck(&pulled, "-p").0 <= 1);
    drop(open);
    world.volume.sync().unwrap();
    assert_eq!(world.volume.usage().unwrap().free_blocks, free);
    world.volume.unmount();
    is_clean(&disk.bytes.lock().unwrap());
}

#[test]
fn a_full_volume_says_so_and_stays_sound() {
    let disk = Recorder::formatted(32);
    let world = World::mount(&disk, false).unwrap();
    let mut written = 0;
    let errno = loop {
        match world.write(
            &format!("/v/f{}", written / 2),
            (written % 2) << 18,
            &[1; 1 << 18],
        ) {
            Ok(count) if count == 1 << 18 => written += 1,
            Ok(_) => {}
            Err(errno) => break errno,
        }
    };
    assert_eq!(errno, Errno::ENOSPC);
    assert!(written > 4, "{written}");
    assert_eq!(ops::mkdir(&world.at("/v/d"), 0o755).err(), Some(Errno::ENOSPC));
    let open = world.open("/v/f0", raw::O_RDWR).unwrap();
    let data = NodeFile::of(&open).unwrap().node.data().unwrap();
    assert_eq!(data.allocate(0..1 << 30, true), Err(Errno::ENOSPC));
    // Room that was made is had at once.
    ops::unlink(&world.at("/v/f1")).unwrap();
    ops::mkdir(&world.at("/v/d"), 0o755).unwrap();
    world.volume.unmount();
    is_clean(&disk.bytes.lock().unwrap());
}

#[test]
fn a_volume_that_may_only_be_read_refuses_all_else() {
    let disk = Recorder::formatted(32);
    let world = World::mount(&disk, false).unwrap();
    world.write("/v/f", 0, b"x").unwrap();
    world.volume.unmount();
    let disk = Arc::new(Recorder {
        bytes: Mutex::new(disk.bytes.lock().unwrap().clone()),
        read_only: true,
        ..Recorder::default()
    });
    let world = World::mount(&disk, true).unwrap();
    assert_eq!(world.read("/v/f").unwrap(), b"x");
    assert_eq!(world.write("/v/f", 0, b"y"), Err(Errno::EROFS));
    assert_eq!(world.write("/v/g", 0, b"y"), Err(Errno::EROFS));
    assert_eq!(ops::unlink(&world.at("/v/f")), Err(Errno::EROFS));
    assert_eq!(ops::mkdir(&world.at("/v/d"), 0o755).err(), Some(Errno::EROFS));
    assert_eq!(
        ops::rename(&world.at("/v/f"), &world.at("/v/g"), 0),
        Err(Errno::EROFS)
    );
    world.volume.sync().unwrap();
    world.volume.unmount();
    let events = disk.events.lock().unwrap();
    assert!(
        events.iter().all(|event| matches!(event, Event::Flush)),
        "nothing was written"
    );
}

#[test]
fn what_is_no_volume_is_refused_with_a_reason() {
    let refused = |bytes: Vec<u8>| World::mount(&Recorder::of(bytes), false).err().unwrap();
    assert!(
        refused(vec![0; 20 << 20]).contains("no ext4"),
        "{}",
        refused(vec![0; 20 << 20])
    );
    refused(Vec::new());
    let mut damaged = Recorder::formatted(32).bytes.lock().unwrap().clone();
    damaged[1024 + 4] ^= 0xff;
    assert!(refused(damaged).contains("e2fsck"));
}

#[test]
fn a_disk_that_fails_is_an_error_and_no_more() {
    for patience in (0..300).step_by(20) {
        let disk = Recorder::formatted(32);
        let Ok(world) = World::mount(&disk, false) else {
            continue;
        };
        *disk.patience.lock().unwrap() = Some(patience);
        let mut failed = false;
        for index in 0..40 {
            failed |= world.write(&format!("/v/f{index}"), 0, &[1; 9000]).is_err();
            failed |= world.volume.sync().is_err();
        }
        assert!(failed, "{patience}");
        // Nothing is claimed to be durable that is not.
        assert!(world.volume.sync().is_err());
        world.forget();
    }
}

/// A volume that another tool made, with that tool's features.
fn made_by_mke2fs(features: &[&str]) -> Arc<Recorder> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 20).unwrap();
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4"])
        .args(features)
        .arg(file.path())
        .status();
    assert!(made.expect("mke2fs is missing; install e2fsprogs").success());
    Recorder::of(std::fs::read(file.path()).unwrap())
}

#[test]
fn volumes_of_mke2fs_are_taken() {
    // By default that indexes directories, and makes small blocks in a small file system.
    let indexed = made_by_mke2fs(&[]);
    assert!(World::mount(&indexed, false).err().unwrap().contains("dir_index"));
    World::mount(&indexed, true).unwrap().volume.unmount();
    for size in ["1024", "4096"] {
        many_names(&made_by_mke2fs(&[
            "-O",
            "^dir_index,^metadata_csum,^uninit_bg",
            "-b",
            size,
        ]));
    }
    many_names(&Recorder::formatted(64));
}

fn many_names(disk: &Arc<Recorder>) {
    let world = World::mount(disk, false).unwrap();
    ops::mkdir(&world.at("/v/many"), 0o755).unwrap();
    for index in 0..2500 {
        world
            .write(
                &format!("/v/many/a name of some length, {index}"),
                0,
                &[index as u8; 100],
            )
            .unwrap();
    }
    world.volume.unmount();
    is_clean(&disk.bytes.lock().unwrap());
    let world = World::mount(disk, false).unwrap();
    assert_eq!(
        world.read("/v/many/a name of some length, 999").unwrap(),
        [231; 100]
    );
    world.volume.unmount();
}

/// What the program has written, by path.
type Model = BTreeMap<String, Vec<u8>>;

/// One step of a random program; names what it touched.
fn step(world: &World, model: &mut Model, random: &mut Random) -> Vec<String> {
    let path = |random: &mut Random| format!("/v/d{}/f{}", random.below(3), random.below(60));
    let (one, other) = (path(random), path(random));
    let there = model.contains_key(&one);
    match random.below(12) {
        0..=5 => {
            let len = if random.below(4) == 0 { 90_000 } else { 5_000 };
            let bytes = vec![random.below(256) as u8; random.below(len) + 1];
            let at = random.below(250_000);
            match world.write(&one, at as u64, &bytes) {
                Ok(count) => {
                    let content = model.entry(one.clone()).or_default();
                    let end = at + count;
                    content.resize(content.len().max(end), 0);
                    content[at..end].copy_from_slice(&bytes[..count]);
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::ENOSPC);
                    if world.at(&one).find(true).is_ok() {
                        model.entry(one.clone()).or_default();
                    }
                }
            }
        }
        6 if there => {
            let size = random.below(150_000);
            if world.truncate(&one, size as u64).is_ok() {
                model.get_mut(&one).unwrap().resize(size, 0);
            }
        }
        7..=8 if there => {
            ops::unlink(&world.at(&one)).unwrap();
            model.remove(&one);
        }
        9..=10 if there && one != other => {
            if ops::rename(&world.at(&one), &world.at(&other), 0).is_ok() {
                let content = model.remove(&one).unwrap();
                model.insert(other.clone(), content);
            }
            return vec![one, other];
        }
        _ => return Vec::new(),
    }
    vec![one]
}

/// Writes, truncates, renames and removes at random, syncs now and then, and pulls the disk out at random moments. Afterwards `e2fsck` finds nothing once
/// the journal is replayed, whoever does that, and what was synced and not touched since is there to the byte.
fn pull_out(seed: u64, mib: usize, steps: usize, pulls: usize) {
    let mut random = Random::new(seed);
    let disk = Recorder::formatted(mib);
    let base = disk.bytes.lock().unwrap().clone();
    let world = World::mount(&disk, false).unwrap();
    for dir in 0..3 {
        ops::mkdir(&world.at(&format!("/v/d{dir}")), 0o755).unwrap();
    }
    let mut model = Model::new();
    let mut touched: Vec<(usize, Vec<String>)> = Vec::new();
    let mut synced: Vec<(usize, usize, Model)> = Vec::new();
    for _ in 0..steps {
        let before = disk.now();
        let names = step(&world, &mut model, &mut random);
        touched.push((before, names));
        if random.below(25) == 0 {
            world.volume.sync().unwrap();
            synced.push((disk.now(), touched.len(), model.clone()));
        }
    }
    for (path, content) in &model {
        assert!(world.read(path).unwrap() == *content, "{path}");
    }
    let end = disk.now();
    world.volume.unmount();
    is_clean(&disk.bytes.lock().unwrap());

    for pull in 0..pulls {
        // A third of the pulls just behind a sync.
        let moment = match random.below(3) {
            0 if !synced.is_empty() => synced[random.below(synced.len())].0,
            _ => random.below(end + 1),
        };
        let pulled = disk.pulled(&base, moment, &mut random);
        let what = format!("seed {seed}, pull {pull} after event {moment}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &pulled).unwrap();
        let (code, text) = run_e2fsck(file.path(), "-p");
        assert!(code <= 1, "{what}: {text}");
        let (code, text) = run_e2fsck(file.path(), "-fn");
        assert_eq!(code, 0, "{what}: {text}");

        let pulled = Recorder::of(pulled);
        let world = World::mount(&pulled, false).unwrap_or_else(|why| panic!("{what}: {why}"));
        if let Some((_, steps, model)) = synced.iter().rev().find(|synced| synced.0 <= moment) {
            let since = touched[*steps..].iter().take_while(|step| step.0 <= moment);
            let since: BTreeSet<&String> = since.flat_map(|step| &step.1).collect();
            for (path, content) in model.iter().filter(|(path, _)| !since.contains(path)) {
                assert!(
                    world.read(path).is_ok_and(|read| read == *content),
                    "{what}: {path}"
                );
            }
        }
        world.volume.unmount();
        is_clean(&pulled.bytes.lock().unwrap());
    }
}

#[test]
fn a_disk_that_is_pulled_out_has_what_was_synced() {
    for seed in 1..=3 {
        pull_out(seed, 40, 400, 12);
    }
}

#[test]
fn a_full_disk_that_is_pulled_out_is_sound_too() {
    pull_out(7, 32, 700, 12);
}

/// A volume that was damaged: shared, with what was changed since. Larger than an input could be, so an input says where what is damaged.
struct Damaged {
    base: Arc<Recorder>,
    changed: Mutex<BTreeMap<usize, Box<[u8]>>>,
}

impl Damaged {
    fn block(&self, index: usize) -> Box<[u8]> {
        let changed = self.changed.lock().unwrap();
        let fresh = || {
            let bytes = self.base.bytes.lock().unwrap();
            bytes[index * BLOCK..(index + 1) * BLOCK].into()
        };
        changed.get(&index).cloned().unwrap_or_else(fresh)
    }
}

impl BlockDevice for Damaged {
    fn capacity_sectors(&self) -> u64 {
        self.base.capacity_sectors()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        let start = sector as usize * 512;
        if start + buffer.len() > self.base.capacity_sectors() as usize * 512 {
            return Err(BlockError::OutOfRange);
        }
        for (at, part) in (start..).step_by(512).zip(buffer.chunks_mut(512)) {
            part.copy_from_slice(&self.block(at / BLOCK)[at % BLOCK..][..512]);
        }
        Ok(())
    }

    fn write(&self, sector: u64, buffer: &[u8]) -> Result<(), BlockError> {
        let start = sector as usize * 512;
        if start + buffer.len() > self.base.capacity_sectors() as usize * 512 {
            return Err(BlockError::OutOfRange);
        }
        for (at, part) in (start..).step_by(512).zip(buffer.chunks(512)) {
            let mut block = self.block(at / BLOCK);
            block[at % BLOCK..][..512].copy_from_slice(part);
            self.changed.lock().unwrap().insert(at / BLOCK, block);
        }
        Ok(())
    }

    fn id(&self) -> String {
        "disk".into()
    }
}

/// Blocks of a small volume that hold what is not file contents: superblock, groups, bitmaps, inodes, journal, folders.
fn metadata_blocks(disk: &Arc<Recorder>) -> Vec<usize> {
    let bytes = disk.bytes.lock().unwrap();
    let used = |block: &&usize| {
        bytes[**block * BLOCK..(**block + 1) * BLOCK]
            .iter()
            .any(|&byte| byte != 0)
    };
    (0..bytes.len() / BLOCK)
        .collect::<Vec<_>>()
        .iter()
        .filter(used)
        .copied()
        .collect()
}

/// Whatever a volume holds, mounting and using it ends, with an error or without.
#[test]
fn fuzz_volume() {
    let disk = Recorder::formatted(32);
    let world = World::mount(&disk, false).unwrap();
    ops::mkdir(&world.at("/v/d"), 0o755).unwrap();
    for index in 0..20 {
        world
            .write(&format!("/v/d/f{index}"), index * 5000, &[7; 3000])
            .unwrap();
    }
    ops::symlink("d/f1", &world.at("/v/l")).unwrap();
    world.volume.sync().unwrap();
    // As a crash leaves it, with a journal to replay.
    world.forget();
    let blocks = metadata_blocks(&disk);
    // Five bytes each: which block, where in it, and what is there then.
    let seeds: [&[u8]; 3] = [
        &[0, 0, 4, 56, 1],
        &[1, 0, 0, 2, 255, 2, 0, 0, 10, 3],
        &[30, 0, 0, 40, 9],
    ];
    uigniter_fuzz::run("ext4-volume", &seeds, |input| {
        let damaged = Damaged {
            base: disk.clone(),
            changed: Mutex::default(),
        };
        for change in input.chunks_exact(5).take(40) {
            let block = blocks[usize::from(u16::from_le_bytes([change[0], change[1]])) % blocks.len()];
            let at = usize::from(u16::from_be_bytes([change[2], change[3]])) % BLOCK;
            let mut bytes = damaged.block(block);
            bytes[at] = change[4];
            damaged.changed.lock().unwrap().insert(block, bytes);
        }
        let disk: Arc<dyn BlockDevice> = Arc::new(damaged);
        let Ok(world) = World::of(&disk, false) else {
            return;
        };
        let _ = world.read("/v/d/f3");
        let _ = world.read("/v/l");
        let _ = world.write("/v/d/f4", 100, &[1; 9000]);
        let _ = world.write("/v/d/new", 0, &[1; 100]);
        let _ = ops::rename(&world.at("/v/d/f5"), &world.at("/v/f5"), 0);
        let _ = ops::unlink(&world.at("/v/d/f6"));
        let _ = ops::mkdir(&world.at("/v/e"), 0o755);
        let _ = world.volume.sync();
        world.forget();
    });
}
