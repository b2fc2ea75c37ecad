//! `[ingest.extraction]`: workers, their limits, and the programs beside them.

use std::collections::BTreeMap;

use extract::{ImageLimits, Kind, Limits, PackageLimits, PdfLimits, SheetLimits, SvgLimits};
use serde::Deserialize;

use crate::extraction::Budget;
use crate::settings::SettingsFault;

/// How files are read.
#[derive(Debug, Clone, Deserialize)]
pub struct ExtractionSettings {
    /// Worker processes; 0: one less than processors, at least one.
    pub workers: usize,
    /// The program run as `PROGRAM worker`; empty: this executable.
    pub worker_program: String,
    pub memory_bytes_max: u64,
    pub cpu_seconds_max: u64,
    pub wall_seconds_max: u64,
    pub answer_bytes_max: usize,
    pub preview_bytes_max: usize,
    pub scan_bytes_max: usize,
    pub previews_waiting_max: usize,
    pub crashes_max: i64,
    pub queue_files_max: usize,
    pub diagnostics_max: usize,
    pub entities_max: u64,
    pub texts_max: usize,
    pub confidence_threshold: f64,
    pub ocr: bool,
    /// Empty: `tesseract` in PATH.
    pub ocr_program: String,
    /// Names joined by `+`.
    pub ocr_languages: String,
    pub ocr_confidence_min: f64,
    pub ocr_turns_max: u8,
    pub ocr_memory_bytes_max: u64,
    pub ocr_cpu_seconds_max: u64,
    pub ocr_wall_seconds_max: u64,
    /// Empty: the first known one in PATH.
    pub heic_converter: String,
    pub heic_memory_bytes_max: u64,
    pub heic_cpu_seconds_max: u64,
    pub heic_wall_seconds_max: u64,
    pub heic_picture_bytes_max: u64,
    /// How much of one file is read, by what it is made of.
    pub pdf: PdfLimits,
    pub sheet: SheetLimits,
    pub package: PackageLimits,
    pub image: ImageLimits,
    pub svg: SvgLimits,
    kinds: BTreeMap<String, KindBudget>,
}

/// Limits of one kind; 0: as for all.
#[derive(Debug, Clone, Copy, Deserialize)]
struct KindBudget {
    memory_bytes_max: u64,
    cpu_seconds_max: u64,
    wall_seconds_max: u64,
}

/// Less than this and no file can be read.
const MEMORY_BYTES_MIN: u64 = 16 * 1024 * 1024;

impl ExtractionSettings {
    /// Refuses names that are no kind and limits under which nothing can be read.
    pub(crate) fn check(&self) -> Result<(), SettingsFault> {
        if let Some(name) = self.kinds.keys().find(|name| Kind::parse(name).is_none()) {
            return Err(SettingsFault::Kind {
                name: name.clone(),
                known: Kind::ALL.map(Kind::name).join(", "),
            });
        }
        let section = "ingest.extraction";
        let of_kinds = self.kinds.iter().flat_map(|(name, kind)| {
            let own = format!("{section}.kinds.{name}");
            let memory = kind.memory_bytes_max;
            (memory > 0).then(|| (format!("{own}.memory_bytes_max"), memory))
        });
        let memory = [
            (format!("{section}.memory_bytes_max"), self.memory_bytes_max),
            (
                format!("{section}.ocr_memory_bytes_max"),
                self.ocr_memory_bytes_max,
            ),
            (
                format!("{section}.heic_memory_bytes_max"),
                self.heic_memory_bytes_max,
            ),
        ];
        for (key, value) in memory.into_iter().chain(of_kinds) {
            if value < MEMORY_BYTES_MIN {
                let accepted = "at least 16 MiB (16_777_216)";
                return Err(SettingsFault::Number {
                    key,
                    value,
                    accepted,
                });
            }
        }
        let wall = [
            ("wall_seconds_max", self.wall_seconds_max),
            ("ocr_wall_seconds_max", self.ocr_wall_seconds_max),
            ("heic_wall_seconds_max", self.heic_wall_seconds_max),
        ];
        match wall.into_iter().find(|(_, seconds)| *seconds == 0) {
            Some((key, value)) => Err(SettingsFault::Number {
                key: format!("{section}.{key}"),
                value,
                accepted: "at least 1",
            }),
            None => Ok(()),
        }
    }

