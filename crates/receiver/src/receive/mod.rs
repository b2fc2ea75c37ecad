//! What the events of a batch bring about, in one transaction: inbox, design files, activity. The state
//! that results is a function of the set of events. Must never see a request.

mod incoming;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use contract::{ClientCode, ProjectCode};
use db::{Conn, DbError, DbErrorKind, Lane, SetJob, Tx};

pub(crate) use incoming::{Content, FileEvent, FileIdentity, Incoming, submission};

use crate::apply::{Apply, NewEvent};
use crate::source::UnknownProject;
use crate::store::activity::{ActivityKind, AppliedEvent, Deed};
use crate::store::clients::ClientFields;
use crate::store::design_files::AppliedFile;
use crate::store::inbox::{Arrival, Outcome, Recorded};
use crate::store::projects::{NewProject, ProjectFields, TenantCode};
use crate::store::{activity, clients, design_files, inbox, projects};

/// Writes accepted events.
pub(crate) struct Receive {
    /// Takes part in what they bring about.
    pub handler: Arc<dyn Apply>,
}

/// What an event brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Receipt {
    Applied {
        design_file_id: i64,
        project: ProjectLink,
        /// A newer event had left nothing of it to see.
        stale: bool,
    },
    /// Another program's handler has taken it.
    Handled,
    /// Stored, and that is all.
    UnknownType,
    Duplicate {
        design_file_id: Option<i64>,
        project_id: Option<i64>,
    },
    /// Kept as failed; it is applied when it comes again and the reason is gone.
    Refused { field: String, message: String },
}

/// Whether the event's project code meets a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProjectLink {
    NoCode,
    Known(i64),
    Unknown(String),
}

/// An event of the batch: its source and key.
pub(crate) type EventKey<'i> = (i64, &'i str);

impl SetJob for Receive {
    /// The events of a request.
    type Item = Vec<Incoming>;
    type Output = Vec<Receipt>;
    const RANK: u8 = 20;
    const LANE: Lane = Lane::Interactive;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        requests: &mut [Vec<Incoming>],
    ) -> Result<Vec<Vec<Receipt>>, DbError> {
        let conn = tx.conn();
        let items: Vec<&Incoming> = requests.iter().flatten().collect();
        let projects = meet_projects(conn, &items)?;
        let takes = |item: &Incoming| self.handler.takes(item.event_type.as_str());
        let arrivals = arrivals(&items, |item| judge(item, &projects, takes(item)));
        let recorded = inbox::record(conn, &arrivals)?;
        let files = apply(conn, &arrivals, &recorded)?;
        hand_over(conn, &*self.handler, &arrivals, &recorded)?;
        let earlier = files_of_repeats(conn, &arrivals, &recorded)?;
        let batch = Batch {
            projects,
            arrivals,
            recorded,
            files,
            earlier,
        };
        let mut seen = HashSet::new();
        let each = items.iter().copied();
        let mut receipts = each.map(|item| batch.receipt(item, seen.insert(key(item))));
        let of_request = |events: &Vec<Incoming>| receipts.by_ref().take(events.len()).collect();
        requests.iter().map(of_request).collect()
    }
}

fn key(item: &Incoming) -> EventKey<'_> {
    (item.source.id, &item.key)
}

/// The project of an event: tenant and code.
fn project_of(item: &Incoming) -> Option<(i64, &str)> {
    let code = item.file()?.facts.project_code.as_deref()?;
    Some((item.source.tenant_id, code))
}

/// The projects that the batch names and that exist, after those were made that a source may make. They are
/// made for stale events too, and from nothing but their code: so it does not matter which event made one.
fn meet_projects(
    conn: &mut Conn,
    items: &[&Incoming],
) -> Result<HashMap<TenantCode, i64>, DbError> {
    let named: BTreeSet<(i64, &str)> = items.iter().filter_map(|item| project_of(item)).collect();
    let known = projects::ids(conn, named.iter().copied())?;
    let missing: BTreeMap<TenantCode, (NewProject, &str)> = items
        .iter()
        .filter(|item| item.source.unknown_project == UnknownProject::Create)
        .filter_map(|item| project_to_make(item))
        .filter(|(code, _)| !known.contains_key(code))
        .collect();
    if missing.is_empty() {
        return Ok(known);
    }
    let mut made = Vec::with_capacity(missing.len());
    for (code, (project, source)) in missing {
        if make_project(conn, code.0, (&project, source))? {
            made.push((code, project, source));
        }
    }
    let known = projects::ids(conn, named.into_iter())?;
    for ((tenant_id, code), project, source) in made {
        let deed = Deed {
            tenant_id,
            kind: ActivityKind::ProjectCreated,
            actor: source,
            design_file_id: None,
            project_id: known.get(&(tenant_id, code.clone())).copied(),
            project_code: Some(&code),
            client_code: None,
            facts: &crate::projects::shown(project.client_code.as_ref(), &project.fields),
            now_ms: project.created_at_ms,
        };
        activity::record(conn, &deed)?;
    }
    Ok(known)
}

