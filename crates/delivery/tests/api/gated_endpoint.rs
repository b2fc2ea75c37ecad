//! A server that answers 200 only while its gate is open, and counts how many wait at once.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

pub(crate) struct GatedEndpoint {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
    arrived: AtomicUsize,
    /// Each answer takes at least this long.
    pause: Duration,
}

impl GatedEndpoint {
    pub(crate) fn closed() -> Self {
        Self::start(false, Duration::ZERO)
    }

    pub(crate) fn open(pause: Duration) -> Self {
        Self::start(true, pause)
    }

    fn start(open: bool, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            open: watch::Sender::new(open),
            waiting: AtomicUsize::new(0),
            waiting_max: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
            pause,
        });
        let (stop, stopped) = watch::channel(false);
        let served = Arc::clone(&state);
        let thread = std::thread::spawn(move || serve(listener, served, stopped));
        Self {
            address,
            state,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn open_gate(&self) {
        self.state.open.send_replace(true);
    }

    /// Requests that have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.state.arrived.load(Ordering::SeqCst)
    }

    /// The most that waited for an answer at once.
    pub(crate) fn waiting_max(&self) -> usize {
        self.state.waiting_max.load(Ordering::SeqCst)
    }
}

impl Drop for GatedEndpoint {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(listener: TcpListener, state: Arc<State>, mut stopped: watch::Receiver<bool>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    connections.spawn(answer(stream, Arc::clone(&state)));
                }
                _ = stopped.changed() => break,
            }
        }
    });
    runtime.shutdown_background();
}

/// Answers requests with a content length until the connection ends.
async fn answer(stream: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        stream.read_exact(&mut vec![0; length]).await?;
        state.arrived.fetch_add(1, Ordering::SeqCst);
        let waiting = state.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        state.waiting_max.fetch_max(waiting, Ordering::SeqCst);
        drop(state.open.subscribe().wait_for(|open| *open).await);
        tokio::time::sleep(state.pause).await;
        state.waiting.fetch_sub(1, Ordering::SeqCst);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}

/// A server that gives every connection these bytes once it has sent something, then closes it.
pub(crate) struct RawEndpoint {
    address: SocketAddr,
    _thread: JoinHandle<()>,
}

impl RawEndpoint {
    pub(crate) fn start(answer: &'static [u8]) -> Self {
        use std::io::{Read, Write};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It lives as long as the test run: a blocking accept cannot be called off.
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 65_536];
                if stream.read(&mut request).is_ok() {
                    drop(stream.write_all(answer));
                }
            }
        });
        Self {
            address,
            _thread: thread,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}
