//! An HTTP server that keeps every request and answers as a test tells it to: well, badly, late, never.
//! Listens on loopback only.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::http::{KeepAlive, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use futures_util::stream;
use tokio::sync::{oneshot, watch};

/// Largest request kept; a larger one is cut off.
const REQUEST_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// When its last byte arrived.
    pub at: Instant,
}

impl RecordedRequest {
    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text, broken characters replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What to do with a request.
#[derive(Debug, Clone)]
pub struct ScriptedReply {
    delay: Duration,
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Whole(Bytes),
    /// One byte at a time, without end.
    Drip(Duration),
    /// No answer at all: the connection is closed.
    Dropped,
}

impl ScriptedReply {
    /// An empty answer.
    pub fn status(status: u16) -> Self {
        Self {
            delay: Duration::ZERO,
            status,
            headers: Vec::new(),
            body: Body::Whole(Bytes::new()),
        }
    }

    /// An answer in JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::status(status)
            .header("content-type", "application/json")
            .body(body.into())
    }

    /// The head at once, then a byte `every` so often, without end.
    pub fn drip(status: u16, every: Duration) -> Self {
        Self {
            body: Body::Drip(every),
            ..Self::status(status)
        }
    }

    /// The connection is closed without an answer.
    pub fn dropped() -> Self {
        Self {
            body: Body::Dropped,
            ..Self::status(200)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Whole(body.into());
        self
    }

    /// Waits before it answers, or drops.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Script = Box<dyn FnMut(&RecordedRequest) -> ScriptedReply + Send>;

struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<RecordedRequest>>,
    count: watch::Sender<usize>,
}

/// The server; gone when dropped. Until told otherwise it answers 200 with nothing.
pub struct ScriptedEndpoint {
    url: String,
    shared: Arc<Shared>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedEndpoint {
    /// Listens on a free port of loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(|_request| ScriptedReply::status(200))),
            requests: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let (sender, started) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("scripted-endpoint".into())
            .spawn(move || serve(listener, served, sender))
            .expect("a thread");
        Self {
            url: format!("http://{address}"),
            shared,
            server: started.await.expect("the server starts"),
            thread: Some(thread),
        }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers every request from now on as `script` says.
    pub fn respond_with(
        &self,
        script: impl FnMut(&RecordedRequest) -> ScriptedReply + Send + 'static,
    ) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// Gives these answers in turn, the last one again and again.
    pub fn respond_in_turn(&self, replies: impl IntoIterator<Item = ScriptedReply>) {
        let mut replies: Vec<_> = replies.into_iter().collect();
        replies.reverse();
        self.respond_with(move |_request| match replies.as_slice() {
            [last] => last.clone(),
            _ => replies.pop().expect("at least one answer was given"),
        });
    }

    /// What has arrived so far, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Waits until `count` requests have arrived in all, and answers all there are. Fails the test when
    /// they do not come within `time_max`.
    pub async fn wait_for(&self, count: usize, time_max: Duration) -> Vec<RecordedRequest> {
        let mut seen = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(time_max, seen.wait_for(|seen| *seen >= count)).await;
        let in_time = arrived.is_ok();
        let requests = self.requests();
        assert!(
            in_time,
            "{} of {count} requests came to {} within {time_max:?}",
            requests.len(),
            self.url
        );
        requests
    }
}

impl Drop for ScriptedEndpoint {
    fn drop(&mut self) {
        // The order is given by the call; what it answers need not be awaited.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Runs the server on this thread until it is told to stop.
fn serve(listener: TcpListener, shared: Arc<Shared>, started: oneshot::Sender<ServerHandle>) {
    rt::System::new().block_on(async move {
        let app = move || {
            let shared = web::Data::from(Arc::clone(&shared));
            App::new()
                .app_data(shared)
                .default_service(web::to(respond))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .keep_alive(KeepAlive::Os)
            .disable_signals()
            .shutdown_timeout(0)
            .on_connect(keep_socket)
            .listen(listener)
            .expect("the listener is served")
            .run();
        drop(started.send(server.handle()));
        server.await.expect("the server ends well");
    });
}

/// A second handle on a connection, to close it behind the framework's back.
struct Socket(TcpStream);

fn keep_socket(stream: &dyn std::any::Any, extensions: &mut Extensions) {
    if let Some(stream) = stream.downcast_ref::<rt::net::TcpStream>()
        && let Ok(handle) = stream.as_fd().try_clone_to_owned()
    {
        extensions.insert(Socket(TcpStream::from(handle)));
    }
}

async fn respond(
    request: HttpRequest,
    payload: web::Payload,
    shared: web::Data<Shared>,
) -> HttpResponse {
    let Ok(Ok(body)) = payload.to_bytes_limited(REQUEST_BYTES_MAX).await else {
        return HttpResponse::PayloadTooLarge().finish();
    };
    let recorded = record(&request, body);
    let reply = (lock(&shared.script))(&recorded);
    let count = {
        let mut requests = lock(&shared.requests);
        requests.push(recorded);
        requests.len()
    };
    shared.count.send_replace(count);
    rt::time::sleep(reply.delay).await;

    let status = StatusCode::from_u16(reply.status).expect("the script gives a real status");
    let mut answer = HttpResponse::build(status);
    for (name, value) in reply.headers {
        answer.append_header((name, value));
    }
    match reply.body {
        Body::Whole(bytes) => answer.body(bytes),
        Body::Drip(every) => answer.streaming(Box::pin(stream::unfold((), move |()| async move {
            rt::time::sleep(every).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b".")), ()))
        }))),
        Body::Dropped => {
            let Socket(stream) = request.conn_data().expect("kept when it was opened");
            drop(stream.shutdown(Shutdown::Both));
            answer.finish()
        }
    }
}

fn record(request: &HttpRequest, body: Bytes) -> RecordedRequest {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    RecordedRequest {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
        body,
        at: Instant::now(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// One request on a connection of its own; answers all that came back.
    fn ask(url: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-Number: 1\r\nConnection: close\r\n");
        write!(stream, "{head}Content-Length: 4\r\n\r\nbody").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test]
    async fn requests_are_kept_in_order_and_answers_follow_the_script() {
        let endpoint = ScriptedEndpoint::start().await;
        endpoint.respond_in_turn([
            ScriptedReply::json(503, "{}").header("retry-after", "7"),
            ScriptedReply::dropped(),
            ScriptedReply::status(204),
        ]);
        let url = endpoint.url().to_owned();
        let asking =
            std::thread::spawn(move || ["/a?b=c", "/d", "/e", "/f"].map(|path| ask(&url, path)));
        let requests = endpoint.wait_for(4, Duration::from_secs(10)).await;
        let paths: Vec<_> = requests
            .iter()
            .map(|request| request.path.as_str())
            .collect();
        assert_eq!(paths, ["/a?b=c", "/d", "/e", "/f"]);
        assert_eq!(requests[0].header("x-number"), Some("1"));
        assert_eq!(
            (requests[0].method.as_str(), requests[0].text().as_str()),
            ("POST", "body")
        );

        let answers = asking.join().unwrap();
        assert!(answers[0].starts_with("HTTP/1.1 503"), "{}", answers[0]);
        assert!(answers[0].contains("retry-after: 7") && answers[0].ends_with("{}"));
        assert_eq!(answers[1], "");
        assert!(answers[2].starts_with("HTTP/1.1 204") && answers[3].starts_with("HTTP/1.1 204"));
    }

    #[tokio::test]
    #[should_panic(expected = "0 of 1 requests")]
    async fn a_request_that_does_not_come_fails_the_test() {
        let endpoint = ScriptedEndpoint::start().await;
        endpoint.wait_for(1, Duration::from_millis(50)).await;
    }

    #[tokio::test]
    async fn an_endless_answer_does_not_hold_up_the_end() {
        let endpoint = ScriptedEndpoint::start().await;
        endpoint.respond_in_turn([ScriptedReply::drip(200, Duration::from_millis(1))]);
        let url = endpoint.url().to_owned();
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        let began = Instant::now();
        drop(endpoint);
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
}
