//! A published port in front of a trivial HTTP server inside the namespace, to measure the proxy alone:
//!
//! ```text
//! cargo run --release -p uigniter-network --example proxy     # prints two addresses, ends with its input
//! wrk -t1 -c64 -d60s http://PROXIED/
//! ip netns exec NAMESPACE wrk -t1 -c64 -d60s http://DIRECT/   # the same without the proxy
//! ```
#![expect(clippy::expect_used, reason = "an example says what went wrong and stops")]

use std::os::fd::AsFd;
use std::process::Command;

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uigniter_network::{Config, Network};

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

async fn answer(mut client: TcpStream) {
    let mut request = [0; 4096];
    while let Ok(1..) = client.read(&mut request).await {
        if client.write_all(PAGE).await.is_err() {
            return;
        }
    }
}

async fn serve() {
    let listener = TcpListener::bind("0.0.0.0:80")
        .await
        .expect("port 80 of the namespace is free");
    while let Ok((client, _)) = listener.accept().await {
        drop(tokio::spawn(answer(client)));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let name = format!("proxy-{}", std::process::id());
    let state = std::env::temp_dir().join(&name);
    let network = Network::open(Config::new(&name, &state))
        .await
        .expect("root can make a network");
    let guest = network.attach("guest").await.expect("an attachment");
    // The "guest" is the namespace itself, so that nothing but the proxy is measured.
    let mut ip = Command::new("ip");
    ip.args(["address", "add", &format!("{}/32", guest.address), "dev", "lo"]);
    network.start_inside(&mut ip).expect("a descriptor");
    assert!(ip.status().expect("the `ip` program is there").success());
    let namespace = network.namespace_fd().expect("a descriptor");
    std::thread::spawn(move || {
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).expect("root can enter");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(serve());
    });
    let mapping = "80".parse().expect("a mapping");
    let port = network
        .publish("guest", mapping, guest.address)
        .await
        .expect("a port");
    println!(
        "PROXIED {} DIRECT {}:80 NAMESPACE {name}",
        port.host, guest.address
    );
    let mut input = String::new();
    drop(std::io::stdin().read_line(&mut input));
    network.close(true).await.expect("nothing holds the network");
    drop(std::fs::remove_dir(state));
}
