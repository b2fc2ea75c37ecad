//! What a file is called in the store, under which name its versions are counted, and the columns that
//! follow from its facts. Never asks the database which versions exist.

use extract::Kind;
use extract::facts::{Facts, ProjectCode, Rules, StoredNameParts, part_slug, stored_name};

use crate::store::Known;

/// A file's names, as its facts give them.
pub(crate) struct Names<'a> {
    facts: &'a Facts,
    clean_name: &'a str,
    rules: &'a Rules,
    extension: String,
    base_name: String,
}

impl<'a> Names<'a> {
    pub(crate) fn of(facts: &'a Facts, clean_name: &'a str, kind: Kind, rules: &'a Rules) -> Self {
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
            clean_name,
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

    pub(crate) fn project_code(&self) -> Option<&'a str> {
        let project = self.facts.project_code.as_ref();
        project.map(|fact| ProjectCode::as_str(&fact.value))
    }

    /// The facts as columns, with the names of this version.
    pub(crate) fn known(&self, version: i64) -> Known {
        let facts = self.facts;
        let stored_name = self.stored(version);
        let part_name = facts.part_name.as_ref().map(|fact| fact.value.clone());
        let part = part_name.as_deref().unwrap_or_default();
        Known {
            search: format!("{}\n{stored_name}\n{part}", self.clean_name).to_lowercase(),
            client_code: facts
                .client_code
                .as_ref()
                .map(|fact| fact.value.to_string()),
            project_code: self.project_code().map(str::to_owned),
            material: facts.material.as_ref().map(|fact| fact.value.clone()),
            thickness_mm: facts.thickness_mm.as_ref().map(|fact| fact.value),
            quantity: facts.quantity.as_ref().map(|fact| fact.value.into()),
            base_name: self.base_name.clone(),
            version,
            stored_name,
            part_name,
        }
    }

    /// The generated name.
    fn stored(&self, version: i64) -> String {
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
