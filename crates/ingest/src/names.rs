//! What a file is called in the store, and under which name its versions are counted. Never asks the
//! database which versions exist.

use extract::Kind;
use extract::facts::{Facts, Rules, StoredNameParts, part_slug, stored_name};

/// A file's names, as its facts give them.
pub(crate) struct Names<'a> {
    facts: &'a Facts,
    rules: &'a Rules,
    extension: String,
    base_name: String,
}

impl<'a> Names<'a> {
    pub(crate) fn of(facts: &'a Facts, clean_name: &str, kind: Kind, rules: &'a Rules) -> Self {
        let (stem, extension) = clean_name.rsplit_once('.').unwrap_or((clean_name, ""));
        let extension = extension.to_ascii_lowercase();
        let usual = kind.extensions();
        let extension = match usual.contains(&extension.as_str()) {
            true => extension,
            false => usual.first().copied().unwrap_or("bin").to_owned(),
        };
        let part = facts.part_name.as_ref().map_or("", |fact| &fact.value);
        let slug = match part_slug(part) {
            slug if slug.is_empty() => stem.to_lowercase(),
            slug => slug,
        };
        Self {
            facts,
            rules,
            extension,
            base_name: format!("{slug}.{kind}"),
        }
    }

    /// Part and kind: what versions are counted under, within a project.
    pub(crate) fn base_name(&self) -> &str {
        &self.base_name
    }

    /// The version that somebody stated.
    pub(crate) fn stated_version(&self) -> Option<i64> {
        self.facts.version.as_ref().map(|fact| fact.value.into())
    }

    /// The generated name.
    pub(crate) fn stored(&self, version: i64) -> String {
        let facts = self.facts;
        let parts = StoredNameParts {
            client_code: facts.client_code.as_ref().map(|fact| &fact.value),
            project_code: facts.project_code.as_ref().map(|fact| &fact.value),
            part_name: facts.part_name.as_ref().map(|fact| fact.value.as_str()),
            material: facts.material.as_ref().map(|fact| fact.value.as_str()),
            thickness_mm: facts.thickness_mm.as_ref().map(|fact| fact.value),
            quantity: facts.quantity.as_ref().map(|fact| fact.value),
            version: u32::try_from(version).unwrap_or(u32::MAX),
            extension: &self.extension,
        };
        stored_name(&parts, self.rules)
    }
}
