//! `/.well-known/webhooks-keys`: the public keys that endpoints verify ed25519 signatures with, as a JWK set (RFC 7517,
//! RFC 8037). Never holds a private key. Endpoints have no key of ours, so nobody is asked for one: the set is that of
//! the tenant they name, which every event they get tells them, and holds nothing but what is public.

use std::sync::Arc;

use access::of_read;
use actix_web::HttpResponse;
use actix_web::web::Data;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::PublicKey;
use db::Conn;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Problem, Query};

use super::shared::plain;
use crate::service_state::ServiceState;

/// The install's own tenant.
const OPERATOR: &str = "default";

/// The key's thumbprint (RFC 7638): tells nobody whose key it is who does not know it.
pub(super) fn kid(key: &PublicKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysQuery {
    tenant: Option<String>,
}

/// `GET /.well-known/webhooks-keys?tenant=`: those of the install's own tenant if none is named. A tenant that there is
/// not has none.
pub(crate) async fn keys(
    state: Data<Arc<ServiceState>>,
    Query(query): Query<KeysQuery>,
) -> Result<HttpResponse, Problem> {
    let subscriptions = state.subscriptions.clone();
    let tenant = plain("tenant", query.tenant)?;
    let read = move |conn: &mut Conn| {
        subscriptions.public_keys(conn, tenant.as_deref().unwrap_or(OPERATOR))
    };
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
