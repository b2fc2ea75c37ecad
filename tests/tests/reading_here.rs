//! `draftwire extract`: files are read without any service, and pictures of them are written in the form asked for.

use e2e::designs::root;
use e2e::process::run;
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
