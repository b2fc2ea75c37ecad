//! `/.well-known/webhooks-keys`: the public keys that endpoints verify ed25519 signatures with, as a JWK set (RFC 7517,
//! RFC 8037). Never holds a private key.

use std::sync::Arc;

use access::of_read;
use actix_web::HttpResponse;
use actix_web::web::Data;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::PublicKey;
use db::Conn;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use service::Problem;

use crate::service_state::ServiceState;

/// The key's thumbprint (RFC 7638): tells nobody whose key it is who does not know it.
pub(super) fn kid(key: &PublicKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

/// `GET /.well-known/webhooks-keys`.
pub(crate) async fn keys(state: Data<Arc<ServiceState>>) -> Result<HttpResponse, Problem> {
    let subscriptions = state.subscriptions.clone();
    let read = move |conn: &mut Conn| subscriptions.public_keys(conn);
    let keys = state.database.reads().run(read).await.map_err(of_read)?;
    let keys: Vec<Value> = keys
        .iter()
        .map(|(_, key)| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": kid(key),
                "x": URL_SAFE_NO_PAD.encode(key.as_bytes()),
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "keys": keys })))
}
