//! Questions to the receiver.

use crate::connection::Client;
use crate::error::ClientError;
use crate::model::{DesignFile, DesignFileQuery, Page, Project};

/// Asked again when the connection fails, as those to ingest are.
impl Client {
    /// Design files that the receiver knows.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for an unusable filter, and those of the connection.
    pub async fn design_files(
        &self,
        query: &DesignFileQuery,
    ) -> Result<Page<DesignFile>, ClientError> {
        self.get(&["design-files"], query).await
    }

    /// A project by its code.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found` for an unknown code, and those of the connection.
    pub async fn project(&self, code: &str) -> Result<Project, ClientError> {
        self.get(&["projects", code], &()).await
    }
}
