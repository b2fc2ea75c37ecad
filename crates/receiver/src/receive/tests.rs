//! Convergence: whatever the order and number of arrivals, the same rows as in order, once each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use contract::{Event, EventId, EventType, FileEventKind, FileSnapshot, Profile, render};
use db::{Conn, Database, Submitter, Writer, WriterSettings, sql};
use futures_util::future::join_all;
use proptest::prelude::*;
use testkit::TempDb;
use tokio::runtime::Runtime;

use super::{Incoming, Receipt, Receive};
use crate::apply::Nothing;
use crate::source::tests::unsigned;
use crate::source::{Arrived, Format, Source, UnknownProject};
use crate::store::activity::ActivityQuery;
use crate::store::design_files::DesignFileQuery;
use crate::store::inbox::InboxQuery;
use crate::store::projects::ProjectQuery;
use crate::store::{self, Slice};

fn all() -> Slice {
    Slice::first(10_000)
}

struct Shop {
    database: Database,
    receive: Submitter<Receive>,
    /// It ends when dropped.
    _writer: Writer,
    next: AtomicI64,
    _temp: TempDb,
}

impl Shop {
    fn open(temp: TempDb) -> Self {
        let database = Database::open(temp.settings(), store::migrations()).unwrap();
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        Self {
            receive: writer.register(Receive {
                handler: Arc::new(Nothing),
            }),
            database,
            _writer: writer,
            next: AtomicI64::new(2),
            _temp: temp,
        }
    }

    /// A new sender in a tenant of its own.
    fn source(&self, profile: Profile) -> Arc<Source> {
        let tenant_id = self.next.fetch_add(1, Ordering::SeqCst);
        let name = format!("sender-{tenant_id}");
        let mut conn = self.database.connect().unwrap();
        let tenant = sql("INSERT INTO tenants (id, name) VALUES (?, ?)");
        conn.execute(tenant.bind(tenant_id).bind(&name)).unwrap();
        let id = store::sources::ensure(&mut conn, tenant_id, &name, 0).unwrap();
        let identity = (id.unwrap(), tenant_id, name.as_str());
        Arc::new(unsigned(identity, profile, UnknownProject::Create))
    }

    /// Hands in the events of each batch at once.
    async fn receive(&self, source: &Arc<Source>, batches: &[Vec<Event>]) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for batch in batches {
            let jobs = batch.iter().map(|event| {
                let Format::Wire(profile) = source.format else {
                    unreachable!("no foreign source is made here");
                };
                let body = render(profile, event, "endpoint").unwrap();
                let id = event.id.to_string();
                let arrived = source.accept(&[("webhook-id", id)][..], &body, 0);
                let Arrived::One(accepted) = arrived.unwrap() else {
                    unreachable!("it is no array");
                };
                self.receive.submit(
                    Incoming::new(Arc::clone(source), accepted, "{}".to_owned(), 0).submission(),
                )
            });
            receipts.extend(join_all(jobs).await.into_iter().flat_map(Result::unwrap));
        }
        receipts
    }

    /// Everything that can be read of a sender's tenant, but for ids given on arrival.
    fn rows(&self, source: &Source) -> Rows {
        let tenant = source.tenant_id;
        let read = |conn: &mut Conn| {
            let query = DesignFileQuery::default();
            let mut files = store::design_files::list(conn, tenant, query, all())?.items;
            let activity = store::activity::list(conn, tenant, ActivityQuery::default(), all())?;
            let projects = store::projects::list(conn, tenant, ProjectQuery::default(), all())?;
            let clients = store::clients::list(conn, tenant, None, all())?;
            let inbox = store::inbox::list(conn, tenant, InboxQuery::default(), all())?;
            for file in &mut files {
                (file.id, file.project_id) = (0, file.project_id.map(|_| 0));
                (file.source, file.source_id) = (String::new(), 0);
            }
            let activity = activity.items.into_iter().map(|mut one| {
                (one.id, one.design_file_id, one.project_id) = (0, None, None);
                (one.source, one.actor) = (None, None);
                one
            });
            let (events, deeds): (Vec<_>, Vec<_>) = activity.partition(|one| one.kind < 10);
            Ok(Rows {
                deleted: files
                    .iter()
                    .map(|file| (file.ingest_id, file.is_deleted == 1))
                    .collect(),
                files: files.iter().map(|file| format!("{file:?}")).collect(),
                activity: events.iter().map(|one| format!("{one:?}")).collect(),
                deeds: sorted(deeds.iter().map(|one| format!("{one:?}"))),
                projects: sorted(
                    projects.items.iter().map(|one| {
                        format!("{} {:?} {}", one.code, one.client_code, one.design_files)
                    }),
                ),
                clients: sorted(
                    clients
                        .items
                        .iter()
                        .map(|one| format!("{} {}", one.code, one.projects)),
                ),
                inbox: sorted(
                    inbox
                        .items
                        .iter()
                        .map(|one| format!("{} {}", one.event_key, one.state)),
                ),
            })
        };
        self.database.reads().run_blocking(read).unwrap()
    }
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

