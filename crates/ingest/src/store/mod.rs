//! The files' tables: rows in and out. What a client asks for is looked up within its tenant; work is named
//! by its claim. Decides nothing about what may be done.

mod blobs;
mod counts;
mod extractions;
mod file_row;
mod files;
mod list;
#[cfg(test)]
mod plans;
mod work;

pub(crate) use blobs::{deleting, live_generation, mark_deleting, mark_used, removed};
pub(crate) use counts::{FileCounts, by_hour, counts, known_codes, troubles};
pub(crate) use extractions::{extraction, put_extraction};
pub(crate) use file_row::{FileRow, State, Task, get, get_locked};
pub(crate) use files::{
    Known, NewFile, delete, first_with, free_version, insert, restore, same, same_as,
};
pub(crate) use list::{Filter, Order, Page, list, versions};
pub(crate) use work::{
    Completion, begin, claim_waiting, complete, correct, fail, give_back, owned, release, restart,
};
