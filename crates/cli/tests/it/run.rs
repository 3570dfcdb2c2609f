//! `uigniter run`, from outside.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use crate::support::{self, Daemon, HEARS, SAYS, SERVER, SLEEPS, Said, alone, until};

/// Arguments, environment and status go in and out, in a microVM of a daemon's and in one of a private daemon's.
#[test]
fn the_program_gets_its_arguments_and_gives_its_status() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    let args = [
        "run",
        "--rm",
        "-e",
        "GREETING=good morning",
        says,
        "3",
        "two words",
        "--name",
        "-e",
    ];
    let with_daemon = daemon.ask(args);
    let temporary = tempfile::tempdir().unwrap();
    let private = support::private(temporary.path())
        .args(args)
        .output()
        .unwrap()
        .into();
    for said in [with_daemon, private] as [Said; 2] {
        assert_eq!(said.status, 3, "{said:?}");
        for line in [
            "argument 2 is <two words>",
            "argument 3 is <--name>",
            "argument 4 is <-e>",
            "greeting is <good morning>",
        ] {
            assert!(said.stdout.contains(line), "{line}: {said:?}");
        }
    }
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "", "--rm left the instance");
}

#[test]
fn a_private_daemon_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let says = SAYS.to_str().unwrap();
    let mut command = support::private(temporary.path());
    let namespaces = || -> Vec<_> {
        let entries = std::fs::read_dir("/run/netns").into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let process = command
        .env("TMPDIR", temporary.path())
        .args(["run", says, "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let namespace = format!("uigniter-private-{}", process.id());
    assert!(process.wait_with_output().unwrap().status.success());
    assert_eq!(
        std::fs::read_dir(temporary.path()).unwrap().count(),
        0,
        "files stay"
    );
    assert!(!namespaces().contains(&namespace), "the network namespace stays");
}

#[test]
fn a_published_port_gives_the_server_s_page() {
    let daemon = Daemon::start();
    let mut run = daemon.command_with(["run", "--rm", "--name", "web", "-p", "80", SERVER]);
    let mut process = run.stdout(Stdio::piped()).spawn().unwrap();
    let mut rest = until(&mut process, "listening on");
    let web = daemon.ask(["inspect", "web"]).json();
    let port = web[0]["publish"][0]["host_port"].as_u64().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port.try_into().unwrap())).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("Hello from a unikernel"), "{page}");
    // The port is taken now: the next one is refused, and says so.
    let taken = format!("{port}:80");
    daemon
        .ask(["run", "-p", &taken, SERVER])
        .fails(125, &port.to_string());
    support::signal(&process, Signal::INT);
    rest.read_to_string(&mut String::new()).unwrap();
    process.wait().unwrap();
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
}

#[test]
fn the_first_interrupt_stops_gracefully_and_the_second_kills() {
    let daemon = Daemon::start();
    let mut gentle = daemon.command_with(["run", "--rm", SLEEPS.to_str().unwrap()]);
    let mut process = gentle.stdout(Stdio::piped()).spawn().unwrap();
    let _rest = until(&mut process, "ready");
    support::signal(&process, Signal::INT);
    assert_eq!(
        process.wait().unwrap().code(),
        Some(7),
        "the program's SIGTERM handler gives its status"
    );

    let mut stubborn = daemon.command_with(["run", "--rm", SLEEPS.to_str().unwrap(), "stubborn"]);
    let mut process = stubborn.stdout(Stdio::piped()).spawn().unwrap();
    let _rest = until(&mut process, "ready");
    support::signal(&process, Signal::TERM);
    // Two signals of one kind may melt into one; two kinds do not.
    support::signal(&process, Signal::INT);
    assert_eq!(process.wait().unwrap().code(), Some(137));
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
}

