//! Taking an address to listen on, or saying why not. It must never serve.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Why an address cannot be listened on; every sentence names the setting and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The text is not an address.
    #[error(
        "{section}.listen = \"{listen}\" is not an address and port such as 127.0.0.1:8080: {source}"
    )]
    Address {
        /// Section of the setting.
        section: String,
        /// Its value.
        listen: String,
        /// What the system said.
        source: Error,
    },
    /// Without keys only this machine may reach the service.
    #[error(
        "{section}.listen = \"{listen}\" can be reached from other machines while {section}.auth is false: \
         set {section}.auth = true, or listen on 127.0.0.1"
    )]
    Open {
        /// Section of the setting.
        section: String,
        /// Its value.
        listen: String,
    },
    /// The system refuses the address.
    #[error("cannot listen on {listen} ({source}): {}", advice(.source.kind(), .section))]
    Bind {
        /// Section of the setting.
        section: String,
        /// Its value.
        listen: String,
        /// What the system said.
        source: Error,
    },
}

fn advice(kind: ErrorKind, section: &str) -> String {
    match kind {
        ErrorKind::AddrInUse => format!(
            "another program, perhaps another draftwire, holds that port; stop it or change {section}.listen"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("this machine has no such address; change {section}.listen")
        }
        ErrorKind::PermissionDenied => {
            format!("ports below 1024 need rights; change {section}.listen")
        }
        _ => format!("change {section}.listen"),
    }
}

/// Refuses an address that is not loopback while `auth` is off. `section` (`ingest`) names the settings
/// in the sentence.
///
/// # Errors
/// [`ListenError::Open`], or [`ListenError::Address`] when `listen` is no address.
pub fn refuse_open_bind(section: &str, listen: &str, auth: bool) -> Result<(), ListenError> {
    let loopback = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    if auth || resolve(section, listen)?.iter().all(loopback) {
        return Ok(());
    }
    Err(ListenError::Open {
        section: section.to_owned(),
        listen: listen.to_owned(),
    })
}

/// Listens on `listen` (`127.0.0.1:8081`; port 0 takes a free one).
///
/// # Errors
/// [`ListenError::Address`] when `listen` is no address, [`ListenError::Bind`] when it is taken,
/// foreign or forbidden.
pub fn bind(section: &str, listen: &str) -> Result<TcpListener, ListenError> {
    let addresses = resolve(section, listen)?;
    TcpListener::bind(addresses.as_slice()).map_err(|source| ListenError::Bind {
        section: section.to_owned(),
        listen: listen.to_owned(),
        source,
    })
}

fn resolve(section: &str, listen: &str) -> Result<Vec<SocketAddr>, ListenError> {
    let addresses = listen.to_socket_addrs().map(Iterator::collect);
    addresses.map_err(|source| ListenError::Address {
        section: section.to_owned(),
        listen: listen.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_auth_only_loopback_is_served() {
        for listen in [
            "127.0.0.1:80",
            "127.9.9.9:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(
                refuse_open_bind("ingest", listen, false).is_ok(),
                "{listen}"
            );
        }
        for listen in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "192.168.1.9:80"] {
            assert!(refuse_open_bind("ingest", listen, true).is_ok(), "{listen}");
            let error = refuse_open_bind("ingest", listen, false).unwrap_err();
            let sentence = error.to_string();
            assert!(sentence.contains(listen), "{sentence}");
            assert!(sentence.contains("ingest.auth = true"), "{sentence}");
        }
    }

    #[test]
    fn a_taken_port_and_nonsense_are_explained() {
        let first = bind("ingest", "127.0.0.1:0").unwrap();
        let taken = first.local_addr().unwrap().to_string();
        let sentence = bind("ingest", &taken).unwrap_err().to_string();
        assert!(sentence.contains(&taken), "{sentence}");
        assert!(sentence.contains("another program"), "{sentence}");
        assert!(sentence.contains("ingest.listen"), "{sentence}");
        let sentence = bind("receiver", "8080").unwrap_err().to_string();
        assert!(sentence.contains("receiver.listen"), "{sentence}");
    }
}
