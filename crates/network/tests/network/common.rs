//! Networks of a test's own, and guests: other network namespaces behind a real tap.
//!
//! These tests need root (CAP_NET_ADMIN, CAP_SYS_ADMIN), `/dev/net/tun` and the `ip` program; without them they fail and
//! say which. All traffic stays inside namespaces that the test made, but for listeners on the host's loopback.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use uigniter_network::{Attachment, Config, Network};

nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);

/// A network of a unique name with its state in a temporary folder; removed with the value also if the test fails.
pub(crate) struct TestNetwork {
    pub(crate) config: Config,
    _folder: tempfile::TempDir,
}

impl TestNetwork {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests make network namespaces: run them as root"
        );
        let folder = tempfile::tempdir().unwrap();
        let name = format!(
            "test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            config: Config::new(name, folder.path()),
            _folder: folder,
        }
    }

    pub(crate) async fn open(&self) -> Network {
        Network::open(self.config.clone()).await.unwrap()
    }

    pub(crate) fn namespace(&self) -> String {
        format!("/run/netns/{}", self.config.name)
    }

    /// Runs `work` on a thread inside the namespace.
    pub(crate) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(self.namespace()).unwrap();
        let enter = move || {
            setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        std::thread::spawn(enter).join().unwrap()
    }

    /// Names of the links in the namespace, in order.
    pub(crate) fn links(&self) -> Vec<String> {
        self.inside(links)
    }
}

impl Drop for TestNetwork {
    fn drop(&mut self) {
        if std::path::Path::new(&self.namespace()).exists() {
            let _ = nix::mount::umount2(self.namespace().as_str(), nix::mount::MntFlags::MNT_DETACH);
            drop(std::fs::remove_file(self.namespace()));
        }
    }
}

/// Names of the links in the calling thread's namespace, in order.
pub(crate) fn links() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let mut names: Vec<_> = table
        .lines()
        .skip(2)
        .map(|line| line.split(':').next().unwrap().trim().to_owned())
        .collect();
    names.sort();
    names
}

/// Opens a tap as a VMM does; with a name that is not there it is made.
fn open_tap(name: &str) -> File {
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .unwrap();
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
    // SAFETY: the descriptor is open and the request is an `ifreq`.
    unsafe { tun_set_iff(tun.as_raw_fd(), &raw const request) }.unwrap();
    tun
}

type Job = Box<dyn FnOnce() + Send>;

/// A machine behind the tap of an attachment: a namespace with `eth0`, address, MAC and default route as told.
pub(crate) struct Guest {
    jobs: mpsc::Sender<Job>,
    _stop: File,
}

impl Guest {
    pub(crate) fn start(network: &TestNetwork, attachment: &Attachment) -> Self {
        let (tap, attachment) = (attachment.tap.clone(), attachment.clone());
        let outer = network.inside(move || open_tap(&tap));
        let (jobs, work) = mpsc::channel::<Job>();
        let (ready, started) = mpsc::channel();
        let (stopped, stop) = nix::unistd::pipe().unwrap();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let inner = open_tap("eth0");
            let Attachment {
                mac,
                address,
                prefix_len,
                gateway,
                ..
            } = &attachment;
            ip(&format!("link set eth0 address {mac}"));
            ip("link set lo up");
            ip("link set eth0 up");
            ip(&format!("address add {address}/{prefix_len} dev eth0"));
            ip(&format!("route add default via {gateway}"));
            std::thread::spawn(move || cable(outer, inner, File::from(stopped)));
            ready.send(()).unwrap();
            for job in work {
                job();
            }
        });
        started.recv().expect("the guest starts");
        Self {
            jobs,
            _stop: stop.into(),
        }
    }

    /// Runs `work` inside; threads that it starts stay inside.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.jobs
            .send(Box::new(move || done.send(work()).unwrap()))
            .unwrap();
        result.recv().expect("the work in the guest ends well")
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("the `ip` program is there");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Carries frames between two taps until the other end of `stop` is closed. Both have the same virtio header.
fn cable(left: File, right: File, stop: File) {
    let mut frame = vec![0; 1 << 17];
    loop {
        let events = {
            let mut fds = [&left, &right, &stop].map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN));
            poll(&mut fds, PollTimeout::NONE).unwrap();
            fds.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()))
        };
        if events[2] {
            return;
        }
        for (ready, mut from, mut to) in [(events[0], &left, &right), (events[1], &right, &left)] {
            if ready {
                // A tap that was removed is the end of the cable; a frame that the other side refuses is lost.
                let Ok(length) = from.read(&mut frame) else { return };
                drop(to.write(&frame[..length]));
            }
        }
    }
}

/// Serves every connection to `port` of all addresses of the calling thread's namespace with `handle`, on threads.
pub(crate) fn listen(port: u16, handle: impl Fn(std::net::TcpStream) + Send + Sync + 'static) {
    let listener = std::net::TcpListener::bind(("0.0.0.0", port)).unwrap();
    let handle = std::sync::Arc::new(handle);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let handle = std::sync::Arc::clone(&handle);
            std::thread::spawn(move || handle(client.unwrap()));
        }
    });
}