/// A program reads all of our input and then its end, whatever way it waits for it; and there is none unless it is asked for.
#[test]
fn input_goes_to_the_program_and_ends() {
    let daemon = Daemon::start();
    let hears = HEARS.to_str().unwrap();
    let input: Vec<u8> = (0..1u32 << 20)
        .map(|at| (at.wrapping_mul(at) >> 7) as u8)
        .collect();
    let sum: u64 = input.iter().map(|&byte| u64::from(byte)).sum();
    let said = format!("{} bytes, sum {sum}, then 0", input.len());
    for args in [
        &["run", "-i", "--rm", hears][..],
        &["run", "-i", "--rm", hears, "epoll"],
    ] {
        let mut run = daemon.command_with(args);
        let mut process = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        // Only after the program waits for it, and in two parts.
        let mut rest = until(&mut process, "ready");
        stdin.write_all(&input[..1000]).unwrap();
        stdin.write_all(&input[1000..]).unwrap();
        drop(stdin);
        let mut text = String::new();
        rest.read_to_string(&mut text).unwrap();
        assert!(text.contains(&said), "{text}, not {said}");
        assert!(process.wait().unwrap().success());
    }
    let mut run = daemon.command_with(["run", "-i", "--rm", hears]);
    let empty: Said = run.output().unwrap().into();
    assert!(
        empty.ok().contains("0 bytes, sum 0, then 0"),
        "an input that is empty"
    );
    let mut run = daemon.command_with(["run", "--rm", hears]);
    let deaf: Said = run.stdin(Stdio::piped()).output().unwrap().into();
    assert!(deaf.ok().contains("0 bytes, sum 0, then 0"), "without -i");
    daemon.ask(["run", "-i", "-d", hears]).fails_parsing("--detach");
}

/// Neither a program that ends first nor one that never reads keeps `run` while our stdin is open.
#[test]
fn open_input_does_not_hold_up_the_end() {
    let daemon = Daemon::start();
    let flood = vec![b'x'; 64 << 10];
    let mut run = daemon.command_with(["run", "-i", "--rm", SAYS.to_str().unwrap(), "4"]);
    let mut process = run.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let open = process.stdin.take().unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(4));
    drop(open);

    let mut run = daemon.command_with([
        "run",
        "-i",
        "--name",
        "deaf",
        SLEEPS.to_str().unwrap(),
        "stubborn",
    ]);
    run.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = run.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let _rest = until(&mut process, "ready");
    // More than all buffers on the way: the thread ends when the command does.
    let writer = std::thread::spawn(move || while stdin.write_all(&flood).is_ok() {});
    daemon.ask(["kill", "deaf"]).ok();
    assert_eq!(process.wait().unwrap().code(), Some(137));
    writer.join().unwrap();
    daemon.ask(["rm", "deaf"]).ok();
}

#[test]
fn detach_without_a_daemon_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let said: Said = support::private(temporary.path())
        .args(["run", "-d", SAYS.to_str().unwrap()])
        .output()
        .unwrap()
        .into();
    said.fails(125, "--detach");
    assert_eq!(
        std::fs::read_dir(temporary.path()).unwrap().count(),
        0,
        "files stay"
    );
}

#[test]
fn wrong_files_are_named_with_a_way_out_and_leave_nothing() {
    let daemon = Daemon::start();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let program = std::fs::read(&*SAYS).unwrap();
    let mut arm = program.clone();
    arm[18] = 183; // e_machine: EM_AARCH64
    let mut narrow = program.clone();
    narrow[4] = 1; // e_ident[EI_CLASS]: ELFCLASS32
    // A dynamic program whose C library nobody has.
    let mut lacking = std::fs::read("/bin/true").unwrap();
    let name = lacking.windows(9).position(|part| part == b"libc.so.6").unwrap();
    lacking[name + 3] = b'q';
    for (file, thing) in [
        ("./no-such-file".to_owned(), "no-such-file"),
        ("/tmp/".to_owned(), "/tmp/"),
        (write("arm", &arm), "x86-64"),
        (write("narrow", &narrow), "32-bit"),
        (write("cut", &program[..2000]), "cut"),
        (write("lacking", &lacking), "libq.so.6"),
    ] {
        daemon.ask(["run", &file]).fails(125, thing);
    }
    daemon.ask(["run", "no-such-image"]).fails(125, "no-such-image");
    daemon
        .ask(["run", "--memory", "8", "--publish", "x", "y"])
        .fails_parsing("'x'");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
}

#[test]
fn a_name_is_taken_once() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    daemon
        .ask(["run", "--name", "web", SLEEPS.to_str().unwrap()])
        .fails(125, "web");
}

#[test]
fn the_same_program_is_imported_once() {
    let daemon = Daemon::start();
    for _ in 0..2 {
        daemon.ask(["run", "--rm", SAYS.to_str().unwrap(), "0"]).ok();
    }
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok().lines().count(), 1);
}

#[test]
fn a_socket_that_was_named_is_not_replaced_by_a_private_daemon() {
    alone(["run", "--socket", "/nowhere/api.sock", SAYS.to_str().unwrap()]).fails(125, "/nowhere/api.sock");
}

