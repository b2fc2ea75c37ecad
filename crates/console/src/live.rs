//! News for open pages, as server-sent events (WHATWG HTML, section 9.2): only which lists have changed, for whom. Never
//! what has changed: a page asks for that itself, with its own rights. Bounded in listeners; ends with the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream;
use service::{Problem, Shutdown};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// So often a silent connection is told that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// News that a slow page may be behind; then it is told that anything may have changed.
const NEWS_KEPT: usize = 64;
/// A page asks for everything again after it has been told so.
const ALL: &str = "all";

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// `None`: whoever listens.
    pub tenant_id: Option<i64>,
    /// What kind of list: `files`, `deliveries`, `endpoints`.
    pub topic: &'static str,
}

/// Tells open pages what has changed. Clones share the listeners.
#[derive(Clone)]
pub struct Live {
    sender: broadcast::Sender<News>,
    listeners: Arc<AtomicUsize>,
    listeners_max: usize,
    shutdown: Shutdown,
}

/// Gives the listener's place back.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Live {
    /// At most `listeners_max` pages listen at once; all are told to go when `shutdown` is triggered.
    pub fn new(listeners_max: usize, shutdown: Shutdown) -> Self {
        let (sender, _) = broadcast::channel(NEWS_KEPT);
        Self {
            sender,
            listeners: Arc::default(),
            listeners_max,
            shutdown,
        }
    }

    /// Tells all pages of the tenant.
    pub fn tell(&self, news: News) {
        // Nobody listening is no fault.
        drop(self.sender.send(news));
    }

    /// Whether anybody listens: without, nothing has to be looked for.
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// The answer to a page that wants to hear: it goes on until the page closes or the service stops.
    ///
    /// # Errors
    /// 503 `unavailable` when too many listen.
    pub fn listen(&self, tenant_id: i64) -> Result<HttpResponse, Problem> {
        let before = self.listeners.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.listeners));
        if before >= self.listeners_max {
            let cause = "console.live_listeners_max is reached";
            return Err(Problem::unavailable("too many pages listen", cause).with_retry_after(30));
        }
        let listener = Listener {
            tenant_id,
            receiver: self.sender.subscribe(),
            shutdown: self.shutdown.clone(),
            greeted: false,
            _place: place,
        };
        let news = stream::unfold(listener, |mut listener| async {
            let text = listener.next().await?;
            Some((Ok::<_, actix_web::Error>(Bytes::from(text)), listener))
        });
        Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("x-accel-buffering", "no"))
            .streaming(news))
    }
}

struct Listener {
    tenant_id: i64,
    receiver: broadcast::Receiver<News>,
    shutdown: Shutdown,
    greeted: bool,
    _place: Place,
}

impl Listener {
    /// The next piece of the stream; nothing when the service stops.
    async fn next(&mut self) -> Option<String> {
        if !self.greeted {
            self.greeted = true;
            return Some("retry: 3000\n\n".to_owned());
        }
        let beat_at = Instant::now() + HEARTBEAT_EVERY;
        loop {
            let heard = tokio::select! {
                heard = self.receiver.recv() => heard,
                () = tokio::time::sleep_until(beat_at) => return Some(": still here\n\n".to_owned()),
                () = self.shutdown.triggered() => return None,
            };
            let topic = match heard {
                Ok(news) if news.tenant_id.is_none_or(|id| id == self.tenant_id) => news.topic,
                Ok(_of_others) => continue,
                Err(RecvError::Lagged(_)) => ALL,
                Err(RecvError::Closed) => return None,
            };
            return Some(format!("event: {topic}\ndata: {topic}\n\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;
    use std::pin::Pin;

    async fn read(body: &mut Pin<Box<impl MessageBody>>) -> Option<String> {
        let piece = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await?;
        Some(String::from_utf8(piece.ok().unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_page_hears_of_its_tenant_until_the_service_stops() {
        let shutdown = Shutdown::new();
        let live = Live::new(1, shutdown.clone());
        assert!(!live.is_heard());
        let answer = live.listen(1).unwrap();
        assert!(live.listen(1).is_err(), "no room for another");
        let mut body = Box::pin(answer.into_body());
        assert!(read(&mut body).await.unwrap().starts_with("retry"));
        for tenant_id in [Some(2), Some(1), None] {
            let topic = "files";
            live.tell(News { tenant_id, topic });
        }
        for _ in 0..2 {
            let said = read(&mut body).await.unwrap();
            assert_eq!(said, "event: files\ndata: files\n\n");
        }
        for _ in 0..100 {
            let (tenant_id, topic) = (Some(1), "files");
            live.tell(News { tenant_id, topic });
        }
        assert_eq!(read(&mut body).await.unwrap(), "event: all\ndata: all\n\n");
        while live.is_heard() {
            shutdown.trigger();
            match read(&mut body).await {
                Some(_) => {}
                None => break,
            }
        }
        drop(body);
        assert!(live.listen(1).is_ok(), "the place was given back");
    }
}
