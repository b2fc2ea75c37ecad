//! Pictures of design files, asked of the sender that the settings name and only where its file is the very same, as for
//! job sheets. A browser is never sent elsewhere for one, and a sender is not asked twice within a short time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::Caller;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use console::Visit;
use serde::Deserialize;
use service::{Problem, Query};
use tokio::sync::Semaphore;

use crate::api::job_sheet::picture;
use crate::api::read;
use crate::receiver::State;
use crate::store::design_files::{self, DesignFile};

/// What stands for a picture that is not there: so much is counted for it.
const NONE_BYTES: usize = 256;
/// How soon a sender is asked again for what it did not have.
const NONE_KEPT: Duration = Duration::from_secs(30);
/// Questions to senders at once, and time for one.
const ASKED_AT_ONCE: usize = 8;
const ASKED_TIME_MAX: Duration = Duration::from_secs(8);
/// The longer side, pixels: when a page says nothing, and what it may say.
const SIZE_PX: u32 = 128;
const SIZES_PX: [u32; 3] = [SIZE_PX, 320, 1024];
/// How long a browser keeps one.
const BROWSER_KEEPS: &str = "private, max-age=600";
/// Shown where there is no picture: a sheet with a folded corner.
const NO_PICTURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 56 42\" fill=\"none\" \
    stroke=\"#8b949e\" stroke-width=\"1.5\"><path d=\"M20 9h11l6 6v18H20zM31 9v6h6\"/></svg>";

/// A file at a sender, as it is now, in a size.
type Key = (i64, i64, String, u32);

/// Pictures that were fetched lately.
pub(super) struct Pictures {
    kept: Mutex<Kept>,
    turns: Semaphore,
}

#[derive(Default)]
struct Kept {
    by_key: HashMap<Key, Picture>,
    bytes: usize,
    bytes_max: usize,
    /// Counts the uses.
    uses: u64,
}

struct Picture {
    png: Option<Bytes>,
    fetched: Instant,
    used: u64,
}

impl Picture {
    fn bytes(&self) -> usize {
        NONE_BYTES + self.png.as_ref().map_or(0, Bytes::len)
    }
}

impl Kept {
    /// `None`: not known.
    fn find(&mut self, key: &Key) -> Option<Option<Bytes>> {
        self.uses += 1;
        let picture = self.by_key.get_mut(key)?;
        picture.used = self.uses;
        let holds = picture.png.is_some() || picture.fetched.elapsed() < NONE_KEPT;
        holds.then(|| picture.png.clone())
    }

    /// One that is larger than all that is kept is none.
    fn keep(&mut self, key: Key, png: Option<Bytes>) -> Option<Bytes> {
        let png = png.filter(|png| png.len() + NONE_BYTES <= self.bytes_max);
        let picture = Picture {
            png: png.clone(),
            fetched: Instant::now(),
            used: self.uses,
        };
        self.bytes += picture.bytes();
        if let Some(old) = self.by_key.insert(key, picture) {
            self.bytes -= old.bytes();
        }
        while self.bytes > self.bytes_max {
            let least = self.by_key.iter().min_by_key(|(_, picture)| picture.used);
            let Some(key) = least.map(|(key, _)| key.clone()) else {
                break;
            };
            let gone = self.by_key.remove(&key);
            self.bytes -= gone.map_or(0, |picture| picture.bytes());
        }
        png
    }
}

impl Pictures {
    /// Keeps so many bytes of pictures.
    pub(super) fn new(bytes_max: usize) -> Self {
        let kept = Kept {
            bytes_max,
            ..Kept::default()
        };
        Self {
            kept: Mutex::new(kept),
            turns: Semaphore::new(ASKED_AT_ONCE),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn get(
        &self,
        state: &State,
        caller: &Caller,
        file: &DesignFile,
        size_px: u32,
    ) -> Option<Bytes> {
        let source = state.sources.find(&file.source)?;
        if source.tenant_id != caller.tenant_id || source.id != file.source_id {
            return None;
        }
        let sha256 = file.facts.sha256.clone()?;
        let key = (file.source_id, file.ingest_id, sha256, size_px);
        if let Some(known) = self.kept().find(&key) {
            return known;
        }
        let _turn = self.turns.acquire().await.ok()?;
        if let Some(known) = self.kept().find(&key) {
            return known;
        }
        let asked = tokio::time::timeout(ASKED_TIME_MAX, picture(file, &source, size_px));
        let png = asked.await.ok().flatten().map(Bytes::from);
        self.kept().keep(key, png)
    }
}

/// Whether a source's sender can be asked for pictures.
pub(super) fn has_pictures(state: &State, caller: &Caller, source: &str) -> bool {
    let source = state.sources.find(source);
    source.is_some_and(|source| source.tenant_id == caller.tenant_id && source.sender.is_some())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PictureQuery {
    #[serde(default = "small")]
    size: u32,
}

fn small() -> u32 {
    SIZE_PX
}

/// `GET /console/design-files/{id}/picture.png`: in place of what cannot be had a sign that says so.
pub(super) async fn png(
    state: Data<State>,
    visit: Visit,
    pictures: Data<Pictures>,
    id: Path<i64>,
    Query(query): Query<PictureQuery>,
) -> Result<HttpResponse, Problem> {
    if !SIZES_PX.contains(&query.size) {
        let message = format!("use one of {SIZES_PX:?}");
        return Err(Problem::invalid_field("size", message));
    }
    let (id, tenant) = (*id, visit.caller.tenant_id);
    let file = read(&state, move |conn| design_files::find(conn, tenant, id));
    let file = file
        .await?
        .ok_or_else(|| Problem::not_found(format!("design file {id}")))?;
    Ok(
        match pictures.get(&state, &visit.caller, &file, query.size).await {
            Some(png) => HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "image/png"))
                .insert_header((CACHE_CONTROL, BROWSER_KEEPS))
                .body(png),
            None => HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "image/svg+xml"))
                .body(NO_PICTURE),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ingest_id: i64) -> Key {
        (1, ingest_id, "sha".to_owned(), SIZE_PX)
    }

    #[test]
    fn what_was_used_least_lately_goes_first() {
        let mut kept = Kept {
            bytes_max: 4 * NONE_BYTES,
            ..Kept::default()
        };
        let large = Bytes::from(vec![0; NONE_BYTES]);
        kept.keep(key(1), Some(large.clone()));
        kept.keep(key(2), Some(large.clone()));
        assert!(kept.find(&key(2)).is_some() && kept.find(&key(1)).is_some());
        kept.keep(key(3), None);
        assert!(kept.find(&key(2)).is_none() && kept.find(&key(1)).is_some());
        assert_eq!(kept.find(&key(3)), Some(None));
        kept.keep(key(1), None);
        assert_eq!(kept.bytes, 2 * NONE_BYTES);
        let too_large = Bytes::from(vec![0; 4 * NONE_BYTES]);
        assert_eq!(kept.keep(key(4), Some(too_large)), None);
        assert_eq!(kept.find(&key(4)), Some(None));
    }
}
