//! Mail to people: files that failed or want a look, endpoints that were disabled, a summary each day. What is owed
//! follows from the tables, so nothing is lost while the mail server is away, and nothing here ever waits for it.

mod cursors;
mod digest;
mod settings;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::row_key;
use db::{DbError, Lane, Tx, TxError};
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

pub use settings::{MailFault, MailSection, MailSettings, TlsMode};

use crate::service_state::ServiceState;
use cursors::{Cursor, EVENTS_AT_ONCE};
use digest::Digest;

const NEWS: &str = "news";
const SUMMARY: &str = "summary";
/// Events this young may have neighbours that are not committed yet.
const SETTLED: Duration = Duration::from_secs(3);
/// How often it is looked whether there is something to tell, at most.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Waits after a mail could not be sent: doubled, up to the second.
const WAIT_FIRST: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(1800);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("the mail cannot be written: {0}")]
    Message(String),
    #[error("the mail server did not take it: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error("{0}")]
    Database(String),
}

impl From<DbError> for MailError {
    fn from(error: DbError) -> Self {
        Self::Database(error.to_string())
    }
}

/// Sends what is owed until the service stops.
pub(crate) async fn send_mail(
    state: Arc<ServiceState>,
    settings: MailSettings,
) -> Result<(), String> {
    let post = Post::new(state, settings).map_err(|cause| cause.to_string())?;
    let look_every = LOOK_EVERY.min(post.settings.interval);
    let stopping = post.state.stopping.clone();
    let mut wait = look_every;
    let mut failures: u32 = 0;
    loop {
        tokio::select! {
            () = stopping.triggered() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        wait = look_every;
        let ticked = tokio::select! {
            () = stopping.triggered() => return Ok(()),
            ticked = post.tick() => ticked,
        };
        match ticked {
            Ok(()) => failures = 0,
            Err(cause) => {
                tracing::warn!(%cause, "mail waits");
                wait = WAIT_FIRST
                    .saturating_mul(2_u32.saturating_pow(failures))
                    .min(WAIT_MAX);
                failures = failures.saturating_add(1);
            }
        }
    }
}

struct Post {
    state: Arc<ServiceState>,
    settings: MailSettings,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// How far is told once the letter, if there is anything to say, has been sent.
struct Owed {
    letter: Option<Letter>,
    told_until: i64,
}

struct Letter {
    subject: String,
    body: String,
}

impl Post {
    fn new(state: Arc<ServiceState>, settings: MailSettings) -> Result<Self, MailError> {
        let parameters = || {
            let parameters = TlsParameters::builder(settings.host.clone());
            let parameters = match settings.authorities.as_slice() {
                [] => parameters,
                pem => parameters.add_root_certificate(Certificate::from_pem(pem)?),
            };
            parameters.build_rustls()
        };
        let tls = match settings.tls {
            TlsMode::Starttls => Tls::Required(parameters()?),
            TlsMode::Wrapped => Tls::Wrapper(parameters()?),
            TlsMode::None => Tls::None,
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(settings.timeout))
            .tls(tls);
        let transport = match settings.user.as_str() {
            "" => transport,
            user => {
                let password = settings.password.expose().to_owned();
                transport.credentials(Credentials::new(user.to_owned(), password))
            }
        };
        Ok(Self {
            transport: transport.build(),
            state,
            settings,
        })
    }

    async fn tick(&self) -> Result<(), MailError> {
        let now_ms = self.state.clock.now_ms();
        let settled = u64::try_from(now_ms - millis(SETTLED)).unwrap_or_default();
        let until = row_key(settled, 0);
        if let Some(cursor) = self.take_turn(NEWS, until).await? {
            let due = now_ms - cursor.sent_at_ms >= millis(self.settings.interval);
            let owed = match due {
                true => self.news(cursor.told_until, until).await.map(Some),
                false => Ok(None),
            };
            self.deliver(NEWS, cursor, owed).await?;
        }
        if let Some(minutes) = self.settings.summary_at {
            let end_ms = last_end(now_ms, minutes);
            if let Some(cursor) = self.take_turn(SUMMARY, end_ms).await? {
                let owed = match cursor.told_until < end_ms {
                    true => self.summary(end_ms).await.map(Some),
                    false => Ok(None),
                };
                self.deliver(SUMMARY, cursor, owed).await?;
            }
        }
        Ok(())
    }

    /// Sends the letter if there is one, and ends the turn whatever comes of it.
    async fn deliver(
        &self,
        name: &'static str,
        cursor: Cursor,
        owed: Result<Option<Owed>, MailError>,
    ) -> Result<(), MailError> {
        let told = match owed {
            Ok(Some(owed)) => self.tell(name, cursor, owed).await.map(Some),
            Ok(None) => Ok(None),
            Err(cause) => Err(cause),
        };
        let now = told.as_ref().ok().copied().flatten();
        self.write(move |tx| cursors::end_turn(tx, name, now))
            .await?;
        told.map(drop)
    }

    async fn tell(&self, name: &str, cursor: Cursor, owed: Owed) -> Result<Cursor, MailError> {
        let told_until = owed.told_until;
        let sent_at_ms = match owed.letter {
            None => cursor.sent_at_ms,
            Some(letter) => {
                self.send(name, cursor, letter).await?;
                self.state.clock.now_ms()
            }
        };
        Ok(Cursor {
            told_until,
            sent_at_ms,
        })
    }

    /// What has happened since; nothing to tell of moves the cursor without a mail.
    async fn news(&self, after: i64, until: i64) -> Result<Owed, MailError> {
        let (mut digest, mut after) = (Digest::default(), after);
        loop {
            let from = after;
            let read = move |conn: &mut db::Conn| cursors::events(conn, from, until);
            let rows = self.state.database.reads().run(read).await?;
            for row in &rows {
                let data = serde_json::from_slice(&row.data).unwrap_or_default();
                digest.add(&row.tenant, &row.event_type, &data, self.settings.lines_max);
                after = row.id;
            }
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) < EVENTS_AT_ONCE {
                break;
            }
        }
        let letter = (!digest.is_empty()).then(|| Letter {
            subject: digest.subject(),
            body: digest.body(&self.state.events.public_url),
        });
        Ok(Owed {
            letter,
            told_until: until,
        })
    }

    async fn summary(&self, end_ms: i64) -> Result<Owed, MailError> {
        let read = move |conn: &mut db::Conn| cursors::day(conn, end_ms - DAY_MS, end_ms);
        let told = self.state.database.reads().run(read).await?;
        let end = contract::format_ms(end_ms);
        let lines = told
            .iter()
            .map(|(what, count)| format!("{count:>8}  {what}\n"));
        let lines: String = lines.collect();
        let public_url = &self.state.events.public_url;
        let letter = Letter {
            subject: "draftwire: the last day".to_owned(),
            body: format!("The 24 hours before {end}:\n\n{lines}\n{public_url}/console\n"),
        };
        Ok(Owed {
            letter: Some(letter),
            told_until: end_ms,
        })
    }

    /// The same letter has the same id: whoever gets it twice can tell.
    async fn send(&self, name: &str, cursor: Cursor, letter: Letter) -> Result<(), MailError> {
        let (from, settings) = (cursor.told_until, &self.settings);
        let domain = settings.from.email.domain();
        let id = format!("<draftwire.{name}.{from}@{domain}>");
        let mut message = Message::builder()
            .from(settings.from.clone())
            .message_id(Some(id))
            .subject(letter.subject.clone())
            .header(ContentType::TEXT_PLAIN);
        for to in &settings.to {
            message = message.to(to.clone());
        }
        let message = message.body(letter.body);
        let message = message.map_err(|cause| MailError::Message(cause.to_string()))?;
        self.transport.send(message).await?;
        tracing::info!(subject = letter.subject, "mail sent");
        Ok(())
    }

    async fn take_turn(&self, name: &'static str, from: i64) -> Result<Option<Cursor>, MailError> {
        let now_ms = self.state.clock.now_ms();
        // Whoever dies at it keeps the others waiting no longer than sending may take.
        let busy_until_ms = now_ms + 2 * millis(self.settings.timeout);
        self.write(move |tx| cursors::take_turn(tx, name, from, (now_ms, busy_until_ms)))
            .await
    }

    async fn write<T: Send + 'static>(
        &self,
        mut write: impl FnMut(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, MailError> {
        let job = move |tx: &mut Tx<'_>| write(tx).map_err(TxError::<Infallible>::Db);
        let written = self.state.writer.with_tx(Lane::Bulk, 0, 0, job).await;
        written.map_err(|error| MailError::Database(error.to_string()))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The last time that the clock showed so many minutes after midnight, UTC.
fn last_end(now_ms: i64, minutes: u16) -> i64 {
    let offset = i64::from(minutes) * 60_000;
    (now_ms - offset).div_euclid(DAY_MS) * DAY_MS + offset
}

/// As [`send_mail`], when there is mail to send.
pub(crate) fn spawn(
    runner: &service::Runner,
    state: &Arc<ServiceState>,
    settings: Option<&MailSettings>,
) {
    if let Some(settings) = settings {
        runner.spawn("mail", send_mail(Arc::clone(state), settings.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_when_the_clock_says_so() {
        let at = |text: &str| contract::parse_ms(text).unwrap();
        for (now, minutes, end) in [
            ("2026-11-22T06:30:00Z", 390, "2026-11-22T06:30:00Z"),
            ("2026-11-22T06:29:59Z", 390, "2026-11-21T06:30:00Z"),
            ("2026-11-22T23:00:00Z", 0, "2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(last_end(at(now), minutes), at(end), "{now}");
        }
    }
}
