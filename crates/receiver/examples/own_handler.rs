//! Another program's handler inside the receiver: invoices are added up in a table of its own, in the very transaction
//! that records the event, so that no repeat counts twice. It must never touch a database that it did not make.
//!
//! `cargo run -p receiver --example own_handler`
#![expect(
    clippy::print_stdout,
    reason = "an example shows what happens on its standard output"
)]

use std::error::Error;
use std::sync::Arc;

use contract::{Profile, Secret, Signer, SigningKey};
use receiver::{
    Apply, Clock, Conn, DbError, NewEvent, Receiver, ReceiverSettings, SourceSettings, SystemClock,
    sql,
};
use reqwest::Client;
use serde::Deserialize;
use service::{Runner, SecretText, Settings, Shutdown};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Adds up what invoices say was paid.
struct Payments;

#[derive(Deserialize)]
struct Paid {
    customer_id: String,
    /// Cents.
    amount: i64,
}

impl Apply for Payments {
    fn takes(&self, event_type: &str) -> bool {
        event_type == "invoice.paid"
    }

    fn apply(&self, conn: &mut Conn, events: &[NewEvent<'_>]) -> Result<(), DbError> {
        conn.execute(sql(
            "CREATE TABLE IF NOT EXISTS paid (customer TEXT PRIMARY KEY, cents BIGINT NOT NULL)",
        ))?;
        for event in events {
            // What cannot be read is kept in the inbox all the same.
            let Ok(paid) = serde_json::from_str::<Paid>(event.data) else {
                println!("{} says no amount", event.id);
                continue;
            };
            let add = sql("INSERT INTO paid (customer, cents) VALUES (?, ?) \
                 ON CONFLICT (customer) DO UPDATE SET cents = paid.cents + excluded.cents");
            conn.execute(add.bind(&paid.customer_id).bind(paid.amount))?;
            println!(
                "{}: {} paid {} cents",
                event.id, paid.customer_id, paid.amount
            );
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let overrides = [
        "receiver.listen=127.0.0.1:0".to_owned(),
        format!("data_dir={}", folder.path().display()),
    ];
    let settings = Settings::load(None, [("", ""); 0], &overrides)?;
    let mut settings = ReceiverSettings::load(&settings)?;
    let shop = SourceSettings::signed(Profile::Standard, SecretText::from(SECRET.to_owned()));
    settings.sources.insert("shop".to_owned(), shop);
    let listener = settings.bind()?;
    let url = format!("http://{}/webhooks/shop/event", listener.local_addr()?);

    let open = move || Receiver::open_with(&settings, Arc::new(SystemClock), Arc::new(Payments));
    let receiver = tokio::task::spawn_blocking(open).await??;
    let runner = Runner::new(Shutdown::new());
    runner.spawn(
        "receiver",
        receiver.serve(listener, runner.shutdown().clone()),
    );

    // The same event twice: the second is a repeat and the handler does not see it.
    for id in ["evt_1", "evt_1", "evt_2"] {
        println!("{}", send(&url, id).await?);
    }
    runner.stop(std::time::Duration::from_secs(10)).await;
    Ok(())
}

async fn send(url: &str, id: &str) -> Result<String, Box<dyn Error>> {
    let body = format!(
        r#"{{"id":"{id}","type":"invoice.paid","timestamp":"2026-01-31T10:00:00Z","data":{{"customer_id":"CL0001","amount":150000}}}}"#
    );
    let now_s = SystemClock.now_ms() / 1000;
    let signer = Signer::new(vec![SigningKey::Hmac(Secret::parse(SECRET)?)]);
    drop(rustls::crypto::ring::default_provider().install_default());
    let answer = Client::new()
        .post(url)
        .header("webhook-id", id)
        .header("webhook-timestamp", now_s.to_string())
        .header("webhook-signature", signer.sign(id, now_s, body.as_bytes()))
        .body(body)
        .send()
        .await?;
    Ok(answer.text().await?)
}
