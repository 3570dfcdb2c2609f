//! Our standard input on its way to the program.

use std::{io, os::unix::net::UnixStream, thread};

use uigniter_api::{Client, ErrorCode, client::Error, instance::InputQuery};

/// Passes stdin on until its end, or until the instance takes no more. What else goes wrong is said and ends nothing: the program may go on without.
pub(super) async fn feed(client: Client, id: String) {
    let Err(error) = send(&client, &id).await else {
        return;
    };
    // The end of an instance breaks a stream in several ways.
    let over = error.code() == Some(ErrorCode::WrongState)
        || client
            .get_instance(&id)
            .await
            .map_or(true, |now| now.state.has_ended());
    if !over {
        eprintln!("uigniter: the program gets no more input: {error}");
    }
}

async fn send(client: &Client, id: &str) -> Result<(), Error> {
    let input = stdin().map_err(|source| Error::File {
        path: "/dev/stdin".into(),
        source,
    })?;
    client.send_input(id, &InputQuery::default(), input).await
}

/// Stdin behind a socket. It is read by a thread that nobody waits for: a read of a terminal cannot be ended, and with tokio's own
/// `stdin` the command would not end before it.
fn stdin() -> io::Result<tokio::net::UnixStream> {
    let (mut writer, reader) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    thread::Builder::new().name("stdin".into()).spawn(move || {
        if let Err(error) = io::copy(&mut io::stdin().lock(), &mut writer)
            // The other end of the socket is gone with the instance.
            && !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
        {
            eprintln!("uigniter: cannot read standard input: {error}");
        }
    })?;
    tokio::net::UnixStream::from_std(reader)
}
