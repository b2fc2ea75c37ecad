//! The rules that hold the house together, read from its manifests and files. Must never change a file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use e2e::designs::root;

const LINES_MAX: usize = 500;

/// Who may know whom; a crate that is not named here may know none of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("extract", &["drawing"]),
    ("access", &["db", "service"]),
    ("console", &["access", "service"]),
    ("delivery", &["contract", "db"]),
    (
        "ingest",
        &[
            "access", "console", "extract", "drawing", "contract", "delivery", "db", "service",
        ],
    ),
    (
        "receiver",
        &[
            "access", "console", "contract", "client", "db", "paper", "service",
        ],
    ),
    ("client", &["contract"]),
    (
        "draftwire",
        &["ingest", "receiver", "client", "extract", "service"],
    ),
    ("testkit", &["contract", "db"]),
];
/// Knows everything.
const END_TO_END: &str = "e2e";
/// Known to every other crate's tests.
const TESTKIT: &str = "testkit";

/// Names of outside crates by their beginning, and who may use them.
const FENCES: &[(&str, &[&str])] = &[
    (
        "actix",
        &[
            "access", "console", "service", "ingest", "receiver", "testkit",
        ],
    ),
    (
        "diesel",
        &["access", "db", "delivery", "ingest", "receiver", "testkit"],
    ),
    (
        "reqwest",
        &["delivery", "client", "draftwire", "testkit", "e2e"],
    ),
    ("notify", &["ingest"]),
    ("lettre", &["ingest"]),
];
/// Crates without I/O, and what they may not even use in tests.
const PURE: [&str; 3] = ["drawing", "extract", "contract"];
const IMPURE: [&str; 5] = ["actix", "diesel", "reqwest", "notify", "tokio"];

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().unwrap()
}

/// Names of what `package` depends on, in its tests too or not.
fn dependencies(package: &Package, with_tests: bool) -> impl Iterator<Item = &str> {
    let counts = move |kind| with_tests || kind != DependencyKind::Development;
    let all = package.dependencies.iter();
    all.filter(move |dependency| counts(dependency.kind))
        .map(|dependency| dependency.name.as_str())
}

#[test]
fn crates_know_only_whom_they_may() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert!(ARROWS.iter().all(|(name, _)| ours.contains(name)));
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.name != END_TO_END)
    {
        let name = package.name.as_str();
        let allowed = ARROWS
            .iter()
            .find(|(who, _)| *who == name)
            .map_or(&[][..], |(_, whom)| whom);
        for known in dependencies(package, false).filter(|known| ours.contains(known)) {
            assert!(allowed.contains(&known), "{name} may not know {known}");
        }
        for known in dependencies(package, true).filter(|known| ours.contains(known)) {
            let fine = allowed.contains(&known) || known == TESTKIT;
            assert!(fine, "the tests of {name} may not know {known}");
        }
    }
}

#[test]
fn outside_crates_stay_behind_their_fences() {
    for package in &metadata().packages {
        let name = package.name.as_str();
        for known in dependencies(package, false) {
            for (fenced, allowed) in FENCES
                .iter()
                .filter(|(fenced, _)| known.starts_with(fenced))
            {
                assert!(
                    allowed.contains(&name),
                    "{name} may not use {known} (fence: {fenced})"
                );
            }
        }
        let pure = PURE.contains(&name);
        for known in dependencies(package, true).filter(|_| pure) {
            let impure = IMPURE.iter().any(|impure| known.starts_with(impure));
            assert!(!impure, "{name} is pure and may not use {known}");
        }
    }
}

#[test]
fn every_package_keeps_the_lints_and_the_versions_of_the_workspace() {
    for package in &metadata().packages {
        let text = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}: lints",
            package.name
        );
        let versions = text.lines().filter(|line| line.contains("version = \""));
        assert_eq!(
            versions.count(),
            0,
            "{}: versions belong to the workspace",
            package.name
        );
    }
}

/// Files below the workspace of these extensions, without what is built, fetched or of version control.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir()
                && !name.starts_with(".git")
                && !["target", "data"].contains(&name.as_str())
            {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ext| extensions.iter().any(|wanted| ext == *wanted))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_below(path: &Path, folder: &str) -> bool {
    path.strip_prefix(root())
        .is_ok_and(|path| path.components().any(|part| part.as_os_str() == folder))
}

#[test]
fn source_files_are_short_and_say_first_what_they_are_for() {
    let files = files(&["rs"]);
    assert!(files.len() > 100);
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//! ") {
            faults.push(format!("{} begins with no purpose", path.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_is_ignored_unfinished_or_of_this_machine() {
    let nowhere = [
        concat!("#[", "ignore"),
        concat!("to", "do!("),
        concat!("TO", "DO"),
        concat!("/wo", "rk/"),
    ];
    let outside_tests = concat!("../", "shared");
    let mut faults = Vec::new();
    for path in files(&[
        "rs", "toml", "md", "sql", "yml", "yaml", "html", "css", "json",
    ]) {
        let text = fs::read_to_string(&path).unwrap();
        // The command that runs the tests finds their files for them.
        let for_tests = is_below(&path, "tests") || is_below(&path, "xtask");
        let forbidden = nowhere
            .into_iter()
            .chain((!for_tests).then_some(outside_tests));
        for word in forbidden.filter(|word| text.contains(word)) {
            faults.push(format!("{} has {word:?}", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
