//! Archives are taken apart: one record for each file in them, whatever else they hold.

use std::io::{Cursor, Write};

use serde_json::{Value as Json, json};
use testkit::TempDb;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::harness::{TestIngest, assert_problem, disc, id_of};

/// An archive of these names and bytes; a name that ends in `/` is a folder.
pub(crate) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default();
        if name.ends_with('/') {
            archive.add_directory(*name, options).unwrap();
        } else {
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

async fn upload(ingest: &TestIngest, name: &str, bytes: &[u8]) -> (u16, Json) {
    ingest.upload_as(&[(name, bytes)], &[]).await
}

#[tokio::test]
async fn every_file_of_an_archive_is_a_record_that_knows_where_it_came_from() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let inner = packed(&[("inner/0004-Plate-MS-5mm-x2.dxf", &disc(4))]);
        let archive = packed(&[
            ("CL-0001/", b""),
            (
                "CL-0001/JB-2025-10-CL0001-002/0001-Lid-SS-2mm-x3.dxf",
                &disc(1),
            ),
            ("CL-0001/notes.bin", b"\x00\x01\x02 no design file at all"),
            ("__MACOSX/._0001-Lid.dxf", b"litter"),
            ("CL-0001/.DS_Store", b"litter"),
            ("empty.dxf", b""),
            ("0003-Ring-MS-3mm-x1.dxf", &disc(3)),
            ("more.zip", &inner),
        ]);
        let (status, body) = upload(&ingest, "job.zip", &archive).await;
        assert_eq!(status, 200, "{body}");
        let results = body.as_array().unwrap();
        assert_eq!(results.len(), 4, "{body}");
        let lid = &results[0]["metadata"];
        assert_eq!(
            (&lid["client_code"], &lid["project_code"], &lid["part_name"]),
            (
                &json!("CL0001"),
                &json!("JB-2025-10-CL0001-002"),
                &json!("Lid")
            )
        );
        let path = "CL-0001/JB-2025-10-CL0001-002/0001-Lid-SS-2mm-x3.dxf";
        assert_eq!(
            results[0]["archive"],
            json!({ "name": "job.zip", "path": path })
        );
        assert_eq!(
            results[0]["warnings"].as_array().unwrap().len(),
            3,
            "{}",
            results[0]
        );
        assert_eq!(
            (&results[1]["success"], &results[1]["error_code"]),
            (&json!(false), &json!("unsupported_kind"))
        );
        assert_eq!(results[1]["filename"], "CL-0001/notes.bin");
        assert_eq!(results[2]["metadata"]["part_name"], "Ring");
        assert_eq!(
            results[3]["archive"]["path"],
            "more.zip/inner/0004-Plate-MS-5mm-x2.dxf"
        );
        let id = id_of(&results[0]);
        assert_eq!(ingest.content(id).await, (200, disc(1)));
        let record = ingest.record(id).await;
        assert_eq!(record["archive"]["name"], "job.zip");
        assert_eq!(record["original_filename"], "0001-Lid-SS-2mm-x3.dxf");
        // Packed again under another name it holds the same files.
        let (_, again) = upload(&ingest, "again.zip", &archive).await;
        assert_eq!(id_of(&again[0]), id);
        assert_eq!(again[0]["duplicate"], true);
        // Read again, it still belongs to the client of its folder.
        assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 202);
        assert_eq!(ingest.settled(id).await["client_code"], "CL0001");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_path_out_of_the_archive_stays_a_name() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let archive = packed(&[
        ("../../../../tmp/ing-slip.dxf", &disc(1)),
        ("/etc/ing-slip.dxf", &disc(2)),
        ("a\\..\\..\\b.dxf", &disc(3)),
    ]);
    let (status, body) = upload(&ingest, "slip.zip", &archive).await;
    assert_eq!(status, 200, "{body}");
    let paths: Vec<&Json> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["archive"]["path"])
        .collect();
    assert_eq!(paths, ["tmp/ing-slip.dxf", "etc/ing-slip.dxf", "a/b.dxf"]);
    assert!(!std::path::Path::new("/tmp/ing-slip.dxf").exists());
    assert_eq!(ingest.blobs().len(), 3);
    ingest.stop().await;
}

