//! A real daemon in a folder, network namespace and process of its own, and real programs for it to run.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use uigniter_api::{Client, Endpoint};

/// A web server that answers every request with its first argument; on SIGTERM it ends by default.
pub const SERVER: &str = r#"
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 64)) { perror("listen"); return 1; }
    puts("listening");
    fflush(stdout);
    const char *word = argc > 1 ? argv[1] : "hello";
    for (;;) {
        char request[2048], answer[512];
        int c = accept(s, 0, 0);
        if (c < 0) continue;
        if (read(c, request, sizeof request) > 0) {
            int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(word), word);
            write(c, answer, n);
        }
        close(c);
    }
}
"#;

/// Prints its arguments and a variable, and ends with status 3.
pub const REPORTER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
    const char *greeting = getenv("GREETING");
    printf("greeting: %s\n", greeting ? greeting : "none");
    return 3;
}
"#;

/// Touches 64 MiB, and gives them back at the first connection; then says so at each.
pub const GIVER: &str = r#"
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    const size_t size = 64 << 20;
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    memset(memory, 1, size);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
    if (bind(s, (void *)&a, sizeof a) || listen(s, 64)) { perror("listen"); return 1; }
    puts("touched");
    fflush(stdout);
    for (;;) {
        char request[2048];
        const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ngiven";
        int c = accept(s, 0, 0);
        if (c < 0) continue;
        // Half by each of the ways.
        if (memory) { madvise(memory, size / 2, MADV_DONTNEED); munmap(memory + size / 2, size / 2); }
        memory = 0;
        if (read(c, request, sizeof request) > 0) write(c, answer, sizeof answer - 1);
        close(c);
    }
}
"#;

/// Maps its own file, 16 MiB of which are no part of the program, reads all of it, and stays.
pub const READER: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
__asm__(".section .blob,\"\",@progbits\n.fill 4194304, 4, 0x12345678\n.previous");
int main(void) {
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY);
    if (fd < 0 || fstat(fd, &st)) return 1;
    const unsigned char *file = mmap(0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED) return 1;
    unsigned sum = 0;
    for (off_t at = 0; at < st.st_size; at += 4096) sum += file[at];
    printf("read %s\n", sum ? "all" : "nothing");
    fflush(stdout);
    for (;;) pause();
}
"#;

/// Stays until it is told to end, whatever it is told.
pub const STUBBORN: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(void) { signal(SIGTERM, SIG_IGN); puts("here"); fflush(stdout); for (;;) pause(); }
"#;

/// A daemon under test.
#[derive(Debug)]
pub struct Testbed {
    pub client: Client,
    pub address: SocketAddr,
    pub folder: TempDir,
    network: String,
    daemon: Child,
    done: bool,
}

impl Testbed {
    pub fn start(pool_size: u32) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new().prefix("ugt").tempdir().unwrap();
        let network = format!(
            "ugt{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let (daemon, address) = spawn(folder.path(), &network, pool_size, true).expect("the daemon starts");
        let client = Client::new(Endpoint::Unix(folder.path().join("api.sock")));
        Self {
            client,
            address,
            folder,
            network,
            daemon,
            done: false,
        }
    }

    /// Kills the daemon with signal 9; its instances live on.
    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    /// Starts a daemon on the same folder, after `kill` or `stop`.
    pub fn restart(&mut self, private: bool) {
        let (daemon, address) =
            spawn(self.folder.path(), &self.network, 1, private).expect("the daemon starts again");
        (self.daemon, self.address) = (daemon, address);
    }

    /// Ends the daemon as a service manager would.
    pub fn stop(&mut self) {
        drop(self.daemon.stdin.take());
        assert!(self.daemon.wait().unwrap().success());
    }

    /// A second daemon on the same folder: what it says.
    pub fn second(&self) -> String {
        spawn(self.folder.path(), &self.network, 0, true).expect_err("a second daemon must not start")
    }

    /// A daemon on another folder that wants this one's network: what it says.
    pub fn rival(&self, folder: &Path) -> String {
        spawn(folder, &self.network, 0, true).expect_err("two daemons must not share a network")
    }

    pub fn state(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Ids of everything that has a folder: instances and the pool's.
    pub fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state("instances")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// VMM processes of this daemon.
    pub fn processes(&self) -> Vec<u32> {
        let marker = self.state("instances").into_os_string().into_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap() {
            let Some(pid) = entry
                .unwrap()
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.windows(marker.len()).any(|window| window == marker) {
                found.push(pid);
            }
        }
        found
    }

    /// Compiles a static program and imports it.
    pub async fn import(&self, name: &str, source: &str) {
        let program = compile(self.folder.path(), name, source, &["-static"]);
        self.client.import_image(name, program).await.unwrap();
    }

    /// Takes everything down and checks that nothing is left.
    pub fn finish(mut self) {
        self.stop();
        self.done = true;
        assert_eq!(self.folders(), Vec::<String>::new(), "folders are left");
        assert_eq!(self.processes(), Vec::<u32>::new(), "processes are left");
        assert!(!self.state("api.sock").exists(), "the socket is left");
        assert!(
            !Path::new("/run/netns").join(&self.network).exists(),
            "the namespace is left"
        );
    }
}

impl Drop for Testbed {
    /// A test that failed leaves nothing either: a last daemon finds what there is and takes it down.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if let Ok((mut daemon, _)) = spawn(self.folder.path(), &self.network, 0, true) {
            drop(daemon.stdin.take());
            let _ = daemon.wait();
        }
    }
}

