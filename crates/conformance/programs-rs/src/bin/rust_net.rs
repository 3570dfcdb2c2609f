//! The standard library's TCP and UDP on loopback.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> io::Result<()> {
        for _ in 0..3 {
            let (mut stream, peer) = listener.accept()?;
            assert!(peer.ip().is_loopback());
            let mut line = String::new();
            BufReader::new(stream.try_clone()?).read_line(&mut line)?;
            stream.write_all(line.to_uppercase().as_bytes())?;
        }
        Ok(())
    });
    for n in 0..3 {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        writeln!(stream, "message {n}")?;
        stream.shutdown(Shutdown::Write)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        print!("{text}");
    }
    server.join().unwrap()?;
    println!(
        "{:?}",
        TcpStream::connect(address).map_err(|error| error.kind()).err()
    );
    println!(
        "{:?}",
        TcpStream::connect_timeout(&address, Duration::from_secs(5))
            .map_err(|error| error.kind())
            .err()
    );

    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!(
        "{:?}",
        TcpListener::bind(listener.local_addr()?)
            .map_err(|error| error.kind())
            .err()
    );
    listener.set_nonblocking(true)?;
    println!("{:?}", listener.accept().map_err(|error| error.kind()).err());
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    println!(
        "{:?} {:?}",
        stream.read_timeout()?,
        stream.read(&mut [0; 4]).map_err(|error| error.kind()).err()
    );
    println!("{:?} {:?}", stream.ttl().is_ok(), stream.take_error()?);

    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    a.send_to(b"datagram", b.local_addr()?)?;
    let mut buffer = [0; 64];
    let (length, from) = b.recv_from(&mut buffer)?;
    println!(
        "{} {}",
        String::from_utf8_lossy(&buffer[..length]),
        from == a.local_addr()?
    );
    b.connect(a.local_addr()?)?;
    b.send(b"back")?;
    println!("{}", a.recv(&mut buffer)?);
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    println!("{}", UdpSocket::bind(any)?.local_addr()?.ip());
    Ok(())
}
