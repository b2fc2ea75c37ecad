//! The endpoint that is delivered to: a server whose paths say how it answers, which notes what arrives. A thread for
//! each connection, so that a slow path holds up nobody.

use std::io::Result;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::board::Board;
use crate::wire::Wire;

/// Where events are noted. The path of a subscription is a script: `/note` answers 200 and notes the event on the board;
/// `/slow/5000` answers 200 after so many milliseconds; `/fail/30` answers 503 to so many in a hundred.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
}

struct Shared {
    board: Arc<Board>,
    asked: AtomicU64,
}

impl Sink {
    pub(super) fn start(board: Arc<Board>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            board,
            asked: AtomicU64::new(0),
        });
        // Both end with the process: nothing of theirs needs to be put away.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(answer(stream, &shared)));
            }
        });
        Ok(Self { address })
    }

    pub(super) fn url(&self, script: &str) -> String {
        format!("http://{}{script}", self.address)
    }
}

fn answer(stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut wire = Wire::new(stream)?;
    while let Some(request) = wire.next()? {
        let path = request.first_line.split(' ').nth(1).unwrap_or_default();
        let number = |prefix: &str| path.strip_prefix(prefix)?.parse::<u64>().ok();
        if let Some(ms) = number("/slow/") {
            std::thread::sleep(Duration::from_millis(ms));
        }
        let fails = number("/fail/").is_some_and(|percent| {
            shared.asked.fetch_add(1, Relaxed).wrapping_mul(61) % 100 < percent
        });
        if fails {
            wire.send(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        if let Some(number) = number_of(&request.body)
            && !path.starts_with("/slow/")
        {
            shared.board.arrived(number);
        }
        wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The event's number, the first member of its data.
fn number_of(body: &[u8]) -> Option<usize> {
    const MARK: &[u8] = br#""data":{"n":"#;
    let at = body.windows(MARK.len()).position(|bytes| bytes == MARK)?;
    let digits = body.get(at + MARK.len()..)?.iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    let text: String = digits.map(|byte| char::from(*byte)).collect();
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Client;

    #[test]
    fn a_path_is_a_script() {
        let board = Arc::new(Board::new(4));
        let sink = Sink::start(Arc::clone(&board)).unwrap();
        let mut client = Client::new(sink.address, "");
        let body = r#"{"id":"evt_1","data":{"n":2,"x":""}}"#;
        let mut status = |path: &str| client.ask("POST", path, body).unwrap().0;
        assert_eq!(
            (status("/note"), status("/slow/1"), status("/fail/100")),
            (200, 200, 503)
        );
        assert_eq!((0..100).filter(|_| status("/fail/30") == 503).count(), 30);
        assert_eq!(board.arrivals(), 71);
    }
}
