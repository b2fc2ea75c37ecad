//! Who may call a service: bearer keys with scopes, each of one tenant, kept hashed in the service's own database.
//! It must never show a key again after it was made, and never know what a route does.
//!
//! A route table says beside every route what a caller must be allowed to; a handler takes a [`Caller`] and asks the
//! database for nothing but that caller's tenant:
//!
//! ```
//! use access::{Caller, Scope, allow};
//! use actix_web::{HttpResponse, web};
//!
//! async fn list(caller: Caller) -> HttpResponse {
//!     HttpResponse::Ok().body(format!("the files of tenant {}", caller.tenant_id))
//! }
//!
//! fn routes(routes: &mut web::ServiceConfig) {
//!     routes.service(web::resource("/files").route(allow(Scope::Read, service::get().to(list))));
//! }
//! ```

mod api;
mod call;
mod caller;
mod description;
mod desk;
mod failure;
mod gate;
mod key;
mod keys;
mod scope;
mod store;

pub use api::routes;
pub use call::{Body, Call, Verb, mount};
pub use caller::Caller;
pub use description::{About, describe};
pub use desk::{KeyDesk, KeyDeskError, ShownKey};
pub use failure::{of_read, of_write};
pub use gate::{Gate, allow};
pub use key::KeyText;
pub use keys::{CreatedKey, KEY_NAME, KeyError, Keys, NewKey, key_name};
pub use scope::{Scope, Scopes};
pub use store::{KeyRecord, key_names};
