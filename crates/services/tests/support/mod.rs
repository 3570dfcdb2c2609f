//! What the tests share: processes that are started, asked and ended.
#![expect(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is the report")]

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use http::HeaderValue;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use uigniter_services::http::{Answer, Client, client::Call};

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process of this test; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// `host:port`.
    pub(crate) endpoint: String,
    /// What it logged, line by line.
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a service on a free port of the loopback and waits until it listens.
    pub(crate) fn service(args: &[&str]) -> Self {
        Self::service_with(args, &[])
    }

    /// The same, with variables.
    pub(crate) fn service_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uigniter-services"));
        command.arg(args[0]);
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--log-level", "debug"]).args(&args[1..]);
        command.envs(variables.iter().copied());
        let mut child = command
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (told, address) = mpsc::channel();
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
                if let Some(address) = event["address"].as_str() {
                    let _ = told.send(address.to_owned());
                }
                lines.lock().unwrap().push(line);
            }
        });
        let Ok(endpoint) = address.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("{args:?} does not listen: {:#?}", log.lock().unwrap());
        };
        Self { child, endpoint, log }
    }

    /// Starts a server of somebody else's and waits until its port answers.
    pub(crate) fn server(command: &mut Command, address: SocketAddr) -> Self {
        let name = command.get_program().to_owned();
        let spawned = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn();
        let child = spawned.unwrap_or_else(|error| panic!("{name:?}: {error}; .ci/run names its package"));
        let server = Self {
            child,
            endpoint: address.to_string(),
            log: Arc::default(),
        };
        eventually(&format!("{name:?} answers"), || {
            TcpStream::connect(address).is_ok()
        });
        server
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn terminate(&mut self) -> i32 {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code().unwrap_or(-1)
    }

    /// Lines of the log that hold `text`.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until it is so.
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A port that was free a moment ago, for servers that cannot take a free one by themselves.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A memcached of the distribution's.
pub(crate) fn memcached() -> Process {
    let address = free_port();
    let mut command = Command::new("memcached");
    command.args([
        "-u",
        "root",
        "-l",
        "127.0.0.1",
        "-U",
        "0",
        "-p",
        &address.port().to_string(),
    ]);
    Process::server(&mut command, address)
}

/// A NATS server with JetStream, which keeps its state in `data`.
pub(crate) fn nats(data: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new("nats-server");
    command
        .args(["-js", "-a", "127.0.0.1", "-p", &address.port().to_string(), "-sd"])
        .arg(data);
    Process::server(&mut command, address)
}

/// A PostgreSQL with an empty database, and its address. It keeps its state in `data`, and refuses to be root.
pub(crate) fn postgres(data: &Path) -> (Process, String) {
    let programs =
        std::fs::read_dir("/usr/lib/postgresql").map(|entries| entries.flatten().map(|entry| entry.path()));
    let newest = programs.ok().and_then(Iterator::max).unwrap_or_else(|| {
        panic!("there is no PostgreSQL under /usr/lib/postgresql; .ci/run names its package");
    });
    let program = |name: &str| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "postgres",
            "--regid",
            "postgres",
            "--clear-groups",
            "--",
        ]);
        command
            .arg(newest.join("bin").join(name))
            .arg("-D")
            .arg(data.join("database"));
        command
    };
    let owned = Command::new("chown").arg("postgres").arg(data).status().unwrap();
    assert!(owned.success());
    let made = program("initdb")
        .args(["-U", "test", "-A", "trust", "--no-sync", "--locale", "C"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let address = free_port();
    let mut server = program("postgres");
    let port = address.port().to_string();
    server.args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
        "-p",
        &port,
    ]);
    (
        Process::server(&mut server, address),
        format!("postgres://test@{address}/postgres"),
    )
}

/// A picture as a form, and more fields beside it.
pub(crate) fn upload(path: &str, image: &[u8], fields: &[(&str, &str)]) -> Call {
    let mut body = Vec::new();
    for (name, value) in fields {
        let field = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(field.as_bytes());
    }
    // As the first system's request library sends a buffer: without a file name.
    body.extend_from_slice(b"--x\r\nContent-Disposition: form-data; name=\"image\"\r\n");
    body.extend_from_slice(b"Content-Type: application/octet-stream\r\n\r\n");
    body.extend_from_slice(image);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let kind = HeaderValue::from_static("multipart/form-data; boundary=x");
    Call::post(path).body(&kind, body.into()).within(PATIENCE)
}

/// Does one thing with a client of its own.
pub(crate) fn call(endpoint: &str, call: Call) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(Client::new().call(endpoint, call)).unwrap()
}

/// `GET`, with status and text.
pub(crate) fn get(endpoint: &str, path: &str) -> (u16, String) {
    let answer = call(endpoint, Call::get(path).within(PATIENCE));
    (answer.status.as_u16(), answer.text())
}

/// `POST` without a body.
pub(crate) fn post(endpoint: &str, path: &str) -> (u16, String) {
    let answer = call(endpoint, Call::post(path).within(PATIENCE));
    (answer.status.as_u16(), answer.text())
}

/// Everything that `url` says in JSON.
pub(crate) fn json(endpoint: &str, path: &str) -> Value {
    let (status, text) = get(endpoint, path);
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}