fn spawn(folder: &Path, network: &str, pool_size: u32, private: bool) -> Result<(Child, SocketAddr), String> {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("daemon.log"))
        .unwrap();
    let mut daemon = Command::new(testbed())
        .arg("daemon")
        .arg(folder)
        .arg(network)
        .arg(kernel())
        .arg(pool_size.to_string())
        .arg(if private { "private" } else { "shared" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(daemon.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    match line.trim().parse() {
        Ok(address) => Ok((daemon, address)),
        Err(_) => {
            daemon.wait().unwrap();
            let said = fs::read_to_string(folder.join("daemon.log")).unwrap();
            Err(said.lines().last().unwrap_or_default().to_owned())
        }
    }
}

/// The example `testbed`. Cargo builds examples with a package's tests, but not with one test alone.
fn testbed() -> &'static Path {
    static TESTBED: OnceLock<PathBuf> = OnceLock::new();
    TESTBED.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        cargo(&[
            "build",
            "--quiet",
            "-p",
            "uigniter-daemon",
            "--example",
            "testbed",
            "--profile",
            profile,
        ]);
        profile_folder().join("examples/testbed")
    })
}

/// The kernel, built as the CLI's build script does it, into the same folder.
fn kernel() -> &'static Path {
    static KERNEL: OnceLock<PathBuf> = OnceLock::new();
    KERNEL.get_or_init(|| {
        if let Some(path) = std::env::var_os("UIGNITER_BUILD_KERNEL_ELF") {
            return path.into();
        }
        let target = profile_folder().parent().unwrap().join("kernel");
        let build = "build --quiet -p uigniter-kernel --features elf --profile kernel --bin uigniter-kernel --target-dir";
        let mut words: Vec<_> = build.split(' ').collect();
        words.push(target.to_str().unwrap());
        cargo(&words);
        target.join("kernel/uigniter-kernel")
    })
}

/// `target/debug` or `target/release`: a test lies in `deps` below it.
fn profile_folder() -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Runs cargo on this workspace, without what the outer cargo said for this package only.
fn cargo(words: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .args(words);
    for (name, _) in std::env::vars_os() {
        let name = name.to_str().unwrap_or_default();
        let kept = matches!(name, "CARGO_HOME" | "CARGO_TARGET_DIR");
        if (name.starts_with("CARGO_") && !kept) || name == "RUSTFLAGS" {
            cargo.env_remove(name);
        }
    }
    assert!(cargo.status().unwrap().success(), "cargo {words:?}");
}

/// Compiles a C program; a C compiler is part of every machine that builds Rust programs.
pub fn compile(folder: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let file = folder.join(format!("{name}.c"));
    fs::write(&file, source).unwrap();
    let program = folder.join(name);
    let status = Command::new("cc")
        .args(flags)
        .arg("-O1")
        .arg("-o")
        .arg(&program)
        .arg(&file)
        .status();
    assert!(status.expect("these tests need a C compiler, `cc`").success());
    program
}

/// The file of the store that has this digest.
pub fn disk(testbed: &Testbed, digest: &str) -> PathBuf {
    testbed.state("image/blobs").join(digest.replace(':', "/"))
}

/// All files of the image store but its lock.
pub fn store(testbed: &Testbed) -> Vec<String> {
    let (mut files, mut folders) = (Vec::new(), vec![testbed.state("image")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.file_name().into_string().unwrap()),
            }
        }
    }
    files.retain(|file| file != "store.lock");
    files.sort();
    files
}

/// Sends bytes to the daemon's socket and returns the answer's status and body.
pub async fn raw(testbed: &Testbed, request: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(testbed.state("api.sock")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A request with this method, path and body.
pub async fn send(testbed: &Testbed, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, body) = raw(testbed, (head + body).as_bytes()).await;
    (
        status,
        serde_json::from_str(&body).unwrap_or(serde_json::Value::Null),
    )
}

/// Fetches a page over TCP; `None` if the connection is refused or breaks.
pub async fn fetch(address: SocketAddr) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), exchange)
        .await
        .ok()?
        .ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Reads a followed console until it has said `word`.
pub async fn hear(client: &Client, id: &str, word: &str) {
    let query = uigniter_api::instance::LogsQuery {
        follow: true,
        tail: None,
    };
    let mut stream = client.logs(id, &query).await.unwrap();
    let mut heard = String::new();
    let listen = async {
        while let Some(piece) = stream.next().await.unwrap() {
            heard.push_str(&String::from_utf8_lossy(&piece));
            if heard.contains(word) {
                return;
            }
        }
        panic!("the console ended without {word:?}: {heard}");
    };
    if tokio::time::timeout(Duration::from_secs(30), listen)
        .await
        .is_err()
    {
        panic!("the console did not say {word:?} in time");
    }
}
