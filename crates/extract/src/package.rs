//! Zip packages that hold documents: entries and sizes are judged before anything is inflated, and counted again while
//! inflating, for both may lie. It must never hold more than one part, nor follow a name out of the package.

use crate::error::ExtractError;
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// How much a package may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PackageLimits {
    pub entries_max: usize,
    /// Bytes of all parts, inflated.
    pub inflated_bytes_max: u64,
    /// How many times its size a package may grow, once it comes to more than `ratio_from_bytes`.
    pub ratio_max: u64,
    pub ratio_from_bytes: u64,
    /// Bytes of a part that is read whole.
    pub part_bytes_max: u64,
}

impl Default for PackageLimits {
    fn default() -> Self {
        Self {
            entries_max: 10_000,
            inflated_bytes_max: 512 * 1024 * 1024,
            ratio_max: 300,
            ratio_from_bytes: 32 * 1024 * 1024,
            part_bytes_max: 128 * 1024 * 1024,
        }
    }
}

/// Bytes looked at together, and how many of them are shown again with the next ones.
const CHUNK_BYTES: usize = 64 * 1024;
const OVERLAP_BYTES: usize = 128;

/// A package whose directory is within the limits.
pub(crate) struct Package<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be inflated.
    left: u64,
    part_bytes_max: u64,
}

impl<'a> Package<'a> {
    /// # Errors
    /// [`ExtractError::Damaged`] without a directory, [`ExtractError::TooLarge`] beyond a limit.
    pub(crate) fn open(bytes: &'a [u8], limits: &PackageLimits) -> Result<Self, ExtractError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_zip| ExtractError::Damaged)?;
        if zip.len() > limits.entries_max {
            return Err(ExtractError::TooLarge("package.entries_max"));
        }
        let grown = u64::try_from(bytes.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(limits.ratio_max);
        let inflated_max = limits
            .inflated_bytes_max
            .min(grown.max(limits.ratio_from_bytes));
        if zip
            .decompressed_size()
            .is_some_and(|size| size > u128::from(inflated_max))
        {
            return Err(ExtractError::TooLarge("package.inflated_bytes_max"));
        }
        Ok(Self {
            zip,
            left: inflated_max,
            part_bytes_max: limits.part_bytes_max,
        })
    }

    pub(crate) fn has(&mut self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// The names of all parts; those that are no text are left out.
    pub(crate) fn names(&self) -> Vec<String> {
        self.zip
            .file_names()
            .filter_map(|name| Some(name.ok()?.into_owned()))
            .collect()
    }

    /// A part as a whole, and whether it is sound; a damaged one as far as it goes. None when there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<(Vec<u8>, bool)>, ExtractError> {
        let max = self.part_bytes_max;
        let mut part = Vec::new();
        let sound = self.scan(name, |chunk, again| {
            part.extend_from_slice(chunk.get(again..).unwrap_or_default());
            u64::try_from(part.len()).is_ok_and(|length| length <= max)
        })?;
        Ok(sound.map(|sound| (part, sound)))
    }

    /// Shows a part piece by piece, each with the end of the one before and how long that is; stops with an error when
    /// `show` answers no. Answers whether the part is sound, None when there is no such part.
    ///
    /// # Errors
    /// [`ExtractError::TooLarge`] when more is inflated than the limits allow.
    pub(crate) fn scan(
        &mut self,
        name: &str,
        mut show: impl FnMut(&[u8], usize) -> bool,
    ) -> Result<Option<bool>, ExtractError> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let Ok(mut entry) = self.zip.by_index(index) else {
            return Ok(Some(false));
        };
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut again = 0;
        loop {
            let Some(free) = buffer.get_mut(again..).filter(|free| !free.is_empty()) else {
                return Ok(Some(false));
            };
            let read = match entry.read(free) {
                Ok(0) => return Ok(Some(true)),
                Ok(read) => read,
                Err(_) => return Ok(Some(false)),
            };
            let cost = u64::try_from(read).unwrap_or(u64::MAX);
            self.left = self
                .left
                .checked_sub(cost)
                .ok_or(ExtractError::TooLarge("package.inflated_bytes_max"))?;
            let end = again + read;
            if !show(buffer.get(..end).unwrap_or_default(), again) {
                return Err(ExtractError::TooLarge("package.part_bytes_max"));
            }
            let keep = end.min(OVERLAP_BYTES);
            buffer.copy_within(end - keep..end, 0);
            again = keep;
        }
    }
}
