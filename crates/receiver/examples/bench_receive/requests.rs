//! Whole requests as a sender writes them, made before the clock runs.

use contract::{
    Event, EventId, FileEventKind, FileSnapshot, FileStatus, Profile, Secret, Signer, SigningKey,
    render, signed_headers,
};
use db::{Clock, SystemClock};

use crate::Outcome;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Events of one file: ingested, processed, corrected.
const KINDS: [FileEventKind; 3] = [
    FileEventKind::Ingested,
    FileEventKind::Processed,
    FileEventKind::ReExtracted,
];

/// Makes the requests of one connection.
pub(crate) struct Requests {
    signer: Signer,
    connection: u16,
    now_ms: i64,
    made: u32,
}

impl Requests {
    pub(crate) fn new(connection: u16) -> Outcome<Self> {
        Ok(Self {
            signer: Signer::new(vec![SigningKey::Hmac(Secret::parse(SECRET)?)]),
            connection,
            now_ms: SystemClock.now_ms(),
            made: 0,
        })
    }

    /// The next one.
    pub(crate) fn make(&mut self) -> Outcome<Vec<u8>> {
        let event = self.event()?;
        self.made += 1;
        let body = render(Profile::Standard, &event, "endpoint")?;
        let headers = signed_headers(
            Profile::Standard,
            &event,
            "endpoint",
            self.now_ms,
            &self.signer,
            &body,
        );
        let mut text = format!(
            "POST /webhooks/bench/event HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             user-agent: bench\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        Ok([text.into_bytes(), body].concat())
    }

    fn event(&self) -> Outcome<Event> {
        let step = self.made % 3;
        let kind = KINDS
            .get(usize::try_from(step)?)
            .copied()
            .unwrap_or(FileEventKind::Ingested);
        let ingest_id = i64::from(self.connection) * 10_000_000 + i64::from(self.made / 3);
        let snapshot = FileSnapshot {
            ingest_id,
            original_filename: Some("0005-VA2601-VAS-4mm-x1.dxf".to_owned()),
            stored_filename: Some(format!(
                "CL0001-JB-2025-10-CL0001-001-VAS-{ingest_id}-MS-4mm-x1-v1.dxf"
            )),
            file_path: Some("CL0001/JB-2025-10-CL0001-001/VAS-MS-4mm-x1-v1.dxf".to_owned()),
            file_type: Some("dxf".to_owned()),
            file_size: Some(48_211),
            status: Some(FileStatus::Completed),
            client_code: Some("CL0001".to_owned()),
            project_code: Some("JB-2025-10-CL0001-001".to_owned()),
            part_name: Some(format!("VAS-{ingest_id}")),
            material: Some("Mild Steel".to_owned()),
            thickness_mm: Some(4.0),
            quantity: Some(1),
            version: Some(1),
            created_at_ms: Some(self.now_ms),
            ..FileSnapshot::default()
        };
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.connection.to_be_bytes());
        random[2..6].copy_from_slice(&self.made.to_be_bytes());
        Ok(Event {
            id: EventId::new(u64::try_from(self.now_ms)?, random),
            event_type: kind.event_type(),
            timestamp_ms: self.now_ms,
            tenant: "default".to_owned(),
            subject: snapshot.subject(),
            sequence: i64::from(step) + 1,
            origin: "0123456789abcdef0123456789abcdef".to_owned(),
            data: snapshot.to_data()?,
            metadata: None,
        })
    }
}
