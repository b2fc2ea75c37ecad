//! Pictures: real ones beside a trusted reader's figures, made ones for every turn and resolution, and hostile ones.

use crate::corpus::{corpus, truth};
use crate::pictures::{
    behind, block, claimed, directory, encoded, iso_box, marked, samples, with_chunk, with_exif,
    with_segment,
};
use extract::{ExtractError, Extraction, ImageInfo, Input, Kind, Limits, Ocr, Outcome, facts};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, RgbaImage};
use proptest::prelude::*;

fn outcome(bytes: &[u8], name: &str, ocr: Option<&Ocr>) -> Result<Outcome, ExtractError> {
    let caller = facts::CallerFacts::default();
    let input = Input {
        preview: true,
        ocr,
        ..Input::new(name, &caller)
    };
    let rules = facts::Rules::default();
    extract::extract(bytes, &input, &rules, &Limits::default())
}

fn read(bytes: &[u8], name: &str) -> Outcome {
    outcome(bytes, name, None).expect("a picture")
}

fn info(outcome: &Outcome) -> ImageInfo {
    let document = outcome.extraction.document.as_ref();
    document.unwrap().image.clone().unwrap()
}

fn codes(extraction: &Extraction) -> Vec<&str> {
    let diagnostics = extraction.diagnostics.iter();
    diagnostics
        .map(|diagnostic| diagnostic.code.as_str())
        .collect()
}

