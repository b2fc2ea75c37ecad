//! HTTP on a real port until told to stop. It must never install signal handlers: one process may run
//! several servers.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::{App, Error, HttpResponse, HttpServer, Route, guard, web};
use serde::Deserialize;

use crate::{BodyLimits, Shutdown, descriptors, hosts, observe};

/// Connections that wait to be accepted, as far as the system lets them (`net.core.somaxconn`).
const CONNECTIONS_WAITING_MAX: i32 = 4096;

/// The `[ingest.http]` and `[receiver.http]` sections.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerLimits {
    /// Threads that answer; 0: one per processor.
    pub workers: usize,
    /// Open connections of one worker, as far as the process may have descriptors: beyond, newcomers wait.
    pub connections_per_worker_max: usize,
    /// Servers of this process, which share its descriptors; 0 is 1. No setting: who starts them knows.
    #[serde(skip)]
    pub servers_in_process: u64,
    /// Idle time before a connection is closed.
    pub keep_alive_seconds: u64,
    /// Time for a request's head to arrive.
    pub head_seconds_max: u64,
    /// Size of a JSON or form body.
    pub body_bytes_max: usize,
    /// Time for such a body to arrive.
    pub body_seconds_max: u64,
    /// Longest time in which a client takes nothing of its answer; 0: as long as the system has patience.
    pub answer_pause_seconds_max: u64,
}

impl ServerLimits {
    /// The part that [`app`] needs.
    pub fn body_limits(&self) -> BodyLimits {
        BodyLimits {
            bytes_max: self.body_bytes_max,
            time_max: Duration::from_secs(self.body_seconds_max),
        }
    }
}

/// The application that [`serve`] runs, for tests too: `routes` inside [`observe`], body limits set,
/// problems for unknown paths and wrong methods, a slash at a path's end ignored, foreign [`crate::Hosts`]
/// refused.
///
/// Only a `web::resource` answers a wrong method with 405; a bare `routes.route(…)` answers 404.
pub fn app<F>(
    routes: F,
    limits: BodyLimits,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
>
where
    F: FnOnce(&mut web::ServiceConfig),
{
    // `observe` turns the bare status into a problem, as it does for a wrong method.
    let unknown_path = || async { HttpResponse::new(StatusCode::NOT_FOUND) };
    App::new()
        .app_data(limits)
        .configure(routes)
        .default_service(web::to(unknown_path))
        .wrap(from_fn(hosts::check))
        .wrap(NormalizePath::trim())
        .wrap(from_fn(observe))
}

/// A route for GET, and for HEAD with it, which answers the same without the body.
pub fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Serves `routes` on `listener` until `shutdown` is triggered; then accepts no more, lets the requests
/// under way finish for at most `grace` (rounded up to whole seconds), and returns.
///
/// Runs inside any tokio runtime, several times in one process. `routes` is called once per worker
/// thread: make shared state (`web::Data`) outside of it.
///
/// # Errors
/// When the listener cannot be used or a worker cannot start.
pub async fn serve<F>(
    listener: TcpListener,
    routes: F,
    limits: ServerLimits,
    grace: Duration,
    shutdown: Shutdown,
) -> io::Result<()>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let address = listener.local_addr()?;
    let workers = match limits.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let (keep_alive, head) = (limits.keep_alive_seconds, limits.head_seconds_max);
    let body = limits.body_limits();
    let descriptors = descriptors::raise();
    let connections = limits.connections_per_worker_max;
    let shared = (descriptors, limits.servers_in_process);
    let connections = descriptors::connections(connections, workers, shared);
    // The standard library lets few wait, and a crowd that comes at once would try again seconds later.
    rustix::net::listen(&listener, CONNECTIONS_WAITING_MAX)?;
    limit_pauses(&listener, limits.answer_pause_seconds_max)?;
    let mut server = HttpServer::new(move || app(routes.clone(), body))
        .workers(workers)
        .max_connections(connections)
        .keep_alive(Duration::from_secs(keep_alive))
        .client_request_timeout(Duration::from_secs(head))
        // Head and body of an answer may leave apart: the body must not wait for the head's receipt.
        .tcp_nodelay(true)
        .shutdown_timeout(
            grace
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX),
        )
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let connections_max = connections * workers;
    tracing::info!(connections_max, descriptors, "connections held at once");
    tracing::info!("listening on http://{address}");
    tokio::select! {
        ended = &mut server => return ended,
        () = shutdown.triggered() => {}
    }
    // The server acts on its handle only while it is polled.
    let ((), ended) = tokio::join!(handle.stop(true), server);
    ended
}

/// Has the system end a connection whose other side has taken nothing of what waits to be sent for so long: the server
/// itself waits for ever. Connections have it from their listener (tcp(7), `TCP_USER_TIMEOUT`).
fn limit_pauses(listener: &TcpListener, seconds: u64) -> io::Result<()> {
    let pause_ms = seconds.saturating_mul(1000).try_into().unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(listener, pause_ms)?;
    Ok(())
}
