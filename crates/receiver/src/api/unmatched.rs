//! `/unmatched`: files that are under no project, each with the projects it may belong to. Must never file
//! one by itself: a job number only suggests.

use std::collections::{BTreeSet, HashMap};

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::ProjectCode;
use serde::Serialize;
use service::{Problem, Query};

use super::design_files::{COLUMNS, DesignFile};
use super::page::{Wanted, listed};
use super::projects::SliceQuery;
use super::read;
use crate::receiver::State;
use crate::store::design_files::DesignFileQuery;
use crate::store::projects::Numbered;
use crate::store::{Page, design_files, projects};

/// Most projects suggested for one file.
const SUGGESTIONS_MAX: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Suggestion {
    project_code: String,
    reason: String,
}

#[derive(Serialize)]
struct Unmatched {
    #[serde(flatten)]
    file: DesignFile,
    suggestions: Vec<Suggestion>,
}

/// Why a file may belong to a project.
struct Clue<'f> {
    number: i64,
    client_code: Option<&'f str>,
    /// Whether the number is that of an unknown project code; else it begins the file's name.
    of_code: bool,
}

impl<'f> Clue<'f> {
    fn of(file: &'f design_files::DesignFile) -> Option<Self> {
        let client_code = file.facts.client_code.as_deref();
        let code = file.filed_under.as_deref();
        if let Some(code) = code.and_then(|code| ProjectCode::parse(code).ok()) {
            let number = code.as_str().rsplit('-').next()?.parse().ok()?;
            return Some(Self {
                number,
                client_code,
                of_code: true,
            });
        }
        Some(Self {
            number: file.facts.job_number?,
            client_code,
            of_code: false,
        })
    }

    fn suggests(&self, project: &Numbered) -> Option<Suggestion> {
        let same_client = match self.client_code {
            Some(client) => project.client_code.as_deref() == Some(client),
            // Without a client a code that is not quite right says too little.
            None => !self.of_code,
        };
        let reason = match (self.client_code, self.of_code) {
            (Some(client), true) => format!(
                "the file's project code has the number {} of this project of client {client}",
                self.number
            ),
            (Some(client), false) => format!(
                "the file's name begins with {}, the number of this project of client {client}",
                self.number
            ),
            (None, _) => format!(
                "the file's name begins with {}, the number of this project",
                self.number
            ),
        };
        same_client.then(|| Suggestion {
            project_code: project.code.clone(),
            reason,
        })
    }
}

/// `GET /unmatched`: latest upload first.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<SliceQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = query.paging().slice(wanted, &design_files::ORDER)?;
    let query = DesignFileQuery {
        deleted: Some(false),
        unmatched: true,
        ..DesignFileQuery::default()
    };
    let tenant = caller.tenant_id;
    let found = read(&state, move |conn| {
        let page = design_files::list(conn, tenant, query, slice)?;
        let numbers = page.items.iter().filter_map(Clue::of);
        let numbers: BTreeSet<i64> = numbers.map(|clue| clue.number).collect();
        let projects = projects::numbered(conn, tenant, numbers.into_iter())?;
        Ok((page, projects))
    });
    let (page, projects) = found.await?;
    let mut by_number: HashMap<i64, Vec<Numbered>> = HashMap::new();
    for project in projects {
        by_number.entry(project.number).or_default().push(project);
    }
    let unmatched = |file: design_files::DesignFile| {
        let clue = Clue::of(&file);
        let suggestions = clue.map_or_else(Vec::new, |clue| {
            let of_number = by_number.get(&clue.number).into_iter().flatten();
            let suggested = of_number.filter_map(|project| clue.suggests(project));
            suggested.take(SUGGESTIONS_MAX).collect()
        });
        Unmatched {
            file: DesignFile::of(file),
            suggestions,
        }
    };
    let columns = [COLUMNS, &["suggestions"]].concat();
    let page: Page<design_files::DesignFile> = page;
    Ok(listed(wanted, page, unmatched, ("unmatched", &columns)))
}
