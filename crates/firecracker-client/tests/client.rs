//! The client against a tiny server that records what it was sent and answers from a list.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use uigniter_firecracker_client::{
    Action, BootSource, CacheType, Client, Drive, Error, Folder, InstanceState, LogLevel, Logger,
    MachineConfig, Metrics, NetworkInterface, Serial, VmState,
};

const NO_CONTENT: &str = "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n";

/// What the server saw: number of the connection, request line, body.
type Seen = mpsc::UnboundedReceiver<(usize, String, String)>;

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn refusal(body: &str) -> String {
    format!(
        "HTTP/1.1 400 \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn request(reader: &mut BufReader<UnixStream>) -> Option<(String, String)> {
    let mut line = String::new();
    if reader.read_line(&mut line).await.unwrap() == 0 {
        return None;
    }
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).await.unwrap();
        match header.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap()
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    Some((line.trim_end().to_owned(), String::from_utf8(body).unwrap()))
}

/// Serves `answers` in order, over as many connections as come; an empty answer closes the connection.
fn serve(socket: &Path, answers: Vec<String>) -> Seen {
    let listener = UnixListener::bind(socket).unwrap();
    let (sender, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let mut reader = BufReader::new(stream);
            while let Some((line, body)) = request(&mut reader).await {
                sender.send((connection, line, body)).unwrap();
                let answer = answers.next().unwrap();
                if answer.is_empty() {
                    break;
                }
                reader.get_mut().write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    seen
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    (folder, socket)
}

#[tokio::test]
async fn every_call_has_firecrackers_shape_and_all_share_one_connection() {
    let (_folder, socket) = folder();
    let mut seen = serve(&socket, vec![NO_CONTENT.to_owned(); 14]);
    let vm = Client::new(&socket);
    let drive = Drive {
        is_root_device: true,
        cache_type: Some(CacheType::Writeback),
        ..Drive::new("root", "/d", false)
    };
    let interface = NetworkInterface {
        iface_id: "eth0".into(),
        host_dev_name: "tap2".into(),
        guest_mac: Some("06:00:ac:10:00:02".into()),
    };
    let logger = Logger {
        level: Some(LogLevel::Warn),
        ..Logger::default()
    };
    vm.put_machine_config(&MachineConfig::new(1, 128)).await.unwrap();
    vm.put_boot_source(&BootSource::new("/k", "--nopci /hello"))
        .await
        .unwrap();
    vm.put_drive(&drive).await.unwrap();
    vm.put_network_interface(&interface).await.unwrap();
    vm.put_logger(&logger).await.unwrap();
    vm.put_metrics(&Metrics {
        metrics_path: "/m".into(),
    })
    .await
    .unwrap();
    vm.put_serial(&Serial {
        serial_out_path: "/s".into(),
    })
    .await
    .unwrap();
    vm.put_entropy().await.unwrap();
    vm.action(Action::InstanceStart).await.unwrap();
    vm.action(Action::SendCtrlAltDel).await.unwrap();
    vm.action(Action::FlushMetrics).await.unwrap();
    vm.patch_vm(VmState::Paused).await.unwrap();
    vm.patch_vm(VmState::Resumed).await.unwrap();
    let expected = [
        ("PUT /machine-config", r#"{"vcpu_count":1,"mem_size_mib":128}"#),
        (
            "PUT /boot-source",
            r#"{"kernel_image_path":"/k","boot_args":"--nopci /hello"}"#,
        ),
        (
            "PUT /drives/root",
            r#"{"drive_id":"root","path_on_host":"/d","is_root_device":true,"is_read_only":false,"cache_type":"Writeback"}"#,
        ),
        (
            "PUT /network-interfaces/eth0",
            r#"{"iface_id":"eth0","host_dev_name":"tap2","guest_mac":"06:00:ac:10:00:02"}"#,
        ),
        ("PUT /logger", r#"{"level":"Warn"}"#),
        ("PUT /metrics", r#"{"metrics_path":"/m"}"#),
        ("PUT /serial", r#"{"serial_out_path":"/s"}"#),
        ("PUT /entropy", "{}"),
        ("PUT /actions", r#"{"action_type":"InstanceStart"}"#),
        ("PUT /actions", r#"{"action_type":"SendCtrlAltDel"}"#),
        ("PUT /actions", r#"{"action_type":"FlushMetrics"}"#),
        ("PATCH /vm", r#"{"state":"Paused"}"#),
        ("PATCH /vm", r#"{"state":"Resumed"}"#),
    ];
    for (line, body) in expected {
        assert_eq!(
            seen.recv().await.unwrap(),
            (0, format!("{line} HTTP/1.1"), body.to_owned())
        );
    }
}

#[tokio::test]
async fn answers_are_read() {
    let (_folder, socket) = folder();
    let info = r#"{"app_name":"Firecracker","id":"x","state":"Not started","vmm_version":"1.17.0"}"#;
    let _seen = serve(&socket, vec![ok(info), ok(r#"{"firecracker_version":"1.17.0"}"#)]);
    let vm = Client::new(&socket);
    let info = vm.instance_info().await.unwrap();
    assert_eq!((info.id.as_str(), info.state), ("x", InstanceState::NotStarted));
    assert_eq!(vm.version().await.unwrap(), "1.17.0");
}

#[tokio::test]
async fn a_refusal_carries_the_fault_message_and_keeps_the_connection() {
    let (_folder, socket) = folder();
    let answers = vec![
        refusal(r#"{"fault_message":"no such tap"}"#),
        refusal("plain words"),
        NO_CONTENT.to_owned(),
    ];
    let mut seen = serve(&socket, answers);
    let vm = Client::new(&socket);
    for expected in ["no such tap", "plain words"] {
        match vm.put_entropy().await {
            Err(Error::Rejected {
                request,
                status: 400,
                fault_message,
            }) => {
                assert_eq!(
                    (request.as_str(), fault_message.as_str()),
                    ("PUT /entropy", expected)
                );
            }
            other => panic!("{other:?}"),
        }
    }
    vm.put_entropy().await.unwrap();
    for _ in 0..3 {
        assert_eq!(seen.recv().await.unwrap().0, 0);
    }
}

#[tokio::test]
async fn a_vmm_without_shared_folders_is_known_by_its_words() {
    let (_folder, socket) = folder();
    let fault = r#"{"fault_message":"Invalid request method and/or path: PUT folders/folder0."}"#;
    let _seen = serve(&socket, vec![refusal(fault)]);
    let folder = Folder {
        tag: "folder0".into(),
        path_on_host: "/srv".into(),
        read_only: true,
    };
    let error = Client::new(&socket).put_folder(&folder).await.unwrap_err();
    assert!(
        error.to_string().contains("not supported by firecracker"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_http_or_no_json_is_a_protocol_error() {
    let (_folder, socket) = folder();
    let _seen = serve(&socket, vec!["garbage\r\n\r\n".into(), ok("[]"), String::new()]);
    let vm = Client::new(&socket);
    for _ in 0..3 {
        let error = vm.version().await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_a_hung_vmm_is_silent() {
    let (_folder, socket) = folder();
    let vm = Client::new(&socket).with_timeout(Duration::from_millis(50));
    assert!(matches!(vm.version().await, Err(Error::Unreachable { .. })));
    let _listener = UnixListener::bind(&socket).unwrap();
    assert!(matches!(vm.version().await, Err(Error::Silent { .. })));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_between_calls_is_replaced() {
    let (_folder, socket) = folder();
    let close = "HTTP/1.1 204 \r\nConnection: close\r\n\r\n".to_owned();
    let mut seen = serve(&socket, vec![close, NO_CONTENT.to_owned()]);
    let vm = Client::new(&socket);
    vm.put_entropy().await.unwrap();
    vm.put_entropy().await.unwrap();
    assert_eq!(seen.recv().await.unwrap().0, 0);
    assert_eq!(seen.recv().await.unwrap().0, 1);
}

#[tokio::test]
async fn ready_comes_with_the_socket_and_its_connection_is_used() {
    let (_folder, socket) = folder();
    let vm = Client::new(&socket);
    let waiting = tokio::spawn({
        let vm = vm.clone();
        async move {
            vm.wait_until_ready(Instant::now() + Duration::from_secs(20))
                .await
        }
    });
    tokio::task::yield_now().await;
    let mut seen = serve(&socket, vec![NO_CONTENT.to_owned()]);
    waiting.await.unwrap().unwrap();
    vm.put_entropy().await.unwrap();
    assert_eq!(seen.recv().await.unwrap().0, 0);
}

#[tokio::test]
async fn a_stale_socket_is_waited_on_until_a_vmm_takes_its_place() {
    let (folder, socket) = folder();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let vm = Client::new(&socket);
    let soon = Instant::now() + Duration::from_millis(30);
    assert!(matches!(
        vm.wait_until_ready(soon).await,
        Err(Error::NotReady { .. })
    ));
    let waiting = tokio::spawn({
        let vm = vm.clone();
        async move {
            vm.wait_until_ready(Instant::now() + Duration::from_secs(20))
                .await
        }
    });
    tokio::task::yield_now().await;
    let fresh = folder.path().join("fresh.sock");
    let _seen = serve(&fresh, vec![]);
    std::fs::rename(&fresh, &socket).unwrap();
    waiting.await.unwrap().unwrap();
}
