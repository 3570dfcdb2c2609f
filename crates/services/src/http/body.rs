//! Bodies as JSON or forms, by their content type: the first system took both.

use axum::{
    Form, Json,
    extract::{FromRequest, Request},
};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::Refusal;

/// A body that is JSON or a form, by its content type.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let wrong = |text: String, status| Err(Refusal::new(status, text));
        if kind.starts_with("application/json") {
            match Json::from_request(request, state).await {
                Ok(Json(body)) => Ok(Self(body)),
                Err(error) => wrong(error.body_text(), error.status()),
            }
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            match Form::from_request(request, state).await {
                Ok(Form(body)) => Ok(Self(body)),
                Err(error) => wrong(error.body_text(), error.status()),
            }
        } else {
            Ok(Self(T::default()))
        }
    }
}
