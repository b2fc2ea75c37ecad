//! One sentence that the next page shows once: what was done, and how to undo it. Sealed, so that nobody else writes it.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, time};
use serde::{Deserialize, Serialize};

use crate::arrival::Arrival;
use crate::session::cookie;
use crate::site::Site;

pub(crate) const PURPOSE: &str = "flash";
/// A page that is not shown within this time is not waited for.
const SECONDS_KEPT: i64 = 60;
/// A cookie holds no more than about 4,000 bytes.
const TEXT_CHARS_MAX: usize = 400;

/// A sentence about what was just done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    pub text: String,
    /// Where a form is posted that undoes it.
    pub undo: Option<String>,
    /// What is shown this once.
    pub secret: Option<String>,
}

impl Flash {
    pub(crate) fn find(request: &HttpRequest, site: &Site) -> Option<Self> {
        let cookie = request.cookie(&site.cookie(PURPOSE))?;
        let bytes = site.sealer.open(PURPOSE, cookie.value())?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn cookie(mut self, site: &Site, arrival: Arrival) -> Option<Cookie<'static>> {
        self.text = self.text.chars().take(TEXT_CHARS_MAX).collect();
        let bytes = serde_json::to_vec(&self).ok()?;
        let text = site.sealer.seal(PURPOSE, &bytes)?;
        let cookie = cookie(site.cookie(PURPOSE), text, arrival);
        let kept = time::Duration::seconds(SECONDS_KEPT);
        Some(cookie.max_age(kept).finish())
    }
}
