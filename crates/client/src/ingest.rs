//! Questions to the ingest service, and the one that both services answer.

use std::time::Duration;

use crate::connection::Client;
use crate::error::ClientError;
use crate::model::{FileQuery, FileRecord, Health, Page, QueueStats};

/// All of these are asked again when the connection fails; their errors are those of the connection and
/// of the service.
impl Client {
    /// A file's record, to see how its extraction went.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found` for an unknown id, and those of the connection.
    pub async fn record(&self, ingest_id: i64) -> Result<FileRecord, ClientError> {
        self.get(&["ingest", &ingest_id.to_string()], &()).await
    }

    /// Files on record, newest first.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for an unusable filter, and those of the connection.
    pub async fn files(&self, query: &FileQuery) -> Result<Page<FileRecord>, ClientError> {
        self.get(&["files"], query).await
    }

    /// A file's picture as PNG, its longer side at most `size_px` pixels. Not asked for again when the connection fails.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found` when there is none, and those of the connection.
    pub async fn preview_png(&self, ingest_id: i64, size_px: u32) -> Result<Vec<u8>, ClientError> {
        let url = self.url(&["files", &ingest_id.to_string(), "preview.png"]);
        let request = self.http().get(url).query(&[("size", size_px)]);
        self.send(request, Duration::ZERO).await?.bytes()
    }

    /// How many deliveries wait, run and ended.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn queue_stats(&self) -> Result<QueueStats, ClientError> {
        self.get(&["webhooks", "queue", "stats"], &()).await
    }

    /// Whether the service, of either kind, is alive.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.get(&["health"], &()).await
    }
}
