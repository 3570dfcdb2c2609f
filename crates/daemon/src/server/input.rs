//! Input for an instance's program: the body of a request, piece by piece, as messages to the VMM's socket.

use std::{io, sync::Arc};

use axum::{body::Body, response::Response};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::net::UnixDatagram;
use uigniter_api::instance::InputQuery;

use super::{
    body::{drain, empty, query},
    instances::find,
    routes::Call,
};
use crate::{host::Host, instance::Handle, refusal::Refusal};

/// Longest message that the VMM takes whole, in bytes.
const MESSAGE_BYTES: usize = 16 << 10;

pub(super) async fn post(host: &Arc<Host>, mut call: Call) -> Result<Response, Refusal> {
    let (asked, handle, socket) = match open(host, &call) {
        Ok(opened) => opened,
        Err(refusal) => {
            drain(&mut call.body).await;
            return Err(refusal);
        }
    };
    // Whatever else happens to the instance, its end ends the request: a body may have none.
    tokio::select! {
        passed = pass_on(&mut call.body, &socket, &handle, asked) => passed?,
        _ = handle.ended() => return Err(ended(&handle)),
        () = host.stopping.cancelled() => return Err(Refusal::ShuttingDown),
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

fn open(host: &Host, call: &Call) -> Result<(InputQuery, Arc<Handle>, UnixDatagram), Refusal> {
    let asked = query(&call.uri)?;
    let handle = find(host, call)?;
    let instance = handle.view();
    if instance.state.has_ended() {
        return Err(ended(&handle));
    }
    if !instance.interactive {
        let why = "it was not created with \"interactive\": true";
        return Err(Refusal::NoInput { id: instance.id, why });
    }
    let socket = UnixDatagram::unbound().map_err(Refusal::io("make a socket"))?;
    let path = host.state.instance(&handle.id).input();
    socket.connect(path).map_err(unheard(&handle))?;
    Ok((asked, handle, socket))
}

/// Waits where the program does not read, as long as it takes. A body that breaks off is not the end of the input.
async fn pass_on(
    body: &mut Body,
    socket: &UnixDatagram,
    handle: &Handle,
    asked: InputQuery,
) -> Result<(), Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::Invalid(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        // Never an empty piece, which would be the end.
        for message in data.chunks(MESSAGE_BYTES) {
            socket.send(message).await.map_err(unheard(handle))?;
        }
    }
    if asked.eof {
        socket.send(&[]).await.map_err(unheard(handle))?;
    }
    Ok(())
}

fn ended(handle: &Handle) -> Refusal {
    let (id, why) = (handle.id.clone(), "it has ended");
    Refusal::NoInput { id, why }
}

/// A VMM closes its socket when it has had the end, and removes it when it ends itself.
fn unheard(handle: &Handle) -> impl FnOnce(io::Error) -> Refusal {
    let id = handle.id.clone();
    |error| match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Refusal::NoInput {
            id,
            why: "the end of its input was posted before, or it has just ended",
        },
        _ => Refusal::io("pass on the input")(error),
    }
}
