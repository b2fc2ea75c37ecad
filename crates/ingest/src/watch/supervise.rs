//! All watched folders of the service, begun anew when their settings change.

use std::sync::Arc;

use access::Keys;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use service::Shutdown;
use tokio::sync::watch;

use super::folder;
use super::ledger::Owner;
use super::service_desk::ServiceDesk;
use super::settings::Folder;
use super::status::WatchStatus;
use crate::service_state::ServiceState;

/// Wait before a tenant is looked up again.
const TRY_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What the folders work with.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) state: Arc<ServiceState>,
    pub(crate) keys: Keys,
    pub(crate) node: String,
    pub(crate) status: WatchStatus,
}

/// Watches `folders`, and those that come in their place, until the service stops.
pub(crate) async fn supervise(watched: Watched, mut folders: watch::Receiver<Vec<Folder>>) {
    let stopping = watched.state.stopping.clone();
    loop {
        let now = folders.borrow_and_update().clone();
        let names: Vec<String> = now.iter().map(|folder| folder.name.clone()).collect();
        watched.status.keep(&names);
        let end = Shutdown::new();
        let mut running: FuturesUnordered<_> = now
            .into_iter()
            .map(|folder| one(watched.clone(), folder, end.clone()))
            .collect();
        let all = async { while running.next().await.is_some() {} };
        let told = async {
            let changed = async {
                // Nobody left to change them: as they are until the end.
                if folders.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = stopping.triggered() => {}
                () = changed => {}
            }
            end.trigger();
        };
        tokio::join!(all, told);
        if stopping.is_triggered() {
            return;
        }
        tracing::info!("the watched folders have changed");
    }
}

async fn one(watched: Watched, folder: Folder, end: Shutdown) {
    let tenant_id = loop {
        match watched.keys.tenant(&folder.tenant).await {
            Ok(tenant_id) => break tenant_id,
            Err(cause) => {
                tracing::warn!(folder = folder.name, %cause, "a watched folder waits to begin")
            }
        }
        tokio::select! {
            () = end.triggered() => return,
            () = tokio::time::sleep(TRY_AGAIN) => {}
        }
    };
    let desk = ServiceDesk {
        tenant_id,
        owner: Owner {
            node: watched.node.clone(),
            folder: folder.name.clone(),
        },
        state: Arc::clone(&watched.state),
    };
    let rules = watched.state.rules.now();
    folder::watch(folder, desk, rules, watched.status, end).await;
}
