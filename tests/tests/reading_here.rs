//! `draftwire extract`: files are read without any service, and pictures of them are written in the form asked for.

use std::process::Command;

use e2e::designs::root;
use e2e::process::{program, run};
use tempfile::tempdir;

const PART: &str = "fixtures/designs/good/0012-Gusset-Galv-3mm-x8.dxf";

#[test]
fn a_picture_is_written_as_asked_for() {
    let folder = tempdir().unwrap();
    let part = root().join(PART);
    let part = part.to_str().unwrap();
    for (asked, begins) in [("part.png", &b"\x89PNG"[..]), ("part.svg", b"<svg")] {
        let ended = run(&["extract", part, "--preview", asked], folder.path());
        assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
        let shown = format!("picture      {asked}");
        assert!(ended.output.contains(&shown), "{}", ended.output);
        assert!(
            ended.output.contains("Galvanized Steel"),
            "{}",
            ended.output
        );
        let written = std::fs::read(folder.path().join(asked)).unwrap();
        assert!(written.starts_with(begins), "{asked}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_counted() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("part.dxf"), b"\0\x01\x02\x03").unwrap();
    let ended = run(&["extract", "part.dxf"], folder.path());
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    assert!(ended.output.contains("not read"), "{}", ended.output);
}

#[test]
fn a_program_reads_by_itself_whatever_its_name_and_whatever_lies_beside_it() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("draftwire"), b"an older one").unwrap();
    let renamed = folder.path().join("draftwire-next");
    if std::fs::hard_link(program(), &renamed).is_err() {
        std::fs::copy(program(), &renamed).unwrap();
    }
    let part = root().join(PART);
    let read = Command::new(renamed).arg("extract").arg(part).output();
    let read = read.unwrap();
    let said = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success(), "{said}");
    assert!(said.contains("Galvanized Steel"), "{said}");
}
