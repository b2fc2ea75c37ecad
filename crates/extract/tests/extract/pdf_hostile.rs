//! PDFs that mean harm, or are broken: an answer every time, within the limits, in seconds.

use crate::pdf::{codes, outcome_of, read, text_of};
use crate::pdf_file::{PdfFile, text};
use extract::{ExtractError, Limits, PdfLimits};
use flate2::{Compression, write::ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;
use std::time::{Duration, Instant};

fn sample() -> Vec<u8> {
    let mut file = PdfFile::default();
    let form = file.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800]",
        b"10 10 m 100 10 l 100 60 l h S",
    );
    let resources = format!(
        "/Resources << /XObject << /X {form} 0 R >> /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    );
    let page = text("Material: MS Qty: 4", 100.0, 700.0, 12.0) + "q 1 0 0 1 50 50 cm /X Do Q";
    file.add_page(&resources, &page);
    file.bytes()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn base85(data: &[u8]) -> Vec<u8> {
    let mut letters = Vec::new();
    for group in data.chunks(4) {
        let four = group.iter().chain(&[0; 4]).take(4);
        let mut value = four.fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
        let mut five = [0; 5];
        for letter in five.iter_mut().rev() {
            *letter = b'!' + u8::try_from(value % 85).expect("below 85");
            value /= 85;
        }
        letters.extend(five.iter().take(group.len() + 1));
    }
    letters.extend(b"~>");
    letters
}

/// Answers within a time that a hang would not keep, on a busy machine too.
fn soon<T>(answer: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = answer();
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "took {:?}",
        start.elapsed()
    );
    answer
}

#[test]
fn forms_that_draw_forms_are_counted_before_they_are_drawn() {
    // Each of nine forms draws the next one ten times: a milliard drawings.
    let mut file = PdfFile::default();
    let first = 1;
    for level in 0..10_usize {
        let next = first + level + 1;
        let entries = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /X {next} 0 R >> >>"
        );
        let body = if level < 9 {
            "/X Do\n".repeat(10)
        } else {
            "0 0 m 9 9 l S".to_owned()
        };
        file.stream(&entries, body.as_bytes());
    }
    file.add_page(
        &format!("/Resources << /XObject << /X {first} 0 R >> >>"),
        "/X Do",
    );
    file.add_page("", &text("second page", 100.0, 700.0, 12.0));
    let extraction = soon(|| read(&file.bytes()));
    assert_eq!(text_of(&extraction), "second page\n");
    assert!(codes(&extraction).contains(&"pdf_operators_max"));
}

#[test]
fn forms_that_draw_themselves_or_each_other_end() {
    for other in [1, 2] {
        let mut file = PdfFile::default();
        for next in [other, 1] {
            let entries = format!(
                "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /X {next} 0 R >> >>"
            );
            file.stream(&entries, "/X Do /X Do\n".as_bytes());
        }
        file.add_page("/Resources << /XObject << /X 1 0 R >> >>", "/X Do");
        file.add_page("", &text("second page", 100.0, 700.0, 12.0));
        let bytes = file.bytes();
        let outcome = soon(|| outcome_of(&bytes, &Limits::default(), |input| input.preview = true));
        assert_eq!(text_of(&outcome.unwrap().extraction), "second page\n");
    }
}

#[test]
fn streams_that_inflate_beyond_the_limit_are_not_read() {
    let limits = Limits {
        pdf: PdfLimits {
            stream_bytes_max: 1_000_000,
            ..PdfLimits::default()
        },
        ..Limits::default()
    };
    let bomb = zlib(&vec![b' '; 1_000_001]);
    for (entries, data, read) in [
        ("/Filter /FlateDecode", bomb.clone(), false),
        ("/Filter [/FlateDecode /FlateDecode]", zlib(&bomb), false),
        (
            "/Filter [/ASCII85Decode /FlateDecode]",
            base85(&bomb),
            false,
        ),
        (
            "/Filter [/ASCII85Decode /FlateDecode]",
            base85(&zlib(b"0 0 m")),
            true,
        ),
        ("/Filter /LZWDecode", vec![0; 2_000_000], false),
        ("/Filter /LZWDecode", vec![0; 90_000], true),
        ("/Filter /FlateDecode", zlib(&vec![b' '; 900_000]), true),
    ] {
        let mut file = PdfFile::default();
        file.stream(entries, &data);
        file.add_page("", &text("page", 100.0, 700.0, 12.0));
        let bytes = file.bytes();
        let extraction = soon(|| outcome_of(&bytes, &limits, |_| {}))
            .unwrap()
            .extraction;
        assert_eq!(text_of(&extraction), if read { "page\n" } else { "" });
        assert_eq!(codes(&extraction).contains(&"pdf_stream_bytes_max"), !read);
        assert_eq!(extraction.document.unwrap().pages_total, Some(1));
    }
}