#[derive(Debug, PartialEq)]
struct Rows {
    deleted: Vec<(i64, bool)>,
    files: Vec<String>,
    activity: Vec<String>,
    deeds: Vec<String>,
    projects: Vec<String>,
    clients: Vec<String>,
    inbox: Vec<String>,
}

/// One step in a file's life.
#[derive(Debug, Clone)]
struct Step {
    kind: FileEventKind,
    project: usize,
    name: u8,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = proptest::sample::select(FileEventKind::ALL.to_vec());
    (kind, 0..4_usize, 0..2_u8).prop_map(|(kind, project, name)| Step {
        kind,
        project,
        name,
    })
}

fn event(ingest_id: i64, nth: u8, step: &Step) -> Event {
    let projects = [
        "JB-2025-10-CL0001-001",
        "JB-2025-11-CL0002-007",
        "the blue job",
    ];
    let snapshot = FileSnapshot {
        ingest_id,
        // Several files may claim one name.
        stored_filename: Some(format!("part-{}.dxf", step.name)),
        project_code: projects.get(step.project).map(|code| (*code).to_owned()),
        quantity: Some(nth.into()),
        hard_delete: Some(step.name == 0),
        ..FileSnapshot::default()
    };
    let file = u8::try_from(ingest_id).unwrap();
    Event {
        id: EventId::new(1_761_042_600_000, [file, nth, 0, 0, 0, 0, 0, 0, 0, 0]),
        event_type: step.kind.event_type(),
        // Some events share their millisecond.
        timestamp_ms: 1_761_042_600_000 + i64::from(nth / 2),
        tenant: "default".to_owned(),
        subject: snapshot.subject(),
        sequence: i64::from(nth) + 1,
        origin: "0123456789abcdef0123456789abcdef".to_owned(),
        data: snapshot.to_data().unwrap(),
        metadata: None,
    }
}

fn life(ingest_id: i64, steps: &[Step]) -> Vec<Event> {
    (0..)
        .zip(steps)
        .map(|(nth, step)| event(ingest_id, nth, step))
        .collect()
}

/// An event that nobody applies.
fn noise(nth: u8) -> Event {
    let step = Step {
        kind: FileEventKind::Ingested,
        project: 0,
        name: 0,
    };
    Event {
        id: EventId::new(1_761_042_600_000, [99, nth, 0, 0, 0, 0, 0, 0, 0, 0]),
        event_type: EventType::parse("invoice.paid").unwrap(),
        ..event(99, nth, &step)
    }
}