#[tokio::test]
async fn bombs_and_damage_are_refused_one_by_one() {
    let temp = TempDb::sqlite();
    let bounds = [
        "ingest.limits.zip_entries_max=6",
        "ingest.limits.zip_inflated_bytes_max=4000000",
        "ingest.limits.zip_name_bytes_max=40",
    ];
    let ingest = TestIngest::start_with(&temp, &bounds).await;
    let good = disc(7);
    let zeros = vec![0; 3_000_000];
    let many: Vec<String> = (0..7).map(|n| format!("{n}.dxf")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &good[..])).collect();
    let deep = packed(&[("c.zip", &packed(&[("d.dxf", &good)]))]);
    let deep = packed(&[("b.zip", &deep), ("good.dxf", &good)]);
    let mut damaged = packed(&[("bad.dxf", &disc(8)), ("good.dxf", &good)]);
    let at = damaged.windows(7).position(|w| w == b"bad.dxf").unwrap() + 12;
    damaged[at] ^= 0xff;
    let mut encrypted = packed(&[("bad.dxf", &disc(9)), ("good.dxf", &good)]);
    // The first bit of the flags, in the local and in the central header.
    encrypted[6] |= 1;
    let central = encrypted
        .windows(4)
        .position(|w| w == b"PK\x01\x02")
        .unwrap();
    encrypted[central + 8] |= 1;
    let long = "n".repeat(41);
    let cases: [(&str, Vec<u8>, &str, usize); 7] = [
        ("entries", packed(&many), "zip_entries_max", 0),
        (
            "ratio",
            packed(&[("bomb.dxf", &zeros), ("good.dxf", &good)]),
            "zip_ratio_max",
            1,
        ),
        ("deep", deep, "zip_depth_max", 1),
        ("damaged", damaged, "damaged", 1),
        ("encrypted", encrypted, "encrypted", 1),
        (
            "long",
            packed(&[(&long, &disc(1)), ("good.dxf", &good)]),
            "",
            1,
        ),
        ("cut", packed(&[("good.dxf", &good)])[..60].to_vec(), "", 0),
    ];
    for (name, bytes, says, taken) in cases {
        let (status, body) = upload(&ingest, &format!("{name}.zip"), &bytes).await;
        let results = body
            .as_array()
            .unwrap_or_else(|| unreachable!("{name}: {body}"));
        let good = results.iter().filter(|result| result["success"] == true);
        assert_eq!(good.count(), taken, "{name}: {body}");
        assert_eq!(status == 200, taken > 0, "{name}: {status} {body}");
        let refused = results.iter().find(|result| result["success"] == false);
        if !says.is_empty() {
            let error = refused.unwrap()["error"].as_str().unwrap();
            assert!(error.contains(says), "{name}: {error}");
        }
    }
    assert_eq!(ingest.staged(), 0);
    ingest.stop().await;
}

#[tokio::test]
async fn all_files_together_have_a_bound_and_there_must_be_one() {
    let temp = TempDb::sqlite();
    let bounds = ["ingest.limits.zip_inflated_bytes_max=4000000"];
    let ingest = TestIngest::start_with(&temp, &bounds).await;
    let noise: Vec<u8> = (0..1_500_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let large = packed(&[("a.dxf", &noise), ("b.dxf", &noise), ("c.dxf", &noise)]);
    let (_, body) = upload(&ingest, "large.zip", &large).await;
    assert!(
        body.to_string().contains("zip_inflated_bytes_max"),
        "{body}"
    );
    let empty = upload(&ingest, "empty.zip", &packed(&[("folder/", b"")])).await;
    assert_eq!(
        (empty.0, &empty.1[0]["error_code"]),
        (422, &json!("invalid_field"))
    );
    assert_eq!(ingest.staged(), 0);
    ingest.stop().await;
}

#[tokio::test]
async fn a_project_comes_back_as_one_archive() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let project = "JB-2025-10-CL0001-001";
        let fields = [("project_code", project)];
        let files = [
            ("0001-Lid-MS-2mm-x1.dxf", disc(1)),
            ("0002-Ring-MS-3mm-x2.dxf", disc(2)),
        ];
        let mut names = Vec::new();
        for (name, bytes) in &files {
            let result = ingest.upload_with(name, bytes, &fields).await;
            names.push(result["normalized_filename"].as_str().unwrap().to_owned());
        }
        ingest.upload("0003-Other-MS-2mm-x1.dxf", &disc(3)).await;
        let request = ingest.request(
            reqwest::Method::GET,
            &format!("/files.zip?project_code={project}"),
        );
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let disposition = answer.headers()["content-disposition"].to_str().unwrap();
        assert!(
            disposition.contains("JB-2025-10-CL0001-001.zip"),
            "{disposition}"
        );
        let bytes = answer.bytes().await.unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
        assert_eq!(archive.len(), 2);
        for (name, (_, expected)) in names.iter().zip(&files) {
            let mut bytes = Vec::new();
            std::io::copy(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
            assert_eq!(&bytes, expected);
        }
        let none = ingest
            .get("/files.zip?project_code=JB-2025-10-CL0009-001")
            .await;
        assert_problem(&none, 404, "not_found", "JB-2025-10-CL0009-001");
        assert_problem(
            &ingest.get("/files.zip").await,
            422,
            "invalid_field",
            "project_code",
        );
        ingest.stop().await;
    }
}
