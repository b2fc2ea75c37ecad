//! What the JSON API's own handlers answer, read by pages that do what the API does: so both refuse and do the same.

use actix_web::HttpResponse;
use actix_web::body::to_bytes;
use serde::de::DeserializeOwned;
use service::Problem;

/// The body of an answer that is one of success.
///
/// # Errors
/// 500 `internal` when it is not what the page expects.
pub async fn said<T: DeserializeOwned>(answer: HttpResponse) -> Result<T, Problem> {
    let body = to_bytes(answer.into_body()).await;
    let body = body.map_err(|cause| Problem::internal(cause.to_string()))?;
    serde_json::from_slice(&body).map_err(Problem::internal)
}
