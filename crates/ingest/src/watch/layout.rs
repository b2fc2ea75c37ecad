//! What the folders above a file say of it: client, project, job. Pure: it must never look at a disk.

use extract::facts::{Rules, read_name};
use serde_json::{Map, Value};

/// How the folders below a watched one are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(Reading);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reading {
    /// Wherever a code stands, as shops name their folders.
    Names,
    /// One step for each level.
    Levels(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Client,
    Project,
    Job,
    Any,
    /// Letter case does not matter.
    Called(String),
}

/// Why a layout cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no layout: write names, or one step for each folder, as in {{client}}/{{project}} or \
     {{client}}/1.Projects/{{job}}/*"
)]
pub struct LayoutFault(String);

/// What is known of a file by its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    /// Four digits.
    pub job_number: Option<String>,
}

impl Place {
    /// What an upload's `override_metadata` says beside the codes.
    pub fn override_metadata(&self) -> Option<Map<String, Value>> {
        let job = self.job_number.clone()?;
        Some(Map::from_iter([(
            "job_number".to_owned(),
            Value::from(job),
        )]))
    }

    /// This, and `other` where this says nothing.
    #[must_use]
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            client_code: self.client_code.or_else(|| other.client_code.clone()),
            project_code: self.project_code.or_else(|| other.project_code.clone()),
            job_number: self.job_number.or_else(|| other.job_number.clone()),
        }
    }
}

impl Layout {
    /// `names`, or steps between slashes: `{client}`, `{project}`, `{job}`, `*`, or a folder's name.
    ///
    /// # Errors
    /// [`LayoutFault`].
    pub fn parse(text: &str) -> Result<Self, LayoutFault> {
        let text = text.trim().trim_matches('/');
        if text == "names" {
            return Ok(Self(Reading::Names));
        }
        // The folder that is watched, and the file in it, may be written down, too.
        let text = text.strip_prefix("{root}/").unwrap_or(text);
        let text = text.strip_suffix("/…").unwrap_or(text);
        let steps = text.split('/').map(|step| match step {
            "{client}" => Ok(Step::Client),
            "{project}" => Ok(Step::Project),
            "{job}" => Ok(Step::Job),
            "*" => Ok(Step::Any),
            other if other.is_empty() || other.contains(['{', '}', '*']) => {
                Err(LayoutFault(text.to_owned()))
            }
            other => Ok(Step::Called(other.to_lowercase())),
        });
        Ok(Self(Reading::Levels(steps.collect::<Result<_, _>>()?)))
    }

    /// Reads the folders between the watched one and the file, outermost first.
    pub fn read(&self, folders: &[String], rules: &Rules) -> Place {
        match &self.0 {
            Reading::Names => by_names(folders, rules),
            Reading::Levels(steps) => by_levels(steps, folders, rules),
        }
    }
}

/// Codes wherever they stand, the innermost decides; a job is a numbered folder right below one of projects.
fn by_names(folders: &[String], rules: &Rules) -> Place {
    let jobs = folders
        .windows(2)
        .filter_map(|pair| match pair {
            [above, folder] if holds_jobs(above) => job_of(folder),
            _ => None,
        })
        .next_back();
    Place {
        job_number: jobs,
        ..codes(&folders.join("/"), rules)
    }
}

/// `1.Projects`, `Projects`, `2. jobs`.
fn holds_jobs(folder: &str) -> bool {
    let word = folder.trim_start_matches(|c: char| c.is_ascii_digit() || " .-_".contains(c));
    ["projects", "jobs"].contains(&word.trim().to_lowercase().as_str())
}

/// `0005-Roof-10.14.2025` is job 0005.
fn job_of(folder: &str) -> Option<String> {
    let (digits, rest) = folder.trim().split_at_checked(4)?;
    let ends = rest.chars().next().is_none_or(|next| " -_.".contains(next));
    (ends && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.to_owned())
}

/// A step that does not find what it stands for says nothing; a folder of another name ends the reading.
fn by_levels(steps: &[Step], folders: &[String], rules: &Rules) -> Place {
    let mut place = Place::default();
    for (step, folder) in steps.iter().zip(folders) {
        match step {
            Step::Any => {}
            Step::Called(name) if *name == folder.to_lowercase() => {}
            Step::Called(_) => break,
            Step::Client => place.client_code = codes(folder, rules).client_code,
            Step::Project => place.project_code = codes(folder, rules).project_code,
            Step::Job => place.job_number = job_of(folder),
        }
    }
    place
}

fn codes(folders: &str, rules: &Rules) -> Place {
    // A name that says nothing itself.
    let facts = read_name(&format!("{folders}/-"), rules).facts;
    Place {
        client_code: facts.client_code.map(|fact| fact.value.to_string()),
        project_code: facts.project_code.map(|fact| fact.value.to_string()),
        job_number: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layout, folders, and the client, project and job that they say.
    const CASES: &str = "
        names | | | |
        names | CL-0003/1.Projects/0005-Roof-10.14.2025 | CL0003 | | 0005
        names | CL0003 Steelworks/Projects/0005-Roof/dxf | CL0003 | | 0005
        names | CL-0003/2. Quotes/0005-Roof | CL0003 | |
        names | CL-0003/1.Projects/00051-Roof | CL0003 | |
        names | 2025/jb 2025-10 CL0001-001 Roof | | JB-2025-10-CL0001-001 |
        names | CL0002/JB-2025-10-CL0001-001 | | JB-2025-10-CL0001-001 |
        {client}/{project} | CL0001/JB-2025-10-CL0001-001/a/b | CL0001 | JB-2025-10-CL0001-001 |
        {root}/{client}/{project}/… | cl-0001 X/JB-2025-10-CL0001-001 | CL0001 | JB-2025-10-CL0001-001 |
        {client}/{project} | CL0001 | CL0001 | |
        {client}/{project} | Loose/JB-2025-10-CL0001-001 | | JB-2025-10-CL0001-001 |
        {client}/1.Projects/{job} | CL0001/1.PROJECTS/0007-Gate | CL0001 | | 0007
        {client}/1.Projects/{job} | CL0001/Old/0007-Gate | CL0001 | |
        */{project} | CL0001/JB-2025-10-CL0001-001 | | JB-2025-10-CL0001-001 |
    ";

    #[test]
    fn folders_say_whose_a_file_is() {
        for case in CASES.lines().filter(|line| !line.trim().is_empty()) {
            let fields: Vec<&str> = case.split('|').map(str::trim).collect();
            let folders = fields[1].split('/').filter(|folder| !folder.is_empty());
            let folders: Vec<String> = folders.map(str::to_owned).collect();
            let place = Layout::parse(fields[0])
                .unwrap()
                .read(&folders, &Rules::default());
            let said = [place.client_code, place.project_code, place.job_number];
            assert_eq!(said.map(Option::unwrap_or_default), fields[2..], "{case}");
        }
    }

    #[test]
    fn what_is_no_layout_is_refused() {
        for text in ["", "/", "{clients}", "{client}/{}", "a//b", "a*b"] {
            assert!(Layout::parse(text).is_err(), "{text}");
        }
    }
}
