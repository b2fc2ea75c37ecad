//! Watched folders: what is put there is taken in as if it had been uploaded, once it has come to rest, and is put
//! away when it has been read. A full look by the clock is the truth, change events only make it come sooner.

mod desk;
mod folder;
mod layout;
mod ledger;
mod open;
mod pattern;
mod put_away;
mod resting;
mod scan;
mod service_desk;
mod settings;
mod signal;
mod status;
mod supervise;

pub use desk::{Desk, End, Entry, Handed, Later, Ready, Stage};
pub use folder::watch;
pub use layout::{Layout, LayoutFault, Place};
pub use scan::Stamp;
pub use settings::{After, Folder, FolderSection, WatchFault, WatchSection};
pub use status::{FolderStatus, WatchStatus};
pub(crate) use supervise::{Watched, supervise};
