//! Design files of shops, uploaded as by any client, become the right design files at the receiver.

use client::{Client, DesignFile, FileStatus, UploadOptions, UploadResult};
use db::Backend;
use e2e::designs::{corpus, fixtures};
use e2e::pair::Pair;
use e2e::turns;
use serde_json::Value;
use std::path::Path;

/// Numbers that stand for the same length.
const SLACK_MM: f64 = 0.01;
/// Share by which cut lengths may differ.
const LENGTH_SLACK: f64 = 1e-3;

/// Uploads one file and waits until the receiver knows it read; `before` files are known there already.
async fn through(pair: &Pair, path: &Path, before: usize) -> (UploadResult, DesignFile) {
    let ingest = Client::new(&pair.ingest.url(), None).unwrap();
    let results = ingest
        .upload(&[path], &UploadOptions::default())
        .await
        .unwrap();
    let [result] = <[UploadResult; 1]>::try_from(results).unwrap();
    assert!(result.success && !result.duplicate, "{result:?}");
    let files = pair.settled(before + 1).await;
    let file = files
        .iter()
        .find(|file| file["ingest_id"].as_i64() == result.ingest_id);
    let file = serde_json::from_value(file.expect("the receiver knows it").clone()).unwrap();
    (result, file)
}

/// The three facts that names state, as the receiver has them.
fn assert_facts(file: &DesignFile, truth: &Value) {
    let name = &file.original_filename;
    assert_eq!(
        file.material.as_deref(),
        truth["material"].as_str(),
        "{name:?}"
    );
    assert_eq!(
        file.thickness_mm,
        truth["thickness_mm"].as_f64(),
        "{name:?}"
    );
    assert_eq!(file.quantity, truth["quantity"].as_i64(), "{name:?}");
}

fn assert_length(file: &DesignFile, field: &str, expected: f64, slack: f64) {
    let found = file.extraction[field].as_f64().unwrap_or(f64::NAN);
    let name = &file.original_filename;
    assert!(
        (found - expected).abs() <= slack,
        "{name:?}: {field} {found}, not {expected}"
    );
}

async fn bundled_designs(backend: Backend) {
    let _turn = turns::beside_others().await;
    let pair = Pair::start(backend, "1, 1").await;
    let good = fixtures("good");
    let truth = std::fs::read(good.join("truth.json")).unwrap();
    let truth: Vec<Value> = serde_json::from_slice(&truth).unwrap();
    for (number, truth) in truth.iter().enumerate() {
        let path = good.join(truth["file"].as_str().unwrap());
        let (result, file) = through(&pair, &path, number).await;
        assert_eq!(result.status, Some(FileStatus::Completed));
        assert_eq!(file.status, FileStatus::Completed);
        assert_eq!(file.original_filename.as_deref(), truth["file"].as_str());
        assert_eq!(file.stored_filename, result.normalized_filename);
        assert_eq!(
            file.file_size,
            Some(std::fs::metadata(&path).unwrap().len() as i64)
        );
        assert_facts(&file, truth);
        assert_eq!(file.client_code.as_deref(), truth["client_code"].as_str());
        assert_eq!(file.project_code.as_deref(), truth["project_code"].as_str());
        assert_eq!(file.part_name.as_deref(), truth["part_name"].as_str());
        let side = |min, max| {
            let of = |name: &str| truth["extents_mm"][name].as_f64().unwrap();
            of(max) - of(min)
        };
        assert_length(&file, "width_mm", side("min_x", "max_x"), SLACK_MM);
        assert_length(&file, "height_mm", side("min_y", "max_y"), SLACK_MM);
        let cut = truth["cut_length_mm"].as_f64().unwrap();
        assert_length(&file, "cut_length_mm", cut, LENGTH_SLACK * cut);
        for field in ["pierces", "parts", "holes"] {
            assert_same(&file.extraction[field], &truth[field]);
        }
    }
    assert_eq!(pair.design_files().await.len(), truth.len());
}

/// Equal, whether numbers are written with a fraction or without.
fn assert_same(ours: &Value, truth: &Value) {
    match (ours, truth) {
        (Value::Array(ours), Value::Array(truth)) => {
            assert_eq!(ours.len(), truth.len(), "{ours:?} {truth:?}");
            for (ours, truth) in ours.iter().zip(truth) {
                assert_same(ours, truth);
            }
        }
        (Value::Object(ours), Value::Object(truth)) => {
            for (field, truth) in truth {
                assert_same(&ours[field], truth);
            }
        }
        _ => assert_eq!(ours.as_f64(), truth.as_f64(), "{ours} {truth}"),
    }
}

#[tokio::test]
async fn bundled_designs_arrive_on_sqlite() {
    bundled_designs(Backend::Sqlite).await;
}

#[tokio::test]
async fn bundled_designs_arrive_on_postgres() {
    bundled_designs(Backend::Postgres).await;
}

async fn shop_files(backend: Backend) {
    let Some(shop) = corpus().map(|corpus| corpus.join("shop")) else {
        return println!("no corpus: set DRAFTWIRE_CORPUS to its folder");
    };
    let _turn = turns::beside_others().await;
    let pair = Pair::start(backend, "1, 1").await;
    let truth = std::fs::read_to_string(shop.join("truth.jsonl")).unwrap();
    let mut number = 0;
    for line in truth.lines() {
        let truth: Value = serde_json::from_str(line).unwrap();
        let name = truth["name"].as_str().unwrap();
        let (result, file) = through(&pair, &shop.join(name), number).await;
        number += 1;
        assert_eq!(file.original_filename.as_deref(), Some(name));
        assert_facts(&file, &truth["stated"]);
        assert_eq!(file.status, FileStatus::Completed, "{name}: {result:?}");
        match truth["type"].as_str() {
            Some("dxf") => assert_measures(&file, &truth["geometry"]),
            _ => assert!(file.extraction["cut_length_mm"].as_f64() > Some(0.0)),
        }
    }
    println!("{backend:?}: {number} files of shops");
    assert!(number > 0);
}

fn assert_measures(file: &DesignFile, truth: &Value) {
    let corner = |index: usize| truth["bbox"][index].as_f64().unwrap();
    assert_length(file, "width_mm", corner(2) - corner(0), SLACK_MM);
    assert_length(file, "height_mm", corner(3) - corner(1), SLACK_MM);
    let cut = truth["cut_length"].as_f64().unwrap();
    assert_length(file, "cut_length_mm", cut, LENGTH_SLACK * cut);
}

#[tokio::test]
async fn shop_files_arrive_on_sqlite() {
    shop_files(Backend::Sqlite).await;
}

#[tokio::test]
async fn shop_files_arrive_on_postgres() {
    shop_files(Backend::Postgres).await;
}