/// Whether it was not there; its client is made too, called by its code.
fn make_project(
    conn: &mut Conn,
    tenant_id: i64,
    (project, source): (&NewProject, &str),
) -> Result<bool, DbError> {
    let now_ms = project.created_at_ms;
    if let Some(code) = &project.client_code {
        let client = ClientFields {
            name: code.to_string(),
            email: None,
            phone: None,
            notes: None,
        };
        if clients::insert(conn, tenant_id, code, &client, now_ms)? {
            let kind = ActivityKind::ClientCreated;
            let by = (tenant_id, source, now_ms);
            clients::tell(conn, (code.as_str(), &client), kind, by)?;
        }
    }
    projects::insert(conn, tenant_id, project)
}

/// The project of an event, if its code is one, and the source that names it.
fn project_to_make(item: &Incoming) -> Option<(TenantCode, (NewProject, &str))> {
    let (tenant, code) = project_of(item)?;
    let parsed = ProjectCode::parse(code).ok()?;
    let project = NewProject {
        client_code: client_of(&parsed),
        code: parsed,
        fields: ProjectFields::unknown(),
        created_at_ms: item.received_at_ms,
    };
    Some(((tenant, code.to_owned()), (project, &item.source.name)))
}

/// The client that a project code names.
pub(crate) fn client_of(code: &ProjectCode) -> Option<ClientCode> {
    let client = code.as_str().split('-').nth(3)?;
    ClientCode::parse(client).ok()
}

/// The events of the batch, each once, in the order in which rows are locked. Of equal keys the first counts.
fn arrivals<'i>(
    items: &[&'i Incoming],
    judge: impl Fn(&Incoming) -> Outcome,
) -> BTreeMap<EventKey<'i>, Arrival<'i>> {
    let mut arrivals: BTreeMap<EventKey<'i>, Arrival<'i>> = BTreeMap::new();
    for item in items {
        let arrival = arrivals.entry(key(item)).or_insert_with(|| Arrival {
            incoming: item,
            outcome: judge(item),
            copies: 0,
        });
        arrival.copies += 1;
    }
    arrivals
}

fn judge(item: &Incoming, projects: &HashMap<TenantCode, i64>, is_taken: bool) -> Outcome {
    match &item.content {
        Content::Other if is_taken => Outcome::Applied,
        Content::Other => Outcome::UnknownType,
        Content::Invalid(invalid) => Outcome::Failed {
            code: "invalid_field",
            field: invalid.field.clone(),
            message: invalid.message.clone(),
        },
        Content::File(_) => match link(item, projects) {
            ProjectLink::Unknown(code) if item.source.unknown_project == UnknownProject::Refuse => {
                Outcome::Failed {
                    code: "unknown_project",
                    field: "project_code".to_owned(),
                    message: format!(
                        "there is no project {code}, and this source may not name unknown ones"
                    ),
                }
            }
            _ => Outcome::Applied,
        },
    }
}

fn link(item: &Incoming, projects: &HashMap<TenantCode, i64>) -> ProjectLink {
    match project_of(item).map(|(tenant, code)| (tenant, code.to_owned())) {
        None => ProjectLink::NoCode,
        Some(key) => projects
            .get(&key)
            .map_or(ProjectLink::Unknown(key.1), |id| ProjectLink::Known(*id)),
    }
}

/// The events that are to be applied now, with their inbox rows.
fn new<'a, 'i>(
    arrivals: &'a BTreeMap<EventKey<'i>, Arrival<'i>>,
    recorded: &'a BTreeMap<EventKey<'i>, Recorded>,
) -> impl Iterator<Item = (i64, &'i Incoming)> + 'a {
    arrivals.iter().filter_map(|(key, arrival)| {
        let is_applied = matches!(arrival.outcome, Outcome::Applied);
        let recorded = recorded.get(key).filter(|row| is_applied && row.is_new)?;
        Some((recorded.id, arrival.incoming))
    })
}

/// Design files and activity of the events that are new.
fn apply<'i>(
    conn: &mut Conn,
    arrivals: &BTreeMap<EventKey<'i>, Arrival<'i>>,
    recorded: &BTreeMap<EventKey<'i>, Recorded>,
) -> Result<HashMap<FileIdentity, AppliedFile>, DbError> {
    let events = new(arrivals, recorded)
        .filter_map(|(inbox_id, incoming)| Some((inbox_id, incoming, incoming.file()?)));
    let events: Vec<(i64, &'i Incoming, &'i FileEvent)> = events.collect();
    let of_tenants = events
        .iter()
        .map(|(_, incoming, event)| (incoming.source.tenant_id, *event));
    let files = design_files::apply(conn, of_tenants)?;
    let applied = |(inbox_id, incoming, event): &(i64, &'i Incoming, &'i FileEvent)| {
        let file = files.get(&event.file).ok_or_else(unanswered)?;
        Ok(AppliedEvent {
            inbox_id: *inbox_id,
            design_file_id: file.id,
            incoming,
            event,
            stale: file.outdates(event),
        })
    };
    let applied = events
        .iter()
        .map(applied)
        .collect::<Result<Vec<_>, DbError>>()?;
    activity::insert(conn, &applied)?;
    Ok(files)
}

