//! The demo's web server: an ordinary Linux program that answers every request with one page.
//!
//! Standard library only, a thread per connection. It does not know that it may be alone in a microVM: the page shows what
//! the system tells it.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A client that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "0.0.0.0:80".to_owned());
    let started = Instant::now();
    let listener = TcpListener::bind(&address)?;
    println!("demo-server: listening on {address}");
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                eprintln!("demo-server: accept: {error}");
                continue;
            }
        };
        thread::Builder::new().spawn(move || {
            if let Err(error) = serve(&stream, started) {
                eprintln!("demo-server: {error}");
            }
        })?;
    }
    Ok(())
}

/// Answers the requests of one connection until the client leaves.
fn serve(stream: &TcpStream, started: Instant) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let mut last = false;
    while !last {
        let Some(request) = lines.next().transpose()? else {
            break;
        };
        for header in &mut lines {
            let header = header?;
            if header.is_empty() {
                break;
            }
            last |= header.eq_ignore_ascii_case("connection: close");
        }
        let body = page(&request, started);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut out = stream;
        out.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}

/// The page.
fn page(request: &str, started: Instant) -> String {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let path: String = request
        .split(' ')
        .nth(1)
        .unwrap_or("/")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "/._-".contains(*c))
        .collect();
    format!(
        "<!doctype html><title>uigniter</title><h1>Hello from a unikernel</h1>\
         <p>You asked {} for {path}, {} ms after the program began.</p>\n",
        if hostname.trim().is_empty() {
            "me"
        } else {
            hostname.trim()
        },
        started.elapsed().as_millis(),
    )
}
