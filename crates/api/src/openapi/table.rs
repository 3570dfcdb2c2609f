//! All routes, one row each.

use super::{
    Method::{self, Delete, Get, Post, Put},
    Operation as Op,
    Payload::{self, Binary, Empty, Json, OptionalJson, Text},
    Route, SchemaOf, of,
};
use crate::{
    image::{
        Changes, DiffQuery, FileQuery, FilesQuery, Image, ImportQuery, Listing, PruneQuery, Pruned,
        TagRequest,
    },
    instance::{CreateRequest, DeleteQuery, Exit, InputQuery, Instance, LogsQuery, Stats, StopRequest},
    pool::{Pool, ResizeRequest},
    system::{Health, Version},
    vm::{RunRequest, RunResponse},
    volume::{Volume, VolumeRequest},
};

const PROMETHEUS: Payload = Text("text/plain; version=0.0.4");
const INSTANCE: Payload = Json(of::<Instance>);

/// Every route of the daemon.
pub const ROUTES: &[Route] = &[
    row(
        Op::VmRun,
        Post,
        "/vm/run",
        "Run an image (the first Uigniter's route)",
    )
    .takes(Json(of::<RunRequest>))
    .gives(201, Json(of::<RunResponse>)),
    row(Op::VmCreate, Post, "/vm/create", "Another name of /vm/run")
        .takes(Json(of::<RunRequest>))
        .gives(201, Json(of::<RunResponse>)),
    row(
        Op::VmStop,
        Post,
        "/vm/{id}/stop",
        "Stop an instance and delete it",
    )
    .gives(201, Empty),
    row(Op::Health, Get, "/healthz", "Whether the daemon takes requests").gives(200, Json(of::<Health>)),
    row(Op::Metrics, Get, "/metrics", "Metrics for Prometheus").gives(200, PROMETHEUS),
    row(Op::OpenApi, Get, "/openapi.json", "This document").gives(200, Json(of::<serde_json::Value>)),
    row(
        Op::Version,
        Get,
        "/v1/version",
        "Versions of daemon, API and kernel",
    )
    .gives(200, Json(of::<Version>)),
    row(
        Op::InstanceList,
        Get,
        "/v1/instances",
        "All instances, oldest first",
    )
    .gives(200, Json(of::<Vec<Instance>>)),
    row(
        Op::InstanceCreate,
        Post,
        "/v1/instances",
        "Create an instance and start it",
    )
    .takes(Json(of::<CreateRequest>))
    .gives(201, INSTANCE),
    row(
        Op::InstanceGet,
        Get,
        "/v1/instances/{id}",
        "One instance, by id or name",
    )
    .gives(200, INSTANCE),
    row(
        Op::InstanceDelete,
        Delete,
        "/v1/instances/{id}",
        "Delete an ended instance, or with force any",
    )
    .asks(of::<DeleteQuery>)
    .gives(204, Empty),
    row(
        Op::InstanceStop,
        Post,
        "/v1/instances/{id}/stop",
        "Ask the program to end; kill it after the grace",
    )
    .takes(OptionalJson(of::<StopRequest>))
    .gives(200, INSTANCE),
    row(
        Op::InstanceKill,
        Post,
        "/v1/instances/{id}/kill",
        "End the microVM at once",
    )
    .gives(200, INSTANCE),
    row(
        Op::InstancePause,
        Post,
        "/v1/instances/{id}/pause",
        "Halt the microVM's clock and CPUs",
    )
    .gives(200, INSTANCE),
    row(
        Op::InstanceResume,
        Post,
        "/v1/instances/{id}/resume",
        "Let a paused microVM go on",
    )
    .gives(200, INSTANCE),
    row(
        Op::InstanceWait,
        Post,
        "/v1/instances/{id}/wait",
        "Answer when the instance has ended",
    )
    .gives(200, Json(of::<Exit>)),
    row(
        Op::InstanceLogs,
        Get,
        "/v1/instances/{id}/logs",
        "The console, from its beginning or its last lines",
    )
    .asks(of::<LogsQuery>)
    .gives(200, Binary),
    row(
        Op::InstanceConsole,
        Get,
        "/v1/instances/{id}/console",
        "The console, from now until the end",
    )
    .gives(200, Binary),
    row(
        Op::InstanceInput,
        Post,
        "/v1/instances/{id}/console",
        "Input for the program of an interactive instance, as it comes",
    )
    .asks(of::<InputQuery>)
    .takes(Binary)
    .gives(204, Empty),
    row(
        Op::InstanceStats,
        Get,
        "/v1/instances/{id}/stats",
        "What a running instance uses",
    )
    .gives(200, Json(of::<Stats>)),
    row(Op::ImageList, Get, "/v1/images", "All images, by name").gives(200, Json(of::<Vec<Image>>)),
    row(
        Op::ImageImport,
        Post,
        "/v1/images",
        "Import an ELF (it is packed) or a disk (taken as it is)",
    )
    .asks(of::<ImportQuery>)
    .takes(Binary)
    .gives(201, Json(of::<Image>)),
    row(
        Op::ImageGet,
        Get,
        "/v1/images/{reference}",
        "One image, by name or digest",
    )
    .gives(200, Json(of::<Image>)),
    row(
        Op::ImageDelete,
        Delete,
        "/v1/images/{reference}",
        "Take an image's name away; its last one takes the disk along",
    )
    .gives(204, Empty),
    row(
        Op::ImageTag,
        Post,
        "/v1/images/{reference}/tags",
        "Give an image a further name",
    )
    .takes(Json(of::<TagRequest>))
    .gives(201, Json(of::<Image>)),
    row(
        Op::ImageFiles,
        Get,
        "/v1/images/{reference}/files",
        "What an image has at and below a path",
    )
    .asks(of::<FilesQuery>)
    .gives(200, Json(of::<Listing>)),
    row(
        Op::ImageFile,
        Get,
        "/v1/images/{reference}/file",
        "The bytes of a file in an image",
    )
    .asks(of::<FileQuery>)
    .gives(200, Binary),
    row(
        Op::ImageDiff,
        Get,
        "/v1/images/{reference}/diff",
        "Where two images differ",
    )
    .asks(of::<DiffQuery>)
    .gives(200, Json(of::<Changes>)),
    row(
        Op::ImageDisk,
        Get,
        "/v1/images/{reference}/disk",
        "The bytes of an image's disk",
    )
    .gives(200, Binary),
    row(
        Op::ImagePrune,
        Post,
        "/v1/prune/images",
        "Remove disks that no name and no instance holds",
    )
    .asks(of::<PruneQuery>)
    .gives(200, Json(of::<Pruned>)),
    row(Op::VolumeList, Get, "/v1/volumes", "All volumes, by name").gives(200, Json(of::<Vec<Volume>>)),
    row(Op::VolumeCreate, Post, "/v1/volumes", "Make a volume")
        .takes(Json(of::<VolumeRequest>))
        .gives(201, Json(of::<Volume>)),
    row(
        Op::VolumeGet,
        Get,
        "/v1/volumes/{name}",
        "One volume, and who uses it",
    )
    .gives(200, Json(of::<Volume>)),
    row(
        Op::VolumeDelete,
        Delete,
        "/v1/volumes/{name}",
        "Delete a volume that no instance uses, with all that is in it",
    )
    .gives(204, Empty),
    row(
        Op::VolumePrune,
        Post,
        "/v1/volumes/prune",
        "Delete all volumes that no instance names; gives their names",
    )
    .gives(200, Json(of::<Vec<String>>)),
    row(Op::PoolGet, Get, "/v1/pool", "The pool of waiting microVMs").gives(200, Json(of::<Pool>)),
    row(Op::PoolResize, Put, "/v1/pool", "Change how many microVMs wait")
        .takes(Json(of::<ResizeRequest>))
        .gives(200, Json(of::<Pool>)),
];

const fn row(operation: Op, method: Method, path: &'static str, summary: &'static str) -> Route {
    Route {
        operation,
        method,
        path,
        summary,
        query: None,
        request: Empty,
        status: 200,
        response: Empty,
    }
}

impl Route {
    const fn asks(mut self, query: SchemaOf) -> Self {
        self.query = Some(query);
        self
    }

    const fn takes(mut self, request: Payload) -> Self {
        self.request = request;
        self
    }

    const fn gives(mut self, status: u16, response: Payload) -> Self {
        self.status = status;
        self.response = response;
        self
    }
}
