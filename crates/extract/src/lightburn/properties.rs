//! What a project says beside its shapes: machine, cut settings, notes, picture. Never geometry.

use super::section::{CutSetting, LightburnSection};
use super::settings::{Draft, Fields, is_true, short};
use super::thumbnail;
use super::xml::Element;
use crate::limits::Limits;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A picture larger than this is none, in mm².
const AREA_MAX: f64 = 1e30;

pub(super) struct Properties<'a> {
    limits: &'a Limits,
    pub(super) section: LightburnSection,
    pub(super) settings: Vec<CutSetting>,
    pub(super) settings_omitted: u64,
    pub(super) thumbnail: Option<Vec<u8>>,
    /// There is a picture that cannot be shown.
    pub(super) bad_thumbnail: bool,
    pub(super) format_version: Option<String>,
    picture_areas: BTreeMap<i64, f64>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            section: LightburnSection::default(),
            settings: Vec::new(),
            settings_omitted: 0,
            thumbnail: None,
            bad_thumbnail: false,
            format_version: None,
            picture_areas: BTreeMap::new(),
        }
    }

    /// Reads the root element.
    pub(super) fn root(&mut self, element: &Element<'_>) {
        let section = &mut self.section;
        for (key, value) in element.attributes() {
            let text = Some(short(&value)).filter(|text| !text.is_empty());
            match key {
                "AppVersion" => section.app_version = text,
                "DeviceName" => section.device_name = text,
                "FormatVersion" => self.format_version = text,
                "MirrorX" => section.mirror_x = is_true(&value),
                "MirrorY" => section.mirror_y = is_true(&value),
                "MaterialHeight" => {
                    let height = value.trim().parse().ok();
                    section.material_height_mm = height.filter(|height: &f64| height.is_finite());
                }
                _ => {}
            }
        }
    }

    pub(super) fn picture_of_itself(&mut self, element: &Element<'_>) {
        let source = element.attribute("Source").unwrap_or_default();
        self.thumbnail = thumbnail::png(&source, self.limits.thumbnail_bytes_max);
        self.section.thumbnail = self.thumbnail.is_some();
        self.bad_thumbnail = self.thumbnail.is_none() && !source.is_empty();
    }

    pub(super) fn notes(&mut self, element: &Element<'_>) {
        let notes = element.attribute("Notes").unwrap_or_default();
        // A character takes four bytes at most.
        let kept = notes.trim().chars().take(self.limits.text_bytes_max / 4);
        self.section.notes = Some(kept.collect()).filter(|notes: &String| !notes.is_empty());
    }

    /// Whether a setting may have another sub-layer.
    pub(super) fn has_room(&mut self, sub_layers: &[Draft]) -> bool {
        let has_room = sub_layers.len() < self.limits.measure.layers_listed_max;
        self.settings_omitted += u64::from(!has_room);
        has_room
    }

    /// Files a setting and its sub-layers; answers its index when it works lines.
    pub(super) fn setting(&mut self, draft: Draft, sub_layers: Vec<Draft>) -> Option<i64> {
        let main = draft.finish(None);
        let (index, output) = (main.index, main.output);
        let works_lines = !main.is_image();
        let runs = sub_layers.into_iter().map(|sub_layer| {
            let mut run = sub_layer.finish(Some(index));
            run.output &= output;
            run
        });
        for run in std::iter::once(main).chain(runs) {
            if self.settings.len() < self.limits.measure.layers_listed_max {
                self.settings.push(run);
            } else {
                self.settings_omitted += 1;
            }
        }
        works_lines.then_some(index)
    }

    /// A picture is engraved over its whole box.
    pub(super) fn picture(&mut self, index: i64, area: f64) {
        if area.abs() <= AREA_MAX {
            *self.picture_areas.entry(index).or_default() += area.abs();
        }
    }

    /// All of it, once the layers have been named.
    pub(super) fn finish(mut self) -> (LightburnSection, Option<Vec<u8>>, Option<String>) {
        for (index, area) in &self.picture_areas {
            let picture = |setting: &&mut CutSetting| setting.is_image() && setting.index == *index;
            if let Some(setting) = self.settings.iter_mut().find(picture) {
                setting.engrave_area_mm2 = Some(*area);
            }
        }
        let areas = self.picture_areas.values();
        self.section.bitmap_area_mm2 = areas.fold(0.0, |all, one| all + one);
        self.section.cut_settings = self.settings;
        (self.section, self.thumbnail, self.format_version)
    }
}

/// A setting or a sub-layer whose fields are still to come.
pub(super) fn draft(element: &Element<'_>) -> Draft {
    let sub_layer = element.name() == "SubLayer";
    let index = element.attribute("index");
    let index = index.and_then(|index| index.trim().parse().ok());
    Draft {
        kind: short(&element.attribute("type").unwrap_or(Cow::Borrowed("Cut"))),
        sub_layer: sub_layer.then(|| index.unwrap_or(1)),
        fields: Fields::default(),
    }
}

/// Files `<name Value="…"/>`.
pub(super) fn field(fields: &mut Fields, element: &Element<'_>) {
    if let Some(value) = element.attribute("Value") {
        fields.insert(element.name().to_owned(), &value);
    }
}
