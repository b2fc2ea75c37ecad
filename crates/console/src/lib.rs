//! What the web pages of both services share: styles and scripts, layout, sessions, protection of forms, live news,
//! and how numbers and times are written. It must never know what a page shows, and never touch a database.
//!
//! A service describes its console once as a [`Site`], sets it as application data beside the `access::Gate`, adds
//! [`routes`], and guards each of its own routes:
//!
//! ```
//! use access::Scope;
//! use actix_web::web::{ServiceConfig, post, resource};
//! use console::Visit;
//!
//! async fn page(visit: Visit) -> String {
//!     format!("the pages of tenant {}", visit.caller.tenant)
//! }
//!
//! async fn change(visit: Visit) -> Result<console::Answer, service::Problem> {
//!     visit.done("/console/things", "Changed")
//! }
//!
//! fn pages(config: &mut ServiceConfig) {
//!     let things = resource("/console/things")
//!         .route(console::page(Scope::Read, service::get().to(page)))
//!         .route(console::action(Scope::Manage, post().to(change)));
//!     config.service(things);
//! }
//! ```
//!
//! Templates extend `layout.html` of this crate and hold a [`Frame`] named `frame`.

extern crate self as console;

mod arrival;
mod asked;
mod assets;
mod flash;
mod frame;
mod guard;
mod keys;
mod limiter;
mod live;
mod look;
mod pager;
mod pages;
mod said;
mod seal;
mod session;
mod settings;
mod sign_in;
mod site;
mod spark;
mod visit;
mod write;

pub use arrival::Arrival;
pub use asked::Asked;
pub use flash::Flash;
pub use frame::{Frame, NavLink, Notice};
pub use guard::{action, page, upload};
pub use keys::{KeyForm, KeyLine, create_key, key_lines, revoke_key};
pub use live::{Live, News};
pub use look::{Markup, icon};
pub use pager::{COUNT_MAX, PAGE_ITEMS, PAGE_ITEMS_U32, Pager};
pub use pages::routes;
pub use said::said;
pub use settings::ConsoleSettings;
pub use sign_in::own_path;
pub use site::{NavItem, Site, SiteError};
pub use spark::{Spark, sparkline};
pub use visit::{Answer, May, Seen, Visit, seen};
pub use write::{Bytes, Count, Duration, Time, count, percent};