/// The events of up to three files in order, with others between them, and the same with repeats in any order and any batches.
fn histories() -> impl Strategy<Value = (Vec<Event>, Vec<Vec<Event>>)> {
    let files = proptest::collection::vec(proptest::collection::vec(step(), 1..8), 1..4);
    (files, 0..3_u8).prop_flat_map(|(files, others)| {
        let lives = (1..).zip(&files).flat_map(|(id, steps)| life(id, steps));
        let events: Vec<Event> = lives.chain((0..others).map(noise)).collect();
        let repeats = proptest::sample::subsequence(events.clone(), 0..=events.len());
        let shuffled = (Just(events.clone()), repeats)
            .prop_flat_map(|(events, repeats)| Just([events, repeats].concat()).prop_shuffle());
        let batches = (shuffled, 1..6_usize)
            .prop_map(|(events, size)| events.chunks(size).map(<[Event]>::to_vec).collect());
        (Just(events), batches)
    })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn any_order_and_number_of_arrivals_gives_the_rows_of_the_orderly_run() {
    for (temp, cases) in TempDb::both().into_iter().zip([100, 12]) {
        let shop = Shop::open(temp);
        let runtime = runtime();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
        let ran = runner.run(&histories(), |(events, batches)| {
            // With sequences, and with nothing but timestamps to go by.
            for profile in [Profile::Standard, Profile::Resource] {
                let orderly = shop.source(profile);
                let one_by_one: Vec<Vec<Event>> =
                    events.iter().map(|event| vec![event.clone()]).collect();
                let receipts = runtime.block_on(shop.receive(&orderly, &one_by_one));
                let applied = |receipt: &&Receipt| matches!(receipt, Receipt::Applied { .. });
                let of_files = events
                    .iter()
                    .filter(|event| FileEventKind::of(&event.event_type).is_some())
                    .count();
                prop_assert_eq!(receipts.iter().filter(applied).count(), of_files);

                let unruly = shop.source(profile);
                let receipts = runtime.block_on(shop.receive(&unruly, &batches));
                prop_assert_eq!(receipts.iter().filter(applied).count(), of_files);
                let expected = shop.rows(&orderly);
                prop_assert_eq!(expected.activity.len(), of_files);
                prop_assert_eq!(expected.inbox.len(), events.len());
                prop_assert_eq!(&expected, &shop.rows(&unruly));
            }
            Ok(())
        });
        ran.unwrap();
    }
}

#[test]
fn what_the_inbox_has_forgotten_is_not_told_twice() {
    for temp in TempDb::both() {
        let shop = Shop::open(temp);
        let runtime = runtime();
        let source = shop.source(Profile::Standard);
        let steps = [FileEventKind::Ingested, FileEventKind::Processed].map(|kind| Step {
            kind,
            project: 0,
            name: 0,
        });
        let events = life(1, &steps);
        runtime.block_on(shop.receive(&source, std::slice::from_ref(&events)));
        let mut before = shop.rows(&source);
        let mut conn = shop.database.connect().unwrap();
        assert_eq!(store::inbox::expire(&mut conn, 0, 10).unwrap(), 0);
        assert_eq!(store::inbox::expire(&mut conn, 1, 1).unwrap(), 1);
        assert_eq!(store::inbox::expire(&mut conn, 1, 10).unwrap(), 1);
        assert_eq!(store::inbox::expire(&mut conn, 1, 10).unwrap(), 0);
        before.inbox.clear();
        assert_eq!(shop.rows(&source), before);
        runtime.block_on(shop.receive(&source, &[events]));
        let after = shop.rows(&source);
        assert_eq!(after.inbox.len(), 2);
        before.inbox.clone_from(&after.inbox);
        assert_eq!(after, before);
    }
}

#[test]
fn a_delete_is_final_until_a_restore_with_a_higher_sequence() {
    use FileEventKind::{Deleted, Ingested, Processed, ReExtracted};
    let shop = Shop::open(TempDb::sqlite());
    let runtime = runtime();
    let deleted_after = |kinds: &[FileEventKind], order: &[usize]| {
        let step = |kind: &FileEventKind| Step {
            kind: *kind,
            project: 0,
            name: 1,
        };
        let events = life(1, &kinds.iter().map(step).collect::<Vec<_>>());
        let batches: Vec<Vec<Event>> = order.iter().map(|n| vec![events[*n].clone()]).collect();
        let source = shop.source(Profile::Standard);
        runtime.block_on(shop.receive(&source, &batches));
        shop.rows(&source).deleted == [(1, true)]
    };
    let corrected = [Ingested, Processed, Deleted, ReExtracted];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [0, 3, 2, 1]] {
        assert!(deleted_after(&corrected, &order), "{order:?}");
    }
    let restored = [Ingested, Deleted, Ingested, Processed];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 1, 0, 3], [1, 3, 2, 0]] {
        assert!(!deleted_after(&restored, &order), "{order:?}");
    }
}

#[test]
fn a_batch_of_many_files_is_applied_whole_on_both_databases() {
    let runtime = runtime();
    for temp in TempDb::both() {
        let shop = Shop::open(temp);
        let source = shop.source(Profile::Standard);
        let step = Step {
            kind: FileEventKind::Ingested,
            project: 0,
            name: 0,
        };
        let events: Vec<Event> = (0..200).map(|file| event(file, 0, &step)).collect();
        let receipts = runtime.block_on(shop.receive(&source, std::slice::from_ref(&events)));
        let applied = receipts
            .iter()
            .filter(|receipt| matches!(receipt, Receipt::Applied { .. }));
        assert_eq!(applied.count(), 200);
        let again = runtime.block_on(shop.receive(&source, &[events]));
        for (first, again) in receipts.iter().zip(&again) {
            let Receipt::Applied {
                design_file_id,
                project: super::ProjectLink::Known(project),
                ..
            } = first
            else {
                panic!("{first:?}");
            };
            let expected = Receipt::Duplicate {
                design_file_id: Some(*design_file_id),
                project_id: Some(*project),
            };
            assert_eq!(again, &expected);
        }
        assert_eq!(shop.rows(&source).activity.len(), 200);
    }
}
