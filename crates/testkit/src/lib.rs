//! What tests share: real databases made and dropped per test, and time that tests move themselves.
//! A development dependency only.

mod clock;
mod temp_db;

pub use clock::ManualClock;
pub use temp_db::TempDb;
