//! The webhook platform's calls, one file a noun. Every query names the caller's tenant: what belongs to another one is
//! not found.

pub(crate) mod catalogue;
pub(crate) mod deliveries;
pub(crate) mod event_log;
pub(crate) mod filters;
pub(crate) mod jwks;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod replays;
mod shared;
mod subscription_answer;
mod subscription_input;
pub(crate) mod subscriptions;