#[test]
fn what_a_killed_command_left_is_cleaned_up_by_the_next() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = support::uigniter();
    command
        .env("TMPDIR", temporary.path())
        .args(["run", SLEEPS.to_str().unwrap()]);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let _rest = until(&mut process, "ready");
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
    let mut next = support::uigniter();
    let status = next
        .env("TMPDIR", temporary.path())
        .args(["run", SAYS.to_str().unwrap(), "0"])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        std::fs::read_dir(temporary.path()).unwrap().count(),
        0,
        "files stay"
    );
    let namespace = format!("/run/netns/uigniter-private-{}", process.id());
    assert!(!Path::new(&namespace).exists(), "the network namespace stays");
}

/// A shell that sees no `/dev/kvm`, in a mount namespace of its own, and becomes its arguments.
const WITHOUT_KVM: &str = r#"
set -e
mkdir "$TMPDIR/dev"
mount --bind /dev "$TMPDIR/dev"
mount -t tmpfs none /dev
mkdir /dev/net
for node in null zero random urandom net/tun; do
    touch /dev/$node
    mount --bind "$TMPDIR/dev/$node" /dev/$node
done
umount -l "$TMPDIR/dev"
rmdir "$TMPDIR/dev"
exec "$@""#;

/// The same, where the node is there and is not KVM.
const FOREIGN_KVM: &str = r#"mount --bind /dev/null /dev/kvm && exec "$@""#;

#[test]
fn a_host_that_cannot_run_microvms_is_told_so_and_left_as_it_was() {
    for (scene, thing) in [(WITHOUT_KVM, "/dev/kvm"), (FOREIGN_KVM, "KVM")] {
        let temporary = tempfile::tempdir().unwrap();
        let binary = support::uigniter();
        let said: Said = Command::new("unshare")
            .env("TMPDIR", temporary.path())
            .args(["--mount", "bash", "-c", scene, "scene"])
            .arg(binary.get_program())
            .args(["run", "--rm", SAYS.to_str().unwrap(), "0"])
            .output()
            .unwrap()
            .into();
        said.fails(125, thing);
        assert_eq!(
            std::fs::read_dir(temporary.path()).unwrap().count(),
            0,
            "files stay"
        );
    }
}

/// A dynamic program is packed with its libraries and the user's files, a script with its interpreter; what is lacking is named.
#[test]
fn what_a_program_needs_is_packed_with_it() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let reads = support::compile_with(
        "reads",
        &["-O1"],
        r#"
        #include <stdio.h>
        int main(int argc, char **argv) {
            FILE *file = fopen(argv[argc - 1], "r");
            for (int c; file && (c = getc(file)) != EOF;) putchar(c);
            return file ? argc : 99;
        }"#,
    );
    let (reads, notes) = (reads.to_str().unwrap(), folder.path().join("notes"));
    std::fs::write(&notes, "of the user\n").unwrap();
    let add = format!("{}:/srv/notes", folder.path().display());
    let said = daemon.ask(["run", "--rm", "--add", &add, reads, "/srv/notes/notes"]);
    assert_eq!((said.status, &*said.stdout), (2, "of the user\n"), "{said:?}");

    let script = folder.path().join("script");
    std::fs::write(&script, format!("#!{reads} one argument\nof the script\n")).unwrap();
    let said = daemon.ask(["run", "--rm", script.to_str().unwrap()]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.stdout.ends_with("of the script\n"), "{said:?}");

    // The interpreter that env(1) would find takes its place: env itself could not become another program.
    std::fs::write(
        &script,
        "#!/usr/bin/env -S sh -e\nwhile :; do echo shell got $1; false; done\n",
    )
    .unwrap();
    let said = daemon.ask(["run", "--rm", script.to_str().unwrap(), "a word"]);
    assert_eq!(
        (said.status, &*said.stdout),
        (1, "shell got a word\n"),
        "{said:?}"
    );

    let import = ["image", "import", "--name", "reads", "--add", &add, reads];
    daemon.ask(import).ok();
    assert_eq!(
        daemon
            .ask(["run", "--rm", "reads", "/srv/notes/notes"])
            .ok_with(2),
        "of the user\n"
    );
    daemon
        .ask(["run", "--rm", "--add", &add, "reads"])
        .fails(125, "'reads' is an image");
    daemon
        .ask(["run", "--rm", "--add", "/no/such/file", reads])
        .fails(125, "/no/such/file");
}
