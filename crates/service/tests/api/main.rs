//! The crate as a service uses it: settings from files and environment, requests through the
//! application, servers on real ports.
//!
//! `cfg(test)` says nothing new to the compiler; it lets clippy allow `unwrap` in the helpers too.

#[cfg(test)]
mod health;
#[cfg(test)]
mod http;
#[cfg(test)]
mod server;
#[cfg(test)]
mod settings;
