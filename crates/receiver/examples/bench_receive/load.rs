//! Connections that send and wait, over and over, until the time is up. Bounded: by time, and by what was made before.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::requests::Requests;

/// Most requests made for one second of one figure.
const MADE_PER_SECOND: usize = 16_000;
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How fast to send.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As fast as answers come.
    Full,
    /// So many events each second, over all connections.
    PerSecond(u64),
}

pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Runs `connections` side by side for `length`.
pub(crate) async fn run(
    address: SocketAddr,
    connections: usize,
    pace: Pace,
    length: Duration,
) -> Outcome<Figures> {
    let each = usize::try_from(length.as_secs())? * MADE_PER_SECOND / connections;
    let mut made = Vec::with_capacity(connections);
    for connection in 0..connections {
        let mut requests = Requests::new(u16::try_from(connection)?)?;
        let requests = (0..each).map(|_| requests.make());
        made.push(requests.collect::<Outcome<Vec<Vec<u8>>>>()?);
    }
    let gap = match pace {
        Pace::Full => None,
        Pace::PerSecond(rate) => {
            let connections = u32::try_from(connections)?;
            Some(Duration::from_secs(1) * connections / u32::try_from(rate)?)
        }
    };
    let began = Instant::now();
    let lives = made
        .iter()
        .enumerate()
        .map(|(n, requests)| live(address, (n, connections), requests, gap, began + length));
    let times = try_join_all(lives).await?;
    let took = began.elapsed();
    let mut times: Vec<Duration> = times.into_iter().flatten().collect();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied();
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let count = times.len() as f64;
    Ok(Figures {
        per_second: count / took.as_secs_f64(),
        p50: at(50).unwrap_or_default(),
        p99: at(99).unwrap_or_default(),
    })
}

/// One connection; answers how long each request took.
async fn live(
    address: SocketAddr,
    (n, connections): (usize, usize),
    requests: &[Vec<u8>],
    gap: Option<Duration>,
    end: Instant,
) -> Outcome<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::with_capacity(requests.len());
    let mut due = tokio::time::Instant::now();
    if let Some(gap) = gap {
        due += gap * u32::try_from(n)? / u32::try_from(connections)?;
    }
    for request in requests {
        if let Some(gap) = gap {
            tokio::time::sleep_until(due).await;
            due += gap;
        }
        if Instant::now() >= end {
            break;
        }
        let began = Instant::now();
        stream.write_all(request).await?;
        answered(&mut stream).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Reads one answer, which must be a 200.
async fn answered(stream: &mut TcpStream) -> Outcome<()> {
    let mut answer = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut answer).await? == 0 || answer.len() > ANSWER_BYTES_MAX {
            return Err("the connection ended within an answer".into());
        }
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("answered {text}").into());
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(());
        }
    }
}
