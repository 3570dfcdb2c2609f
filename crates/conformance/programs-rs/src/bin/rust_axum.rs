//! A web server with a client of its own, over loopback.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    routing::{get, post},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hits = Arc::new(AtomicU64::new(0));
    let router = Router::new()
        .route("/", get(|| async { "hello from the guest" }))
        .route(
            "/count",
            get(|State(hits): State<Arc<AtomicU64>>| async move {
                (hits.fetch_add(1, Ordering::Relaxed) + 1).to_string()
            }),
        )
        .route(
            "/square/{n}",
            get(|Path(n): Path<u64>| async move { Json(serde_json::json!({"n": n, "square": n * n})) }),
        )
        .route(
            "/length",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .with_state(Arc::clone(&hits));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async { drop(stopped.await) })
            .await
    });
    for (path, body) in [
        ("/", ""),
        ("/square/12", ""),
        ("/square/x", ""),
        ("/absent", ""),
        ("/length", "12345"),
    ] {
        let (status, text) = fetch(address, path, body.into()).await?;
        println!("{path}: {status} {text}");
    }
    println!(
        "{:?}",
        fetch(address, "/length", vec![b'x'; 300_000].into()).await?
    );
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        clients.spawn(async move {
            for _ in 0..10 {
                fetch(address, "/count", Bytes::new()).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(result) = clients.join_next().await {
        result??;
    }
    println!("hits {}", hits.load(Ordering::Relaxed));
    // One connection for many requests.
    let (mut sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    let driver = tokio::spawn(connection);
    let mut last = String::new();
    for _ in 0..100 {
        sender.ready().await?;
        let request = Request::get("/count")
            .header("host", "guest")
            .body(Full::<Bytes>::default())?;
        last = text(sender.send_request(request).await?.into_body()).await?;
    }
    println!("last {last}");
    drop(sender);
    driver.await??;
    let _ = stop.send(());
    server.await??;
    println!("stopped");
    Ok(())
}

async fn fetch(
    address: std::net::SocketAddr,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, String), Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let method = if path == "/length" { "POST" } else { "GET" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "guest")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, text(response.into_body()).await?))
}

async fn text(body: hyper::body::Incoming) -> Result<String, Failure> {
    Ok(String::from_utf8(body.collect().await?.to_bytes().to_vec())?)
}
