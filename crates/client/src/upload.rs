//! Uploads: files are streamed from the disk, never held in memory, and never sent a second time.

use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::Body;
use reqwest::multipart::{Form, Part};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::connection::Client;
use crate::error::ClientError;
use crate::model::{UploadOptions, UploadResult};

/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;
/// A line slower than this is given up.
const BYTES_PER_SECOND_MIN: u64 = 64 * 1024;
/// The service's own wait when the caller names none, rounded up.
const WAIT_SECONDS_DEFAULT: u32 = 60;

impl Client {
    /// Uploads files; answers one result for each, in order. One refused file does not fail the others.
    ///
    /// Sent once. After [`ClientError::Broken`] or [`ClientError::Timeout`] the same call may be made
    /// again: files that had been taken are answered with their existing record.
    ///
    /// # Errors
    /// [`ClientError::File`] for a file that cannot be opened (nothing is sent then), [`ClientError::Problem`]
    /// when the service refuses the upload as a whole, and those of the connection.
    pub async fn upload(
        &self,
        files: &[impl AsRef<Path>],
        options: &UploadOptions,
    ) -> Result<Vec<UploadResult>, ClientError> {
        let mut form = fields(options);
        let mut bytes = 0;
        for path in files {
            let path = path.as_ref();
            let (part, length) = part(path).await.map_err(|cause| ClientError::File {
                path: path.to_owned(),
                cause,
            })?;
            bytes += length;
            form = form.part("files", part);
        }
        let mut url = self.url(&["ingest"]);
        if let Some(seconds) = options.wait_seconds {
            url.set_query(Some(&format!("wait={seconds}")));
        }
        let request = self.http().post(url).multipart(form);
        let answer = self.send(request, extra_time(bytes, options)).await?;
        // When every file is refused the results come with an error status.
        match serde_json::from_slice(&answer.body) {
            Ok(results) => Ok(results),
            Err(_no_results) => answer.json(),
        }
    }
}

fn fields(options: &UploadOptions) -> Form {
    let metadata = options.override_metadata.clone();
    let metadata = metadata.map(|facts| serde_json::Value::Object(facts).to_string());
    [
        ("client_code", options.client_code.clone()),
        ("project_code", options.project_code.clone()),
        ("override_metadata", metadata),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .fold(
        Form::new().text("mode", options.mode.as_str()),
        |form, (name, value)| form.text(name, value),
    )
}

/// A file and its length; what is appended to it meanwhile is not sent.
async fn part(path: &Path) -> io::Result<(Part, u64)> {
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let length = metadata.len();
    let content = ReaderStream::with_capacity(file.take(length), READ_BYTES);
    let part = Part::stream_with_length(Body::wrap_stream(content), length);
    Ok((part.file_name(name(path)), length))
}

/// The last part of the path. A line break in it would end the header it is sent in.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.replace(char::is_control, "_")
}

/// Beyond the time that any answer may take.
fn extra_time(bytes: u64, options: &UploadOptions) -> Duration {
    let wait = options.wait_seconds.unwrap_or(WAIT_SECONDS_DEFAULT);
    Duration::from_secs(bytes / BYTES_PER_SECOND_MIN + u64::from(wait))
}