#[test]
fn real_pictures_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    let rows = rows.iter().filter(|row| row["kind"] == "image");
    let mut seen = 0;
    for row in rows {
        let name = row["file"].as_str().unwrap();
        let outcome = read(&std::fs::read(corpus.join(name)).unwrap(), name);
        let info = info(&outcome);
        assert_eq!(info.format.to_uppercase(), row["format"], "{name}");
        let size = (
            row["width"].as_u64().unwrap(),
            row["height"].as_u64().unwrap(),
        );
        assert_eq!((info.width_px, info.height_px), size, "{name}");
        assert_eq!(info.mode.as_deref(), row["mode"].as_str(), "{name}");
        assert_eq!(info.frames, row["frames"].as_u64(), "{name}");
        match (info.dpi, row["dpi"].as_array()) {
            (None, None) => {}
            (Some((x, y)), Some(dpi)) => {
                let near = |ours: f64, theirs: &serde_json::Value| {
                    (ours - theirs.as_f64().unwrap()).abs() < 0.01
                };
                assert!(near(x, &dpi[0]) && near(y, &dpi[1]), "{name}: {x} {y}");
            }
            (ours, theirs) => panic!("{name}: {ours:?} {theirs:?}"),
        }
        for (tag, value) in row["exif"].as_object().unwrap() {
            let tag = tag.replace("ExifImageWidth", "PixelXDimension");
            let tag = tag.replace("ExifImageHeight", "PixelYDimension");
            let ours: f64 = info.exif[&tag].parse().unwrap();
            assert_eq!(
                ours,
                value.as_str().unwrap().parse::<f64>().unwrap(),
                "{name} {tag}"
            );
        }
        let preview = image::load_from_memory(&outcome.preview.unwrap().bytes).unwrap();
        assert!(preview.width().max(preview.height()) <= 1024, "{name}");
        // Mean brightness of what was decoded; the reference gives that of the whole picture.
        if row["mode"] != "RGBA" {
            let grey = preview.to_luma8();
            let sum: u64 = grey.as_raw().iter().map(|value| u64::from(*value)).sum();
            let mean = sum as f64 / f64::from(grey.width() * grey.height());
            let theirs = row["mean_luma_own"].as_f64().unwrap();
            assert!((mean - theirs).abs() < 6.0, "{name}: {mean} {theirs}");
        }
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn every_turn_is_taken_back() {
    // Where the dark corner of `marked` comes to stand, upper left first, by EXIF's orientations 1 to 8.
    const CORNERS: [(bool, bool); 8] = [
        (true, true),
        (false, true),
        (false, false),
        (true, false),
        (true, true),
        (false, true),
        (false, false),
        (true, false),
    ];
    let jpeg = encoded(marked(), ImageFormat::Jpeg);
    let png = encoded(marked(), ImageFormat::Png);
    for (orientation, (left, top)) in (1_u32..).zip(CORNERS) {
        let block = block(&[(0x112, 3, 1, orientation)], &[]);
        let jpeg = with_exif(&jpeg, &block);
        for (bytes, name) in [
            (jpeg, "a.jpg"),
            (with_chunk(&png, b"eXIf", &block), "a.png"),
        ] {
            let outcome = read(&bytes, name);
            let size = if orientation < 5 { (60, 40) } else { (40, 60) };
            let info = info(&outcome);
            assert_eq!((info.width_px, info.height_px), size, "{orientation}");
            assert_eq!(info.exif["Orientation"], orientation.to_string());
            let preview = image::load_from_memory(&outcome.preview.unwrap().bytes).unwrap();
            let preview = preview.to_luma8();
            assert_eq!(
                (u64::from(preview.width()), u64::from(preview.height())),
                size
            );
            let x = if left { 3 } else { preview.width() - 4 };
            let y = if top { 3 } else { preview.height() - 4 };
            assert!(
                preview.get_pixel(x, y).0[0] < 60,
                "{name} turned {orientation}"
            );
            let (across, down) = (preview.width() - 1 - x, preview.height() - 1 - y);
            assert!(
                preview.get_pixel(across, down).0[0] > 200,
                "{name} {orientation}"
            );
        }
    }
}

#[test]
fn resolution_is_read_wherever_it_stands_and_unknown_when_it_means_nothing() {
    let jpeg = encoded(marked(), ImageFormat::Jpeg);
    // The encoder writes a JFIF segment of its own, with a density of nothing.
    let bare = [&jpeg[..2], &jpeg[20..]].concat();
    let png = encoded(marked(), ImageFormat::Png);
    let jfif = |unit: u8, x: u16, y: u16| {
        let [x, y] = [x.to_be_bytes(), y.to_be_bytes()];
        with_segment(
            &bare,
            0xE0,
            &[b"JFIF\0\x01\x02", [unit].as_slice(), &x, &y, &[0, 0]].concat(),
        )
    };
    let exif = |unit: u32, x: u32, y: u32| {
        let entries = [
            (0x11A, 5, 1, behind(3)),
            (0x11B, 5, 1, behind(3) + 8),
            (0x128, 3, 1, unit),
        ];
        let values = [x, 1, y, 1].map(u32::to_le_bytes).concat();
        with_exif(&bare, &block(&entries, &values))
    };
    let physical = |x: u32, y: u32, unit: u8| {
        with_chunk(
            &png,
            b"pHYs",
            &[x.to_be_bytes().as_slice(), &y.to_be_bytes(), &[unit]].concat(),
        )
    };
    let mut bitmap = encoded(marked(), ImageFormat::Bmp);
    bitmap[38..46].copy_from_slice(&[11_811_u32, 11_811].map(u32::to_le_bytes).concat());
    let cases = [
        (jfif(1, 300, 150), Some((300.0, 150.0))),
        (jfif(2, 100, 100), Some((254.0, 254.0))),
        (jfif(0, 4, 3), None),
        (jfif(1, 1, 1), None),
        (jfif(1, 0, 0), None),
        (exif(2, 240, 240), Some((240.0, 240.0))),
        (exif(3, 100, 50), Some((254.0, 127.0))),
        (exif(1, 100, 100), None),
        (physical(11_811, 5_906, 1), Some((299.999, 150.012))),
        (physical(1, 1, 1), None),
        (physical(3, 2, 0), None),
        (bitmap, Some((299.999, 299.999))),
        (bare.clone(), None),
    ];
    for (nth, (bytes, dpi)) in cases.iter().enumerate() {
        assert_eq!(info(&read(bytes, "a")).dpi, *dpi, "case {nth}");
    }
}

#[test]
fn tags_are_readable_and_what_is_private_stays_out() {
    let at = behind(8);
    let inner = directory(&[
        (0x829A, 5, 1, at + 8),
        (0xA430, 2, 6, at),
        (0x927C, 7, 6, at),
    ]);
    let tags = [
        (0x10F, 2, 6, at),
        (0x8825, 4, 1, at + 16),
        (0x8769, 4, 1, at + 166),
        (0x10E, 2, 4_000_000_000, at),
        (0x13B, 2, 150, at + 16),
        (0x131, 9, 1, 7),
        (0x117, 4, 20, at),
        (0xFDE8, 3, 1, 1),
    ];
    let mut values = b"Maker\0\0\0".to_vec();
    values.extend([10_u32, 2_500].map(u32::to_le_bytes).concat());
    values.extend([b'x'; 150]);
    values.extend(inner);
    let jpeg = with_exif(
        &encoded(marked(), ImageFormat::Jpeg),
        &block(&tags, &values),
    );
    let exif = info(&read(&jpeg, "a.jpg")).exif;
    let expected = [
        ("Artist", "x".repeat(100)),
        ("ExposureTime", "1/250".to_owned()),
        ("Make", "Maker".to_owned()),
        ("Software", "7".to_owned()),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(exif.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn modes_and_frames_are_told_for_every_format() {
    let grey16 = image::ImageBuffer::<Luma<u16>, _>::from_pixel(30, 20, Luma([40_000]));
    let floats = image::Rgb32FImage::from_pixel(30, 20, Rgb([0.5, 0.25, 1.0]));
    let seen = RgbaImage::from_pixel(30, 20, image::Rgba([9, 9, 9, 128]));
    let cases: [(DynamicImage, ImageFormat, &str, &str); 8] = [
        (marked().into(), ImageFormat::Jpeg, "jpeg", "RGB"),
        (
            GrayImage::new(30, 20).into(),
            ImageFormat::Jpeg,
            "jpeg",
            "L",
        ),
        (grey16.clone().into(), ImageFormat::Png, "png", "L;16"),
        (grey16.into(), ImageFormat::Tiff, "tiff", "L;16"),
        (floats.into(), ImageFormat::Tiff, "tiff", "RGB;32F"),
        (seen.clone().into(), ImageFormat::WebP, "webp", "RGBA"),
        (seen.into(), ImageFormat::Gif, "gif", "P"),
        (marked().into(), ImageFormat::Bmp, "bmp", "RGB"),
    ];
    for (picture, kind, format, mode) in cases {
        let size = (u64::from(picture.width()), u64::from(picture.height()));
        let outcome = read(&encoded(picture, kind), "a");
        let info = info(&outcome);
        assert_eq!(
            (info.format.as_str(), info.mode.as_deref()),
            (format, Some(mode))
        );
        assert_eq!(
            (info.width_px, info.height_px, info.frames),
            (size.0, size.1, Some(1))
        );
        assert!(
            outcome.preview.is_some() && codes(&outcome.extraction).is_empty(),
            "{format}"
        );
    }
}

#[test]
fn pages_behind_the_first_are_counted_and_said() {
    let tiff = encoded(GrayImage::new(20, 20), ImageFormat::Tiff);
    let first = u32::from_le_bytes(tiff[4..8].try_into().unwrap());
    let entries = u16::from_le_bytes(tiff[first as usize..][..2].try_into().unwrap());
    let chain = first as usize + 2 + 12 * usize::from(entries);
    // A second page that shows the same pixels, and a chain that bites its tail.
    let mut two = tiff.clone();
    let directory = tiff[first as usize..chain].to_vec();
    let second = u32::try_from(two.len()).unwrap();
    two.extend([directory.as_slice(), &[0; 4]].concat());
    two[chain..chain + 4].copy_from_slice(&second.to_le_bytes());
    let mut endless = tiff;
    endless[chain..chain + 4].copy_from_slice(&first.to_le_bytes());
    for (bytes, frames, code) in [(two, 2, "more_pictures"), (endless, 1, "image_damaged")] {
        let outcome = read(&bytes, "a.tif");
        assert_eq!(info(&outcome).frames, Some(frames));
        assert_eq!(codes(&outcome.extraction), [code]);
    }
}

#[test]
fn a_phone_picture_without_a_decoder_is_measured_and_says_what_is_missing() {
    let extents = |width: u32, height: u32| {
        iso_box(b"ispe", &[0, width, height].map(u32::to_be_bytes).concat())
    };
    // A tile, the whole, and a quarter turn; the primary item has the last two.
    let list = [
        extents(512, 512),
        extents(4032, 3024),
        iso_box(b"irot", &[3]),
    ]
    .concat();
    let associations = b"\0\0\0\0\0\0\0\x02\0\x01\x01\x81\0\x02\x02\x82\x83";
    let properties = [iso_box(b"ipco", &list), iso_box(b"ipma", associations)].concat();
    let meta = [
        [0; 4].to_vec(),
        iso_box(b"pitm", &[0, 0, 0, 0, 0, 2]),
        iso_box(b"iprp", &properties),
    ];
    for (brand, format) in [(b"heic", "heic"), (b"avif", "avif")] {
        let head = [brand.as_slice(), &[0; 4], b"mif1", brand].concat();
        let file = [iso_box(b"ftyp", &head), iso_box(b"meta", &meta.concat())].concat();
        let outcome = read(&file, &format!("IMG_2041.{format}"));
        let info = info(&outcome);
        assert_eq!(
            (info.format.as_str(), info.width_px, info.height_px),
            (format, 3024, 4032)
        );
        assert_eq!(codes(&outcome.extraction), ["converter_needed"]);
        assert!(outcome.preview.is_none() && outcome.scan.is_none());
        for cut in 0..file.len() {
            assert!(outcome_of_any(&file[..cut]).is_none_or(|kind| kind == Kind::Image));
        }
    }
}

#[test]
fn a_scan_is_upright_large_enough_and_on_white() {
    let ink = image::Rgba([0, 0, 0, 255]);
    let clear = image::Rgba([0, 0, 0, 0]);
    let picture = RgbaImage::from_fn(300, 100, |x, y| match (x / 20 + y / 20) % 5 == 0 {
        true => ink,
        false => clear,
    });
    let png = encoded(picture, ImageFormat::Png);
    let per_metre = 3_937_u32.to_be_bytes();
    let png = with_chunk(
        &png,
        b"pHYs",
        &[per_metre.as_slice(), &per_metre, &[1]].concat(),
    );
    let scan = read(&png, "a.png").scan.unwrap();
    let read = image::load_from_memory(&scan.png).unwrap();
    assert_eq!(
        (read.width(), read.height(), scan.dpi),
        (900, 300, Some(300))
    );
    assert!(!read.color().has_color());
    let grey = read.to_luma8();
    assert_eq!(
        (grey.get_pixel(20, 20).0[0], grey.get_pixel(120, 30).0[0]),
        (0, 255)
    );
    let turned = image::load_from_memory(&scan.turned(1).unwrap().png).unwrap();
    assert_eq!((turned.width(), turned.height()), (300, 900));
    assert_eq!(turned.to_luma8().get_pixel(300 - 21, 20).0[0], 0);
}

#[test]
fn what_holds_no_words_is_not_handed_to_ocr() {
    let blank = RgbImage::from_pixel(400, 300, Rgb([200, 198, 201]));
    let icon = RgbImage::from_fn(12, 12, |x, _| Rgb([if x < 6 { 0 } else { 255 }; 3]));
    for picture in [blank, icon] {
        assert!(
            read(&encoded(picture, ImageFormat::Png), "a.png")
                .scan
                .is_none()
        );
    }
}

fn words(lines: &[&str], confidence: f64) -> Ocr {
    let mut tsv = String::new();
    for (line, text) in lines.iter().enumerate() {
        for (word, text) in text.split(' ').enumerate() {
            tsv += &format!("5\t1\t1\t1\t{line}\t{word}\t0\t0\t9\t9\t{confidence}\t{text}\n");
        }
    }
    Ocr::from_tesseract_tsv(&tsv, &Limits::default())
}

#[test]
fn words_read_off_a_picture_become_text_and_facts_as_sure_as_they_were_read() {
    let png = encoded(marked(), ImageFormat::Png);
    let lines = [
        "20418",
        "Fixing bracket",
        "Material: MS",
        "Thk: 6 mm",
        "Qty: 4",
    ];
    let read = |name: &str, ocr: &Ocr| outcome(&png, name, Some(ocr)).unwrap();
    let clear = read("20250301.png", &words(&lines, 95.0));
    let facts = &clear.extraction.facts;
    assert_eq!(facts.material.as_ref().unwrap().value, "Mild Steel");
    assert_eq!(facts.thickness_mm.as_ref().unwrap().value, 6.0);
    assert_eq!(facts.quantity.as_ref().unwrap().value, 4);
    let part = facts.part_name.as_ref().unwrap();
    assert_eq!(part.value, "Fixing bracket");
    assert!(part.confidence < 0.3);
    let document = clear.extraction.document.unwrap();
    assert!(document.text.ends_with("Material: MS\nThk: 6 mm\nQty: 4\n"));
    assert_eq!(document.ocr.unwrap().words.len(), 10);
    assert!(clear.scan.is_none());
    let faint = read("20250301.png", &words(&lines, 40.0)).extraction.facts;
    let sure = |facts: &facts::Facts| facts.material.as_ref().unwrap().confidence;
    assert!(sure(&faint) < 0.5 * sure(facts));
    // A name that a person gave the file is worth more than a line of a picture.
    let named = read("Gusset plate-MS-6mm-x4.png", &words(&lines, 95.0)).extraction;
    assert_eq!(named.facts.part_name.unwrap().value, "Gusset plate");
    assert!(named.conflicts.is_empty());
    let absent = read("a.png", &Ocr::absent()).extraction;
    assert_eq!(codes(&absent), ["ocr_unavailable"]);
}

/// The kind of whatever comes out, None for a refusal; a panic is what this is for.
fn outcome_of_any(bytes: &[u8]) -> Option<Kind> {
    let outcome = outcome(bytes, "a.png", None).ok()?;
    serde_json::to_string(&outcome.extraction).expect("an Extraction is JSON");
    outcome.extraction.kind
}

#[test]
fn what_claims_too_much_is_measured_and_not_decoded() {
    let bomb = read(&claimed(40_000, 40_000, 1, 0), "a.png");
    let (width, height) = (info(&bomb).width_px, info(&bomb).height_px);
    assert_eq!((width, height), (40_000, 40_000));
    assert_eq!(codes(&bomb.extraction), ["image_too_large"]);
    assert!(bomb.preview.is_none() && bomb.scan.is_none());
    let strip = read(&claimed(200_000, 1, 8, 2), "a.png");
    assert_eq!(codes(&strip.extraction), ["image_too_large"]);
    let short = read(&claimed(100, 100, 8, 2), "a.png");
    assert_eq!(codes(&short.extraction), ["image_damaged"]);
    let nothing = outcome(&claimed(0, 0, 8, 2), "a.png", None);
    assert_eq!(nothing.unwrap_err(), ExtractError::DamagedImage);
    let mut lying = encoded(marked(), ImageFormat::Bmp);
    lying[18..26].copy_from_slice(&[0xFF, 0x7F, 0, 0, 0xFF, 0x7F, 0, 0]);
    assert_eq!(
        codes(&read(&lying, "a.bmp").extraction),
        ["image_too_large"]
    );
}

#[test]
fn pixels_without_a_decoder_here_are_refused_cleanly() {
    let mut tiff = encoded(marked(), ImageFormat::Tiff);
    let first = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(tiff[first..][..2].try_into().unwrap()));
    let photometric = (0..entries)
        .map(|nth| first + 2 + 12 * nth)
        .find(|at| tiff[*at..][..2] == 0x106_u16.to_le_bytes())
        .unwrap();
    const CIELAB: u8 = 8;
    tiff[photometric + 8] = CIELAB;
    let outcome = read(&tiff, "a.tif");
    let info = info(&outcome);
    assert_eq!(
        (info.width_px, info.height_px, info.mode.as_deref()),
        (60, 40, Some("LAB"))
    );
    assert_eq!(codes(&outcome.extraction), ["pixels_unsupported"]);
}

#[test]
fn pictures_cut_off_anywhere_have_an_answer() {
    for sample in samples() {
        for cut in (0..sample.len()).step_by(97) {
            outcome_of_any(&sample[..cut]);
        }
    }
    let endless_tags = block(&[(0x10E, 2, u32::MAX, 0), (0x8769, 4, 1, 8)], &[0; 60_000]);
    let jpeg = with_exif(&encoded(marked(), ImageFormat::Jpeg), &endless_tags);
    assert!(info(&read(&jpeg, "a.jpg")).exif.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_pictures_have_an_answer(
        sample in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let samples = samples();
        let mut bytes = sample.get(&samples).clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        outcome_of_any(&bytes);
    }
}
