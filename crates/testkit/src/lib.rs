//! What tests share: real databases made and dropped per test, an HTTP server that answers as a test
//! tells it to, and time that tests move themselves. A development dependency only.

mod browser;
mod clock;
mod scripted_endpoint;
mod temp_db;

pub use browser::{Base, Browser, Form, Page, selector};
pub use clock::ManualClock;
pub use scripted_endpoint::{RecordedRequest, ScriptedEndpoint, ScriptedReply};
pub use temp_db::TempDb;
