//! Routes of instances, the first Uigniter's and `/v1`.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use http::StatusCode;
use uigniter_api::{
    configuration::MOST_CONTENT_BYTES,
    instance::{CreateRequest, DEFAULT_GRACE_SECONDS, DeleteQuery, LogsQuery, State, Stats, StopRequest},
    vm::{RunRequest, RunResponse},
};

use super::{
    body::{answer, empty, json, json_with, optional_json, query, with_type},
    routes::Call,
};
use crate::{
    console::{From, stream},
    host::Host,
    instance::{Handle, Request, now_ms},
    launch::{from_first_api, launch},
    refusal::Refusal,
    stats,
};

/// Longest grace of a stop, in seconds.
const LONGEST_GRACE_SECONDS: u32 = 3600;

type Answer = Result<Response, Refusal>;

pub(super) async fn run_first(host: &Arc<Host>, call: Call) -> Answer {
    let request: RunRequest = json(call.body).await?;
    let instance = launch(host, from_first_api(request)).await?.view();
    let ip_address = instance.ip_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
    answer(
        StatusCode::CREATED,
        &RunResponse {
            id: instance.id,
            ip_address,
        },
    )
}

/// The first Uigniter gave everything back at a stop, so this deletes too.
pub(super) async fn stop_first(host: &Arc<Host>, call: Call) -> Answer {
    let handle = find(host, &call)?;
    handle
        .ask(Request::Stop(Duration::from_secs(DEFAULT_GRACE_SECONDS.into())))
        .await?;
    handle.ended().await?;
    gone(handle.ask(Request::Delete).await)?;
    Ok(empty(StatusCode::CREATED))
}

pub(super) fn list(host: &Arc<Host>) -> Answer {
    answer(StatusCode::OK, &host.registry.list())
}

pub(super) async fn create(host: &Arc<Host>, call: Call) -> Answer {
    let request: CreateRequest = json_with(call.body, MOST_CONTENT_BYTES).await?;
    answer(StatusCode::CREATED, &launch(host, request).await?.view())
}

pub(super) fn get(host: &Arc<Host>, call: &Call) -> Answer {
    answer(StatusCode::OK, &find(host, call)?.view())
}

pub(super) async fn delete(host: &Arc<Host>, call: Call) -> Answer {
    let DeleteQuery { force } = query(&call.uri)?;
    let handle = find(host, &call)?;
    if force && !handle.view().state.has_ended() {
        gone(handle.ask(Request::Kill).await)?;
        handle.ended().await?;
    }
    gone(handle.ask(Request::Delete).await)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// An instance that removed itself meanwhile is as good as deleted.
fn gone(result: Result<(), Refusal>) -> Result<(), Refusal> {
    match result {
        Err(Refusal::NoInstance(_)) => Ok(()),
        other => other,
    }
}

pub(super) async fn stop(host: &Arc<Host>, call: Call) -> Answer {
    let handle = find(host, &call)?;
    let StopRequest { grace_seconds } = optional_json(call.body).await?;
    if grace_seconds > LONGEST_GRACE_SECONDS {
        let line = format!("grace_seconds {grace_seconds} is too long; give {LONGEST_GRACE_SECONDS} or less");
        return Err(Refusal::Invalid(line));
    }
    gone(
        handle
            .ask(Request::Stop(Duration::from_secs(grace_seconds.into())))
            .await,
    )?;
    answer(StatusCode::OK, &handle.ended().await?.0)
}

pub(super) async fn kill(host: &Arc<Host>, call: Call) -> Answer {
    let handle = find(host, &call)?;
    gone(handle.ask(Request::Kill).await)?;
    answer(StatusCode::OK, &handle.ended().await?.0)
}

pub(super) async fn pause(host: &Arc<Host>, call: Call) -> Answer {
    let handle = find(host, &call)?;
    handle.ask(Request::Pause).await?;
    answer(StatusCode::OK, &handle.view())
}

pub(super) async fn resume(host: &Arc<Host>, call: Call) -> Answer {
    let handle = find(host, &call)?;
    handle.ask(Request::Resume).await?;
    answer(StatusCode::OK, &handle.view())
}

pub(super) async fn wait(host: &Arc<Host>, call: Call) -> Answer {
    let exit = match find(host, &call) {
        Ok(handle) => handle.ended().await?.1,
        Err(refusal) => host.registry.remembered(call.segment("id")).ok_or(refusal)?,
    };
    answer(StatusCode::OK, &exit)
}

pub(super) fn logs(host: &Arc<Host>, call: &Call) -> Answer {
    let LogsQuery { follow, tail } = query(&call.uri)?;
    let from = tail.map_or(From::Beginning, From::Lines);
    read_console(host, &*find(host, call)?, from, follow)
}

pub(super) fn console(host: &Arc<Host>, call: &Call) -> Answer {
    read_console(host, &*find(host, call)?, From::Now, true)
}

fn read_console(host: &Host, handle: &Handle, from: From, follow: bool) -> Answer {
    let pieces = stream(Arc::clone(&handle.console), from, follow, host.stopping.clone())
        .map_err(Refusal::io("read the console"))?;
    Ok(with_type(
        StatusCode::OK,
        "application/octet-stream",
        Body::from_stream(pieces),
    ))
}

pub(super) fn stats(host: &Arc<Host>, call: &Call) -> Answer {
    let handle = find(host, call)?;
    let instance = handle.view();
    let (Some(pid), Some(started)) = (instance.pid, instance.started_at_ms) else {
        let (state, needed) = (instance.state, "running");
        return Err(Refusal::WrongState {
            id: instance.id,
            state,
            action: "measured",
            needed,
        });
    };
    let ended = |error: std::io::Error| match error.kind() {
        // It ended while we looked.
        std::io::ErrorKind::NotFound => Refusal::WrongState {
            id: handle.id.clone(),
            state: State::Exited,
            action: "measured",
            needed: "running",
        },
        _ => Refusal::Io {
            action: "measure the instance".into(),
            source: error,
        },
    };
    let (rss_bytes, pss_bytes) = stats::memory_bytes(pid).map_err(ended)?;
    let answered = Stats {
        cpu_time_us: stats::cpu_time_us(pid).map_err(ended)?,
        rss_bytes,
        pss_bytes,
        uptime_ms: now_ms().saturating_sub(started),
        unimplemented_syscalls: stats::unimplemented_syscalls(handle.console.path()).map_err(ended)?,
        id: instance.id,
    };
    answer(StatusCode::OK, &answered)
}

pub(super) fn find(host: &Host, call: &Call) -> Result<Arc<Handle>, Refusal> {
    host.registry.get(call.segment("id"))
}
