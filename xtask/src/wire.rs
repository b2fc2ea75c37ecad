//! As much of HTTP/1.1 as both ends of the measurement need, without a framework's cost. It must never meet any server
//! or client but our own on loopback.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

/// Longest head, and longest body.
const HEAD_BYTES_MAX: usize = 65_536;
const BODY_BYTES_MAX: usize = 16 << 20;

/// A request or an answer.
pub(crate) struct Message {
    pub(crate) first_line: String,
    /// First line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// One end of a connection, with what has been read beyond the last message.
pub(crate) struct Wire {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        let rest = Vec::with_capacity(8_192);
        Ok(Self { stream, rest })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next message; `None` when the other end has closed.
    pub(crate) fn next(&mut self) -> Result<Option<Message>> {
        let head = loop {
            if let Some(end) = self.rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            if self.rest.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            if !self.more()? {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(self.rest.get(..head).unwrap_or_default()).into_owned();
        let length = content_length(&text)?;
        while self.rest.len() < head + length {
            if !self.more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let after = self.rest.split_off(head + length);
        let mut message = std::mem::replace(&mut self.rest, after);
        Ok(Some(Message {
            first_line: text.lines().next().unwrap_or_default().to_owned(),
            head: text,
            body: message.split_off(head),
        }))
    }

    fn more(&mut self) -> Result<bool> {
        let mut bytes = [0; 16_384];
        let count = self.stream.read(&mut bytes)?;
        self.rest
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(count > 0)
    }
}

fn content_length(head: &str) -> Result<usize> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    match length {
        None => Ok(0),
        Some(Ok(length)) if length <= BODY_BYTES_MAX => Ok(length),
        Some(_) => Err(Error::new(ErrorKind::InvalidData, "content-length")),
    }
}

/// A client of one server, which connects when it must.
pub(crate) struct Client {
    address: SocketAddr,
    key: String,
    wire: Option<Wire>,
}

impl Client {
    /// `key`: sent as bearer token; empty: none.
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        let key = match key {
            "" => String::new(),
            key => format!("authorization: Bearer {key}\r\n"),
        };
        let wire = None;
        Self { address, key, wire }
    }

    /// The answer's status and body.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        let answer = self.exchange(request.as_bytes());
        if answer.is_err() {
            self.wire = None;
        }
        let answer = answer?;
        let status = answer.first_line.split(' ').nth(1);
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        Ok((status, answer.body))
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Message> {
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => none.insert(Wire::new(TcpStream::connect(self.address)?)?),
        };
        wire.send(request)?;
        wire.next()?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn messages_are_told_apart_on_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut wire = Wire::new(listener.accept().unwrap().0).unwrap();
            let mut lines = Vec::new();
            while let Some(message) = wire.next().unwrap() {
                lines.push((message.first_line, message.body));
                wire.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
                    .unwrap();
            }
            lines
        });
        let mut client = Client::new(address, "dw_1");
        for body in ["", "12345"] {
            assert_eq!(
                client.ask("POST", "/x", body).unwrap(),
                (202, b"ok".to_vec())
            );
        }
        drop(client);
        let lines = server.join().unwrap();
        let line = |body: &str| ("POST /x HTTP/1.1".to_owned(), body.as_bytes().to_vec());
        assert_eq!(lines, [line(""), line("12345")]);
        assert!(content_length("content-length: 99999999999\r\n").is_err());
    }
}
