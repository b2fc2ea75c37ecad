//! The engine's promises, on both databases, against real HTTP servers.
//!
//! `cfg(test)` says nothing new to the compiler; it lets clippy allow `unwrap` in the helpers too.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod batch_retries;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod fairness;
#[cfg(test)]
mod gated_endpoint;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod managed;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod subscriptions;

/// Makes each of the tests two, one for each database.
macro_rules! on_both_databases {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test(db::Backend::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $test() { super::$test(db::Backend::Postgres).await; })*
        }
    };
}
pub(crate) use on_both_databases;
