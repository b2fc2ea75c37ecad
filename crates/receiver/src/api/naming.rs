//! What a new project is called: the code it is given, or the first free number of its client's month. Must
//! never give a code twice.

use contract::{ClientCode, CodeError, ProjectCode, format_ms};
use db::{Tx, TxError, TxResult};
use service::Problem;

use super::Refused;
use super::records::existing;
use crate::facts::InvalidFact;
use crate::receive::client_of;
use crate::store::clients::Client;
use crate::store::projects::{NewProject, Project, ProjectFields};
use crate::store::{projects, records};

/// Highest number of a generated code.
const NUMBER_MAX: u32 = 999_999;
/// How often a generated code may turn out to be taken by another node in the same moment.
const TRIES_MAX: u32 = 10;

/// What a new project is to be called.
#[derive(Clone)]
pub(super) enum Naming {
    Given(ProjectCode),
    /// The first free number of this month, `2025-10`.
    Generated {
        month: String,
    },
}

/// What a project is to be called, and whose it is.
///
/// # Errors
/// A code that is none, and two clients where there may be one.
pub(super) fn of(
    code: Option<&str>,
    client_code: Option<&str>,
    now_ms: i64,
) -> Result<(Naming, ClientCode), Problem> {
    let naming = match code {
        Some(code) => Naming::Given(
            ProjectCode::parse(code)
                .map_err(|error| Problem::invalid_field("code", error.to_string()))?,
        ),
        None => Naming::Generated {
            month: format_ms(now_ms).chars().take(7).collect(),
        },
    };
    let client = client(&naming, client_code)?;
    Ok((naming, client))
}

/// The client that is given or that the code names; they must not be two.
fn client(naming: &Naming, given: Option<&str>) -> Result<ClientCode, Problem> {
    let invalid = |message: String| Problem::invalid_field("client_code", message);
    let given = given.map(ClientCode::parse).transpose();
    let given = given.map_err(|error: CodeError| invalid(error.to_string()))?;
    let named = match naming {
        Naming::Given(code) => client_of(code),
        Naming::Generated { .. } => None,
    };
    match (given, named) {
        (Some(given), Some(named)) if given != named => Err(invalid(format!(
            "the code names client {named}, not {given}"
        ))),
        (Some(client), _) | (None, Some(client)) => Ok(client),
        (None, None) => Err(invalid("is needed: the code names no client".to_owned())),
    }
}

/// Inserts a project under the code that is its own from then on.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    (tenant, naming, client): (i64, &Naming, &ClientCode),
    fields: &ProjectFields,
    now_ms: i64,
) -> TxResult<Project, Refused> {
    if !records::exists::<Client>(tx.conn(), tenant, client.as_str())? {
        return Err(TxError::Refused(Refused::Invalid(InvalidFact {
            field: "client_code".to_owned(),
            message: format!("there is no client {client}; create it with POST /clients"),
        })));
    }
    for _ in 0..TRIES_MAX {
        let code = match naming {
            Naming::Given(code) => code.clone(),
            Naming::Generated { month } => next_code(tx, tenant, month, client)?,
        };
        let project = NewProject {
            code: code.clone(),
            client_code: Some(client.clone()),
            fields: fields.clone(),
            created_at_ms: now_ms,
        };
        if projects::insert(tx.conn(), tenant, &project)? {
            return existing(tx.conn(), tenant, &code);
        }
        if matches!(naming, Naming::Given(_)) {
            let taken = format!("there is a project {code} already");
            return Err(TxError::Refused(Refused::Conflict(taken)));
        }
    }
    Err(no_number_left())
}

fn no_number_left() -> TxError<Refused> {
    TxError::Refused(Refused::Conflict(
        "no number of this month is free for the client; give a code".to_owned(),
    ))
}

/// `JB-<month>-<client>-<number>`, the number one above the highest there is.
fn next_code(
    tx: &mut Tx<'_>,
    tenant: i64,
    month: &str,
    client: &ClientCode,
) -> TxResult<ProjectCode, Refused> {
    let beginning = format!("JB-{month}-{client}-");
    let codes = projects::codes_like(tx.conn(), tenant, &beginning)?;
    let number = |code: &String| code.strip_prefix(&beginning)?.parse::<u32>().ok();
    let next = codes.iter().filter_map(number).max().unwrap_or_default() + 1;
    if next > NUMBER_MAX {
        return Err(no_number_left());
    }
    ProjectCode::parse(&format!("{beginning}{next:03}"))
        .map_err(|_outside_the_calendar| no_number_left())
}