#[test]
fn huge_pictures_and_pages_are_not_rendered() {
    let mut file = PdfFile::default();
    let image = file.stream(
        "/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 1 /ColorSpace /DeviceGray",
        b"x",
    );
    file.add_page(
        &format!("/Resources << /XObject << /I {image} 0 R >> >>"),
        "q 595 0 0 842 0 0 cm /I Do Q",
    );
    let mut pages = vec![(file.bytes(), "pdf_image_pixels_max")];
    for size in [
        "1000000000 1000000000",
        "0 0",
        "1e38 1e38",
        "5 100000",
        "-1 -1e9",
        "1 0.0001",
    ] {
        let mut file = PdfFile::default();
        file.add_page(&format!("/MediaBox [0 0 {size}]"), "0 0 m 5 5 l S");
        pages.push((file.bytes(), ""));
    }
    let lines: String = (0..200)
        .map(|at| format!("0 {at} m 595 842 l S\n"))
        .collect();
    let few = Limits {
        pdf: PdfLimits {
            render_length_max_px: 100_000,
            ..PdfLimits::default()
        },
        ..Limits::default()
    };
    let outcome = outcome_of(&PdfFile::page(&lines), &few, |input| input.preview = true);
    let outcome = outcome.unwrap();
    assert!(outcome.preview.is_none() && outcome.scan.is_none());
    let found = codes(&outcome.extraction);
    assert!(
        found.contains(&"no_preview") && found.contains(&"no_scan"),
        "{found:?}"
    );
    for (bytes, code) in pages {
        let outcome =
            soon(|| outcome_of(&bytes, &Limits::default(), |input| input.preview = true)).unwrap();
        if !code.is_empty() {
            assert!(codes(&outcome.extraction).contains(&code));
            assert!(outcome.preview.is_none() && outcome.scan.is_none());
        }
        serde_json::to_string(&outcome.extraction).expect("an Extraction is JSON");
    }
}

#[test]
fn pages_letters_and_lines_have_their_limits() {
    let limits = Limits {
        text_bytes_max: 30,
        pdf: PdfLimits {
            pages_read_max: 2,
            glyphs_max: 40,
            path_elements_max: 10,
            rules_max: 2,
            ..PdfLimits::default()
        },
        ..Limits::default()
    };
    let mut file = PdfFile::default();
    for _ in 0..3 {
        let lines = "0 0 m 9 0 l 9 90 l S\n".repeat(10);
        file.add_page(
            "",
            &(text("many words stand here", 100.0, 700.0, 12.0) + &lines),
        );
    }
    let bytes = file.bytes();
    let extraction = outcome_of(&bytes, &limits, |_| {}).unwrap().extraction;
    let found = codes(&extraction);
    for code in ["pages_read_max", "pdf_page_cut", "text_bytes_max"] {
        assert!(found.contains(&code), "{code} of {found:?}");
    }
    assert_eq!(extraction.document.unwrap().pages_total, Some(3));
}

#[test]
fn deep_objects_and_cycles_end() {
    let deep = |open: &str, close: &str| {
        let mut file = PdfFile::default();
        let place = file.object(open.repeat(20_000) + &close.repeat(20_000));
        file.add_page(
            &format!("/Annots {place} 0 R"),
            &text("page", 100.0, 700.0, 12.0),
        );
        file.bytes()
    };
    let mut cycle = PdfFile::default();
    cycle.object("<< /Type /Pages /Kids [1 0 R 2 0 R] /Count 2 >>");
    cycle.add_page("/Annots 1 0 R", &text("page", 100.0, 700.0, 12.0));
    for bytes in [deep("[", "]"), deep("<< /A ", " >>"), cycle.bytes()] {
        // Whatever the answer: it comes.
        drop(soon(|| {
            outcome_of(&bytes, &Limits::default(), |input| input.preview = true)
        }));
    }
    let tangled = "q ".repeat(100_000) + &"BT ".repeat(50_000) + &"1 0 0 1 0 0 cm ".repeat(50_000);
    soon(|| read(&PdfFile::page(&tangled)));
}

#[test]
fn a_password_is_asked_for_and_a_stump_is_refused() {
    let mut file = PdfFile::default();
    file.add_page("", &text("secret", 100.0, 700.0, 12.0));
    let (o, u) = ("41".repeat(32), "42".repeat(32));
    file.trailer = format!(
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{o}> /U <{u}> >>"
    );
    let outcome = outcome_of(&file.bytes(), &Limits::default(), |_| {});
    let error = outcome.expect_err("a password is needed");
    assert_eq!(
        (error, error.code()),
        (ExtractError::PasswordNeeded, "password_needed")
    );
    let stump = outcome_of(b"%PDF-1.7\n1 0 obj\n", &Limits::default(), |_| {});
    assert_eq!(stump, Err(ExtractError::NotPdf));
}

#[test]
fn what_is_left_of_a_damaged_file_is_read() {
    let whole = sample();
    let table = whole
        .windows(4)
        .rposition(|bytes| bytes == b"xref")
        .unwrap()
        - 5;
    let stump = whole.get(..table).unwrap();
    let extraction = read(stump);
    assert_eq!(text_of(&extraction), "Material: MS Qty: 4\n");
    assert!(codes(&extraction).contains(&"pdf_cut_off"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        drop(outcome_of(&bytes, &Limits::default(), |_| {}));
        bytes.truncate(cut.index(bytes.len()));
        drop(outcome_of(&bytes, &Limits::default(), |input| input.preview = true));
    }

    #[test]
    fn operators_with_any_numbers(numbers in prop::collection::vec(prop_oneof![any::<i32>().prop_map(f64::from), -1e3..1e3, Just(1e30), Just(-0.0)], 12)) {
        let n = |place: usize| format!("{}", numbers[place]);
        let page = format!(
            "q {} {} {} {} {} {} cm {} {} m {} {} l {} {} l h S Q BT /F1 {} Tf {} {} {} {} {} {} Tm (Qty: 4) Tj ET {} {} {} {} re S",
            n(0), n(1), n(2), n(3), n(4), n(5), n(6), n(7), n(8), n(9), n(10), n(11), n(6), n(0), n(1), n(2), n(3), n(4), n(5), n(8), n(9), n(10), n(11)
        );
        let outcome = outcome_of(&PdfFile::page(&page), &Limits::default(), |_| {}).unwrap();
        prop_assert!(serde_json::to_string(&outcome.extraction).is_ok());
    }
}