/// Gives the handler the new events of its types.
fn hand_over(
    conn: &mut Conn,
    handler: &dyn Apply,
    arrivals: &BTreeMap<EventKey<'_>, Arrival<'_>>,
    recorded: &BTreeMap<EventKey<'_>, Recorded>,
) -> Result<(), DbError> {
    let taken = new(arrivals, recorded)
        .map(|(_, incoming)| incoming)
        .filter(|incoming| handler.takes(incoming.event_type.as_str()));
    let events = taken.map(|incoming| NewEvent {
        source: &incoming.source.name,
        tenant_id: incoming.source.tenant_id,
        id: &incoming.key,
        event_type: incoming.event_type.as_str(),
        timestamp_ms: incoming.timestamp_ms,
        data: incoming.data.as_str(),
        body: &incoming.body,
    });
    let events: Vec<NewEvent<'_>> = events.collect();
    match events.is_empty() {
        true => Ok(()),
        false => handler.apply(conn, &events),
    }
}

/// The design files of events that were applied before.
fn files_of_repeats(
    conn: &mut Conn,
    arrivals: &BTreeMap<EventKey<'_>, Arrival<'_>>,
    recorded: &BTreeMap<EventKey<'_>, Recorded>,
) -> Result<HashMap<FileIdentity, i64>, DbError> {
    let repeats = arrivals.iter().filter(|(key, _)| {
        let recorded = recorded.get(*key);
        recorded.is_some_and(|row| !row.is_new)
    });
    let files = repeats.filter_map(|(_, arrival)| Some(&arrival.incoming.file()?.file));
    let files: BTreeSet<&FileIdentity> = files.collect();
    design_files::ids(conn, files.into_iter())
}

/// All that was found and written.
struct Batch<'i> {
    projects: HashMap<TenantCode, i64>,
    arrivals: BTreeMap<EventKey<'i>, Arrival<'i>>,
    recorded: BTreeMap<EventKey<'i>, Recorded>,
    files: HashMap<FileIdentity, AppliedFile>,
    earlier: HashMap<FileIdentity, i64>,
}

impl Batch<'_> {
    /// `is_first`: the item is the first of its key in this batch.
    fn receipt(&self, item: &Incoming, is_first: bool) -> Result<Receipt, DbError> {
        let recorded = self.recorded.get(&key(item)).ok_or_else(unanswered)?;
        let arrival = self.arrivals.get(&key(item)).ok_or_else(unanswered)?;
        let file = item
            .file()
            .and_then(|event| Some((event, self.files.get(&event.file)?)));
        let project = link(item, &self.projects);
        Ok(match (&arrival.outcome, file) {
            (Outcome::Failed { field, message, .. }, _) if recorded.is_new => Receipt::Refused {
                field: field.clone(),
                message: message.clone(),
            },
            (Outcome::UnknownType, _) if recorded.is_new && is_first => Receipt::UnknownType,
            (Outcome::Applied, None) if recorded.is_new && is_first => Receipt::Handled,
            (Outcome::Applied, Some((event, file))) if recorded.is_new && is_first => {
                Receipt::Applied {
                    design_file_id: file.id,
                    stale: file.outdates(event),
                    project,
                }
            }
            (_, file) => Receipt::Duplicate {
                design_file_id: match recorded.is_new {
                    true => file.map(|(_, file)| file.id),
                    false => item
                        .file()
                        .and_then(|event| self.earlier.get(&event.file).copied()),
                },
                project_id: match project {
                    ProjectLink::Known(id) => Some(id),
                    ProjectLink::NoCode | ProjectLink::Unknown(_) => None,
                },
            },
        })
    }
}

fn unanswered() -> DbError {
    DbError {
        kind: DbErrorKind::Statement,
        message: "a written row was not answered".to_owned(),
    }
}
