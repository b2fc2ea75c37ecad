//! Design files to upload: the bundled ones, real ones when they are at hand, and made ones. Must never write.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file to upload.
#[derive(Debug, Clone)]
pub struct Design {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Design {
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    /// Reads one file.
    pub fn read(path: &Path) -> Self {
        let name = path.file_name().expect("a file has a name");
        let bytes = fs::read(path).expect("the file can be read");
        Self::new(name.to_string_lossy(), bytes)
    }

    /// A plate of its own: no two numbers give the same bytes or facts.
    pub fn numbered(number: usize) -> Self {
        let name = format!("{number:04}-Plate {number}-MS-3mm-x{}.dxf", number + 1);
        let (width, height) = (10 + number, 20);
        Self::new(name, rectangle(width, height))
    }

    /// A gear of its own with very many teeth: it takes a while to read.
    pub fn gear(number: usize, vertices: usize) -> Self {
        let radius = |vertex: usize| match vertex.is_multiple_of(2) {
            true => 500 + number,
            false => 501 + number,
        };
        let points = (0..vertices).map(|vertex| {
            let angle = as_f64(vertex) / as_f64(vertices) * std::f64::consts::TAU;
            let radius = as_f64(radius(vertex));
            let point = (radius * angle.cos(), radius * angle.sin());
            (format!("{:.6}", point.0), format!("{:.6}", point.1))
        });
        let points: Vec<(String, String)> = points.collect();
        let bytes = polyline(points.iter().map(|(x, y)| (x.as_str(), y.as_str())));
        Self::new(format!("{number:04}-Gear {number}-MS-3mm-x1.dxf"), bytes)
    }
}

fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// Every file of a folder but the truth beside them, by name.
pub fn folder(path: &Path) -> Vec<Design> {
    let entries = fs::read_dir(path).expect("the folder can be read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| !path.to_string_lossy().contains("/truth.json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Design::read(path)).collect()
}

/// The workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("tests lie in the workspace").to_owned()
}

/// The bundled designs: `good`, `broken` or `hostile`.
pub fn fixtures(kind: &str) -> PathBuf {
    root().join("fixtures/designs").join(kind)
}

/// The folder of real files: `DRAFTWIRE_CORPUS`, else beside the workspace; they are not ours to ship. Fails
/// the test without one when `DRAFTWIRE_CORPUS_REQUIRED=1`.
pub fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("DRAFTWIRE_CORPUS").map(PathBuf::from);
    let beside = || Some(root().parent()?.join("shared/corpus"));
    let found = given.or_else(beside).filter(|path| path.is_dir());
    let required = std::env::var("DRAFTWIRE_CORPUS_REQUIRED").is_ok_and(|flag| flag == "1");
    assert!(found.is_some() || !required, "there is no corpus");
    found
}

/// A DXF of one closed rectangle, in mm.
pub fn rectangle(width: usize, height: usize) -> String {
    let corners = [(0, 0), (width, 0), (width, height), (0, height)];
    let corners = corners.map(|(x, y)| (x.to_string(), y.to_string()));
    polyline(corners.iter().map(|(x, y)| (x.as_str(), y.as_str())))
}

/// A DXF of one closed polyline, in mm.
pub fn polyline<'p>(points: impl ExactSizeIterator<Item = (&'p str, &'p str)>) -> String {
    let mut text = String::from("0\nSECTION\n2\nHEADER\n9\n$INSUNITS\n70\n4\n0\nENDSEC\n");
    text.push_str("0\nSECTION\n2\nENTITIES\n0\nLWPOLYLINE\n8\n0\n90\n");
    write!(text, "{}\n70\n1\n", points.len()).expect("a text takes all");
    for (x, y) in points {
        write!(text, "10\n{x}\n20\n{y}\n").expect("a text takes all");
    }
    text.push_str("0\nENDSEC\n0\nEOF\n");
    text
}
