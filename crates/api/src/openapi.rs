//! The table of all routes, and the OpenAPI 3.1 document that is made from it.
//!
//! The daemon builds its router from the same [`Route`] values and matches on [`Operation`], so a route cannot be
//! served without being described, nor described without being served.

mod document;
mod table;

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub use document::document;
pub use table::ROUTES;

/// What the daemon does on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each one's summary is in the table, for readers of the document too"
)]
pub enum Operation {
    VmRun,
    VmCreate,
    VmStop,
    Health,
    Metrics,
    OpenApi,
    Version,
    InstanceList,
    InstanceCreate,
    InstanceGet,
    InstanceDelete,
    InstanceStop,
    InstanceKill,
    InstancePause,
    InstanceResume,
    InstanceWait,
    InstanceLogs,
    InstanceConsole,
    InstanceInput,
    InstanceStats,
    ImageList,
    ImageImport,
    ImageGet,
    ImageDelete,
    ImageTag,
    ImageFiles,
    ImageFile,
    ImageDiff,
    ImageDisk,
    ImagePrune,
    VolumeList,
    VolumeCreate,
    VolumeGet,
    VolumeDelete,
    VolumePrune,
    PoolGet,
    PoolResize,
}

/// HTTP methods that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// Makes the schema of a type and puts those it needs into the document's components.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A body that a route takes or gives.
#[derive(Clone, Copy, Debug)]
pub enum Payload {
    /// None.
    Empty,
    /// JSON.
    Json(SchemaOf),
    /// JSON that may be left out.
    OptionalJson(SchemaOf),
    /// Text of this media type.
    Text(&'static str),
    /// Bytes.
    Binary,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// What it does.
    pub operation: Operation,
    /// Method.
    pub method: Method,
    /// Path, with `{name}` for variable segments.
    pub path: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Schema of the query, whose properties are the parameters.
    pub query: Option<SchemaOf>,
    /// What it takes.
    pub request: Payload,
    /// Status of success.
    pub status: u16,
    /// What it gives on success.
    pub response: Payload,
}

impl Method {
    /// As in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_once() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut seen = HashSet::new();
        for route in ROUTES {
            assert!(
                seen.insert(route.operation),
                "{:?} has two routes",
                route.operation
            );
            let method = route.method.as_str().to_ascii_lowercase();
            let described = &document["paths"][route.path][&method];
            assert_eq!(
                described["operationId"],
                format!("{:?}", route.operation),
                "{} {}",
                method,
                route.path
            );
            assert!(described["responses"][route.status.to_string()].is_object());
        }
        let paths = document["paths"].as_object().unwrap();
        let described: usize = paths
            .values()
            .map(|methods| methods.as_object().unwrap().len())
            .sum();
        assert_eq!(described, ROUTES.len());
    }

    #[test]
    fn every_reference_has_its_schema() {
        fn check(value: &serde_json::Value, document: &serde_json::Value) {
            match value {
                serde_json::Value::Object(fields) => {
                    if let Some(target) = fields.get("$ref").and_then(|target| target.as_str()) {
                        let found = document.pointer(target.strip_prefix('#').unwrap());
                        assert!(found.is_some(), "{target} leads nowhere");
                    }
                    fields.values().for_each(|field| check(field, document));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| check(item, document)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
        assert!(document["components"]["schemas"]["CreateRequest"].is_object());
    }

    #[test]
    fn variable_segments_are_parameters() {
        let document = document();
        let parameters = &document["paths"]["/v1/instances/{id}/logs"]["get"]["parameters"];
        let names: Vec<_> = parameters
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["id", "follow", "tail"]);
    }
}
