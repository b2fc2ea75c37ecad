//! What the pages need besides the service's own state: how they are described, who listens for news, pictures that were
//! fetched. Made once, before the service is served.

use std::fs;

use actix_web::web::{Data, ServiceConfig};
use console::{Live, Site};
use service::Shutdown;

use super::pictures::Pictures;
use super::{NAV, live, routes};
use crate::error::StartError;
use crate::receiver::State;
use crate::settings::ReceiverSettings;

/// The pages of a service. Clones share everything.
#[derive(Clone)]
pub(crate) struct Pages {
    site: Data<Site>,
    live: Data<Live>,
    pictures: Data<Pictures>,
    printed: Data<Printed>,
    stopping: Shutdown,
}

/// The configuration in force, as it may be shown.
pub(super) struct Printed(pub(super) String);

impl Pages {
    /// Sessions are sealed with what is made of the service's own key, which must be there already.
    pub(crate) fn new(settings: &ReceiverSettings) -> Result<Self, StartError> {
        let path = settings.key_file();
        let secret = fs::read(&path).map_err(|cause| StartError::KeyFile {
            path: path.display().to_string(),
            cause,
        })?;
        let (names, public_url) = (("receiver", "Shop"), &settings.receiver.public_url);
        let site = Site::new(names, NAV, &settings.console, &secret, public_url)?;
        let stopping = Shutdown::new();
        let live = Live::new(settings.console.live_listeners_max, stopping.clone());
        Ok(Self {
            site: Data::new(site),
            live: Data::new(live),
            pictures: Data::new(Pictures::new(settings.receiver.picture_bytes_kept_max)),
            printed: Data::new(Printed(settings.printed.clone())),
            stopping,
        })
    }

    /// Adds every page.
    pub(crate) fn routes(&self, to: &mut ServiceConfig) {
        to.app_data(self.site.clone())
            .app_data(self.live.clone())
            .app_data(self.pictures.clone())
            .app_data(self.printed.clone());
        routes(to);
    }

    /// Tells open pages what is new until the service stops; then they are told to go.
    pub(crate) async fn watch(self, state: Data<State>, shutdown: Shutdown) {
        live::watch(&self.live, &state, &shutdown).await;
        self.stopping.trigger();
    }
}
