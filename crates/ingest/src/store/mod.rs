//! The files' tables: rows in and out. Every statement names its tenant; none decides what may be done.

mod blobs;
mod extractions;
mod files;
mod list;

pub(crate) use blobs::{deleting, live_generation, mark_deleting, mark_used, removed};
pub(crate) use extractions::{extraction, put_extraction};
pub(crate) use files::{
    Completion, FileRow, NewFile, Sameness, State, Task, claim_waiting, complete, delete, first_with,
    free_version, get, insert, owned, release, restart, same,
};
pub(crate) use list::{Filter, Page, list};