    /// What one file of a kind may use.
    pub(crate) fn budget(&self, kind: Option<Kind>) -> Budget {
        let own = kind.and_then(|kind| self.kinds.get(kind.name()));
        let chosen = |own: Option<u64>, all: u64| own.filter(|own| *own > 0).unwrap_or(all);
        Budget {
            memory_bytes_max: chosen(own.map(|own| own.memory_bytes_max), self.memory_bytes_max),
            cpu_seconds_max: chosen(own.map(|own| own.cpu_seconds_max), self.cpu_seconds_max),
            wall_seconds_max: chosen(own.map(|own| own.wall_seconds_max), self.wall_seconds_max),
        }
    }

    /// How much of one file a worker reads.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            entities_max: self.entities_max,
            texts_max: self.texts_max,
            diagnostics_max: self.diagnostics_max,
            pdf: self.pdf,
            sheet: self.sheet,
            package: self.package,
            image: self.image,
            svg: self.svg,
            ..Limits::default()
        }
    }

    /// The most that a file of any kind may use.
    pub(crate) fn memory_bytes_of_any(&self) -> u64 {
        let kinds = self.kinds.values().map(|kind| kind.memory_bytes_max);
        kinds.fold(self.memory_bytes_max, u64::max)
    }
}

#[cfg(test)]
mod tests {
    use service::Settings;

    use super::*;

    fn settings(overrides: &[&str]) -> ExtractionSettings {
        let overrides: Vec<String> = overrides
            .iter()
            .map(|setting| format!("ingest.extraction.{setting}"))
            .collect();
        let settings = Settings::load(None, [("", ""); 0], &overrides).unwrap();
        settings.section("ingest.extraction").unwrap()
    }

    #[test]
    fn a_kind_may_have_limits_of_its_own() {
        let settings = settings(&[
            "kinds.pdf.memory_bytes_max=2147483648",
            "kinds.pdf.wall_seconds_max=90",
        ]);
        settings.check().unwrap();
        let pdf = settings.budget(Some(Kind::Pdf));
        let dxf = settings.budget(Some(Kind::Dxf));
        assert_eq!((pdf.memory_bytes_max, pdf.wall_seconds_max), (1 << 31, 90));
        assert_eq!(pdf.cpu_seconds_max, dxf.cpu_seconds_max);
        assert_eq!((dxf.memory_bytes_max, dxf.wall_seconds_max), (1 << 30, 30));
        assert_eq!(settings.memory_bytes_of_any(), 1 << 31);
    }

    #[test]
    fn limits_of_formats_are_those_of_their_reader_until_set() {
        let shipped = settings(&[]).limits();
        let own = Limits::default();
        assert_eq!(shipped.pdf, own.pdf);
        assert_eq!(shipped.sheet, own.sheet);
        assert_eq!(shipped.package, own.package);
        assert_eq!(shipped.image, own.image);
        assert_eq!(shipped.svg, own.svg);
        let set = settings(&["pdf.pages_read_max=3", "package.ratio_max=9"]).limits();
        assert_eq!((set.pdf.pages_read_max, set.package.ratio_max), (3, 9));
        assert_eq!(set.sheet, own.sheet);
    }

    #[test]
    fn faults_name_the_key() {
        for (setting, named) in [
            (
                "kinds.dwg.wall_seconds_max=9",
                "ingest.extraction.kinds.dwg",
            ),
            (
                "memory_bytes_max=1000",
                "ingest.extraction.memory_bytes_max",
            ),
            (
                "kinds.pdf.memory_bytes_max=1000",
                "ingest.extraction.kinds.pdf.memory_bytes_max",
            ),
            (
                "heic_memory_bytes_max=1000",
                "ingest.extraction.heic_memory_bytes_max",
            ),
            ("wall_seconds_max=0", "ingest.extraction.wall_seconds_max"),
            (
                "ocr_wall_seconds_max=0",
                "ingest.extraction.ocr_wall_seconds_max",
            ),
        ] {
            let fault = settings(&[setting]).check().unwrap_err().to_string();
            assert!(fault.contains(named), "{setting}: {fault}");
        }
    }
}
