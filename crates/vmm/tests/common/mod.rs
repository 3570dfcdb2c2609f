//! Running the monitor as a process, talking to its API, and building the guests of the tests.

#![expect(dead_code, reason = "each test program uses its own part")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code outside of test functions"
)]

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Where guests lie in their memory.
const LOAD_ADDRESS: u64 = 0x10_0000;
/// Far more than any step of a test takes, so that only a hang fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("uigniter-vmm-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The example program, which cargo builds along with the tests.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/vmm");
    assert!(
        path.exists(),
        "{} is missing; run `cargo build -p uigniter-vmm --examples`",
        path.display()
    );
    path
}

/// A running monitor.
pub(crate) struct Vmm {
    pub(crate) folder: Folder,
    pub(crate) child: Child,
}

impl Vmm {
    pub(crate) fn start() -> Self {
        Self::start_with(Folder::new(), Command::new(program()))
    }

    /// `command` is the program, perhaps behind a wrapper that ends in it.
    pub(crate) fn start_with(folder: Folder, mut command: Command) -> Self {
        let child = command
            .arg("--api-sock")
            .arg(folder.path("api"))
            .args(["--id", "test-vm", "--exit-file"])
            .arg(folder.path("exit"))
            .arg("--console-file")
            .arg(folder.path("console"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut vmm = Self { folder, child };
        vmm.until("the socket", |vmm| vmm.connect().is_some());
        vmm
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.folder.path("api")).ok()
    }

    pub(crate) fn stream(&self) -> UnixStream {
        let stream = self.connect().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request on its own connection; status and body.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = self.stream();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// A request that must succeed without a body.
    pub(crate) fn put(&self, path: &str, body: &str) {
        let answer = self.call("PUT", path, body);
        assert_eq!(answer, (204, String::new()), "PUT {path} {body}");
    }

    /// The text of an error that must come.
    pub(crate) fn fault(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.call(method, path, body);
        assert_eq!(status, 400, "{method} {path} {body}: {answer}");
        let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
        value["fault_message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn boot(&self, kernel: &Path, job: &str) {
        self.put("/machine-config", r#"{"vcpu_count":1,"mem_size_mib":16}"#);
        self.put(
            "/boot-source",
            &format!(
                r#"{{"kernel_image_path":"{}","boot_args":"{job}"}}"#,
                kernel.display()
            ),
        );
        self.put("/actions", r#"{"action_type":"InstanceStart"}"#);
    }

    pub(crate) fn console(&self) -> String {
        fs::read_to_string(self.folder.path("console")).unwrap_or_default()
    }

    /// Looks until `done`; the condition is another process's progress, which nothing else tells of.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "{what} did not come");
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(
                    done(self),
                    "the monitor ended with {status} before {what} came: {}",
                    self.console()
                );
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the end: process status and exit file.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the monitor did not end: {}",
                self.console()
            );
            std::thread::yield_now();
        };
        assert!(!self.folder.path("api").exists(), "the socket is left behind");
        let exit = fs::read_to_string(self.folder.path("exit")).unwrap();
        (status.code().unwrap(), exit.trim_end().to_owned())
    }
}

impl Drop for Vmm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one job of the 32-bit guest to its end.
pub(crate) fn run_job(job: &str) -> (i32, String, String) {
    let mut vmm = Vmm::start();
    vmm.boot(&guest(), job);
    let (code, exit) = vmm.end();
    (code, exit, vmm.console())
}

/// The 32-bit guest with its PVH note.
pub(crate) fn guest() -> PathBuf {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST
        .get_or_init(|| kernel("guest.c", &["-m32", "-Wl,-melf_i386"], true))
        .clone()
}

/// The 64-bit guest without one.
pub(crate) fn linux64() -> PathBuf {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| kernel("linux64.S", &[], false)).clone()
}

/// Compiles a guest to a flat image and puts an ELF file around it. It stays in the target folder.
fn kernel(source: &str, options: &[&str], pvh: bool) -> PathBuf {
    let folder = program().parent().unwrap().join("guests");
    fs::create_dir_all(&folder).unwrap();
    let flat = folder.join(format!("{source}.{}.bin", std::process::id()));
    let status = Command::new("cc")
        .args([
            "-O1",
            "-ffreestanding",
            "-fno-pic",
            "-no-pie",
            "-fno-stack-protector",
            "-fcf-protection=none",
        ])
        .args([
            "-fno-toplevel-reorder",
            "-fno-asynchronous-unwind-tables",
            "-mgeneral-regs-only",
            "-nostdlib",
            "-static",
        ])
        .args([
            "-Wl,-Ttext=0x100000",
            "-Wl,--build-id=none",
            "-Wl,--oformat=binary",
            "-Wl,-N",
        ])
        .args(options)
        .arg("-o")
        .arg(&flat)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/guest")
                .join(source),
        )
        .status()
        .expect("a C compiler (`cc`) is needed to build the guests of these tests");
    assert!(status.success(), "{source} does not compile");
    let image = fs::read(&flat).unwrap();
    // Test programs may run at the same time: each makes its own file and renames it into place.
    fs::write(&flat, elf(&image, pvh)).unwrap();
    let path = folder.join(source).with_extension("elf");
    fs::rename(&flat, &path).unwrap();
    path
}

/// An ELF64 executable with one segment at [`LOAD_ADDRESS`], entered at its first byte.
pub(crate) fn elf(image: &[u8], pvh: bool) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0");
    for word in [LOAD_ADDRESS, 64, 0] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(&[0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let note_offset = 64 + 2 * 56;
    let mut header = |kind: u32, offset: u64, address: u64, length: u64, in_memory: u64| {
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(&7u32.to_le_bytes());
        for word in [offset, address, address, length, in_memory, 4] {
            file.extend_from_slice(&word.to_le_bytes());
        }
    };
    header(
        1,
        0x1000,
        LOAD_ADDRESS,
        image.len() as u64,
        image.len() as u64 + 0x10_0000,
    );
    // XEN_ELFNOTE_PHYS32_ENTRY is 18; any other type is a note that says nothing to us.
    header(4, note_offset, 0, 20, 20);
    for word in [
        4,
        4,
        if pvh { 18 } else { 1 },
        u32::from_le_bytes(*b"Xen\0"),
        LOAD_ADDRESS as u32,
    ] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.resize(0x1000, 0);
    file.extend_from_slice(image);
    file
}
