//! Logs to stderr, for people or as JSON lines. It must never hold state beyond the one subscriber
//! that it installs.

use std::fmt;
use std::io::IsTerminal;

use serde::Deserialize;
use tracing::Subscriber;
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Modules that say at `info` what only their authors want to know; `log.level` may name them louder.
const QUIET: &str =
    "actix_server=warn,actix_http=warn,hyper=warn,hyper_util=warn,opentelemetry=warn";

/// The `[log]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// A level, or directives such as `info,access=warn`.
    pub level: String,
    /// Form of a line.
    pub format: LogFormat,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text, coloured on a terminal.
    Human,
    /// One JSON object.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is not understood.
    #[error("log.level is not a level nor a list such as \"info,access=warn\": {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody logs already.
    #[error("logging was started twice: {0}")]
    Twice(#[from] TryInitError),
    /// The subscriber is gone.
    #[error("log.level cannot be changed any more: {0}")]
    Gone(#[from] reload::Error),
}

/// Changes the level of a running process. Clones change the same.
#[derive(Clone)]
pub struct LevelHandle(reload::Handle<EnvFilter, Registry>);

impl LevelHandle {
    /// From now on as `level` says.
    ///
    /// # Errors
    /// [`TelemetryError::Level`]: then it stays as it was.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        Ok(self.0.reload(filter(level)?)?)
    }
}

impl fmt::Debug for LevelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LevelHandle")
    }
}

/// Starts logging for the whole process. Call it once, before anything that logs.
///
/// # Errors
/// When `log.level` does not parse, or logging was started before.
pub fn init(settings: &LogSettings) -> Result<LevelHandle, TelemetryError> {
    let colours = std::io::stderr().is_terminal();
    let (subscriber, level) = subscriber(settings, colours, std::io::stderr)?;
    subscriber.try_init()?;
    Ok(level)
}

fn subscriber<W>(
    settings: &LogSettings,
    colours: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync, LevelHandle), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = layer().with_writer(writer).with_ansi(colours);
    let lines = match settings.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    let (level, handle) = reload::Layer::new(filter(&settings.level)?);
    let subscriber = tracing_subscriber::registry().with(level).with(lines);
    Ok((subscriber, LevelHandle(handle)))
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    // Later directives win over earlier ones for the same module.
    Ok(EnvFilter::builder().parse(format!("{QUIET},{level}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::web;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    /// Collects the log of one test.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[actix_web::test]
    async fn a_request_is_one_line_with_its_id_and_without_its_query() {
        let log = Log::default();
        let (settings, writer) = (settings("info", LogFormat::Json), log.clone());
        let (subscriber, _) = subscriber(&settings, false, move || writer.clone()).unwrap();
        let guard = tracing::subscriber::set_default(subscriber);
        let broken = || async { Err::<String, _>(crate::Problem::internal("the disk is full")) };
        let routes = move |routes: &mut web::ServiceConfig| {
            routes.route("/broken", web::get().to(broken));
        };
        let service = init_service(crate::app(routes, crate::BodyLimits::default())).await;
        let request = TestRequest::get().uri("/broken?secret=hunter2");
        let request = request.insert_header(("x-request-id", "abc"));
        call_service(&service, request.to_request()).await;
        drop(guard);

        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let lines = text.lines().map(serde_json::from_str);
        let lines: Vec<serde_json::Value> = lines.map(Result::unwrap).collect();
        let [cause, access] = lines.as_slice() else {
            panic!("{text}");
        };
        assert_eq!(cause["message"], "internal error: the disk is full");
        assert_eq!(access["target"], "access");
        assert_eq!(access["method"], "GET");
        assert_eq!(access["path"], "/broken");
        assert_eq!(access["status"], 500);
        assert!(access["ms"].is_f64(), "{access}");
        for line in [cause, access] {
            assert_eq!(line["span"]["request_id"], "abc", "{line}");
        }
    }

    #[test]
    fn quiet_modules_and_silenced_access_lines_stay_out() {
        let log = Log::default();
        let (settings, writer) = (settings("info,access=warn", LogFormat::Human), log.clone());
        let (subscriber, _) = subscriber(&settings, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "access", "no");
            tracing::info!(target: "actix_server::server", "no");
            tracing::info!("yes");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("yes") && !text.contains("no"), "{text}");
    }

    fn settings(level: &str, format: LogFormat) -> LogSettings {
        LogSettings {
            level: level.to_owned(),
            format,
        }
    }

    #[test]
    fn the_level_can_be_changed_later_and_a_wrong_one_changes_nothing() {
        let log = Log::default();
        let (settings, writer) = (settings("warn", LogFormat::Human), log.clone());
        let (subscriber, level) = subscriber(&settings, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("first");
            level.set("info").unwrap();
            tracing::info!("second");
            assert!(level.set("info=loud").is_err());
            tracing::info!("third");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("first"), "{text}");
        assert!(text.contains("second") && text.contains("third"), "{text}");
    }

    #[test]
    fn a_level_or_directives_are_understood() {
        for level in ["warn", "info,access=warn", "info,actix_server=debug"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        let shown = filter("info,actix_server=debug").unwrap().to_string();
        assert!(shown.contains("actix_server=debug"), "{shown}");
        assert!(!shown.contains("actix_server=warn"), "{shown}");
    }

    #[test]
    fn a_wrong_level_names_the_setting() {
        let error = filter("info=loud").unwrap_err().to_string();
        assert!(error.starts_with("log.level is not a level"), "{error}");
    }
}
