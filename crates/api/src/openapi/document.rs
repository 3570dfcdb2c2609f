//! From the table to the document (OpenAPI 3.1.0, whose schemas are JSON Schema 2020-12).

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Payload, ROUTES, Route, of};
use crate::error::ErrorBody;

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = operation(route, &mut generator);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "uigniter",
            "summary": "Unikernels as microVMs",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut success = json!({ "description": "Done" });
    if let Some(content) = content(route.response, generator) {
        success["content"] = content;
    }
    let failure = json!({
        "description": "Refused; the body says why",
        "content": { "application/json": { "schema": of::<ErrorBody>(generator) } },
    });
    let mut operation = json!({
        "operationId": format!("{:?}", route.operation),
        "summary": route.summary,
        "responses": { route.status.to_string(): success, "4XX": failure.clone(), "5XX": failure },
    });
    let parameters = parameters(route, generator);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(content) = content(route.request, generator) {
        let required = !matches!(route.request, Payload::OptionalJson(_));
        operation["requestBody"] = json!({ "required": required, "content": content });
    }
    operation
}

fn content(payload: Payload, generator: &mut SchemaGenerator) -> Option<Value> {
    match payload {
        Payload::Empty => None,
        Payload::Json(schema) | Payload::OptionalJson(schema) => {
            Some(json!({ "application/json": { "schema": schema(generator) } }))
        }
        Payload::Text(media_type) => Some(json!({ media_type: { "schema": { "type": "string" } } })),
        Payload::Binary => Some(json!({ "application/octet-stream": {} })),
    }
}

/// Variable segments of the path, then the properties of the query's schema.
fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let segments = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = segments
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let Some(query) = route.query else {
        return parameters;
    };
    let reference = query(generator);
    // The query's own schema is not a component: its properties are what callers see.
    let name = reference
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| path.rsplit('/').next());
    let Some(schema) = name.and_then(|name| generator.definitions_mut().remove(name)) else {
        return parameters;
    };
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|other| other.as_str() == Some(name)))
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        parameters
            .push(json!({ "name": name, "in": "query", "required": required(name), "schema": property }));
    }
    parameters
}
