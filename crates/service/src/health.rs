//! `/health` (the process answers) and `/ready` (everything it depends on does, too). It must never show
//! why a dependency fails: that goes to the log.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;

use crate::get;

/// Time for one dependency to prove that it works.
const CHECK_TIME_MAX: Duration = Duration::from_secs(2);

type Verdict = Result<(), Box<dyn Error + Send + Sync>>;

/// One dependency of a service.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    time_max: Duration,
    run: Arc<dyn Fn() -> BoxFuture<'static, Verdict> + Send + Sync>,
}

impl Check {
    /// A dependency called `name`, ready while `run` answers `Ok` within two seconds. It is asked at
    /// every call of `/ready`: keep it cheap.
    pub fn new<F, Answer, E>(name: &'static str, run: F) -> Self
    where
        F: Fn() -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            name,
            time_max: CHECK_TIME_MAX,
            run: Arc::new(move || run().map(|verdict| verdict.map_err(Into::into)).boxed()),
        }
    }

    /// Another time limit than two seconds.
    #[must_use]
    pub fn with_time_max(mut self, time_max: Duration) -> Self {
        self.time_max = time_max;
        self
    }

    async fn ask(&self) -> (&'static str, CheckState) {
        let started = Instant::now();
        let failure = match tokio::time::timeout(self.time_max, (self.run)()).await {
            Ok(verdict) => verdict.err().map(|error| error.to_string()),
            Err(_) => Some(format!("no answer within {:?}", self.time_max)),
        };
        if let Some(failure) = &failure {
            tracing::warn!(dependency = self.name, "not ready: {failure}");
        }
        let state = CheckState {
            state: if failure.is_none() { "up" } else { "down" },
            ms: started.elapsed().as_secs_f64() * 1000.0,
        };
        (self.name, state)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// What `/health` and `/ready` answer from. Clones share the checks.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    version: &'static str,
    checks: Arc<[Check]>,
    details: BTreeMap<&'static str, Detail>,
}

type Detail = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.service).finish()
    }
}

impl Health {
    /// The health of `service`, which depends on all of `checks`.
    pub fn new(service: &'static str, version: &'static str, checks: Vec<Check>) -> Self {
        Self {
            service,
            version,
            checks: checks.into(),
            details: BTreeMap::new(),
        }
    }

    /// Something that `/ready` tells beside the dependencies, which makes nothing unready.
    #[must_use]
    pub fn with_detail(self, name: &'static str, detail: serde_json::Value) -> Self {
        self.with_live_detail(name, move || detail.clone())
    }

    /// The same for what changes: `detail` is asked at every call of `/ready`; keep it cheap.
    #[must_use]
    pub fn with_live_detail(
        mut self,
        name: &'static str,
        detail: impl Fn() -> serde_json::Value + Send + Sync + 'static,
    ) -> Self {
        self.details.insert(name, Arc::new(detail));
        self
    }

    /// Adds `GET /health` and `GET /ready`.
    pub fn routes(&self, routes: &mut web::ServiceConfig) {
        let (alive, ready) = (self.clone(), self.clone());
        routes
            .service(web::resource("/health").route(get().to(move || alive.clone().health())))
            .service(web::resource("/ready").route(get().to(move || ready.clone().ready())));
    }

    async fn health(self) -> HttpResponse {
        HttpResponse::Ok().json(Alive {
            status: "healthy",
            service: self.service,
            version: self.version,
        })
    }

    async fn ready(self) -> HttpResponse {
        let checks: BTreeMap<&str, CheckState> = join_all(self.checks.iter().map(Check::ask))
            .await
            .into_iter()
            .collect();
        let (mut answer, status) = match checks.values().all(|check| check.state == "up") {
            true => (HttpResponse::Ok(), "ready"),
            false => (HttpResponse::ServiceUnavailable(), "unready"),
        };
        let details = self.details.iter().map(|(name, detail)| (*name, detail()));
        let details = details.collect();
        answer.json(Ready {
            status,
            checks,
            details,
        })
    }
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
    service: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    checks: BTreeMap<&'static str, CheckState>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<&'static str, serde_json::Value>,
}

#[derive(Serialize)]
struct CheckState {
    state: &'static str,
    /// How long the check took, in milliseconds.
    ms: f64,
}
