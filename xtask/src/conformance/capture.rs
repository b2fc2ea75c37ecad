//! An endpoint that keeps what it gets, byte for byte, and always answers 200.

use std::collections::{BTreeMap, HashMap};
use std::io::Result;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::Wire;

/// A request as it came; names of headers in lower case.
#[derive(Debug, Clone)]
pub(super) struct Captured {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// What came, by path without its slash.
type Requests = Arc<Mutex<HashMap<String, Vec<Captured>>>>;

pub(super) struct Capture {
    address: SocketAddr,
    requests: Requests,
}

impl Capture {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let shared = Arc::clone(&requests);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(keep(stream, &shared)));
            }
        });
        Ok(Self { address, requests })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn at(&self, path: &str) -> Vec<Captured> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(path).cloned().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.values().map(Vec::len).sum()
    }
}

impl Captured {
    pub(super) fn change(&mut self, name: &str, change: impl Fn(&str) -> String) {
        if let Some(value) = self.headers.get_mut(name) {
            *value = change(value);
        }
    }
}

fn keep(stream: TcpStream, requests: &Requests) -> Result<()> {
    let mut wire = Wire::new(stream)?;
    while let Some(request) = wire.next()? {
        let mut lines = request.head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1));
        let path = path.unwrap_or_default().trim_start_matches('/').to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let captured = Captured {
            headers: headers.collect(),
            body: request.body,
        };
        let mut kept = requests.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(path).or_default().push(captured);
        drop(kept);
        wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}
