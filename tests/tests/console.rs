//! The pages of ingest in a real browser: files dropped, facts corrected, news, no script, narrow windows. Must never rest
//! on what a page looks like inside, only on what a person sees and does.

use std::path::PathBuf;

use e2e::chromium::Chromium;
use e2e::designs::{Design, root};
use e2e::http::{get, http, upload};
use e2e::process::Process;

fn design(name: &str) -> PathBuf {
    root().join("fixtures/designs").join(name)
}

const VENT: &str = "good/0010-Vent panel-Galv-1.2mm-x20.dxf";
const RING: &str = "good/0003-Ring-SS-2mm-x12.dxf";

async fn running() -> (Process, String) {
    let mut ingest = Process::ingest(None, &[]);
    ingest.start();
    ingest.healthy().await;
    let url = ingest.url();
    (ingest, url)
}

#[tokio::test]
async fn files_are_sent_looked_at_and_corrected() {
    let (_ingest, url) = running().await;
    let browser = Chromium::start().await;
    browser.look(1280, "light").await;
    browser.open(&format!("{url}/console/upload")).await;
    let (vent, ring) = (design(VENT), design(RING));
    browser.pick("#files", &[&vent, &ring]).await;
    browser
        .until("#uploads > li:nth-child(1)", "to check")
        .await;
    browser
        .until("#uploads > li:nth-child(2)", "to check")
        .await;
    browser
        .until("#uploads", "0010-Vent panel-Galv-1.2mm-x20.dxf")
        .await;
    assert_eq!(
        browser
            .run("return document.querySelectorAll('progress').length")
            .await,
        0
    );

    let total = get(&format!("{url}/files?q=vent")).await.unwrap().json;
    let id = total["items"][0]["id"].clone();
    browser.open(&format!("{url}/console/files/{id}")).await;
    browser.click(".viewer button[data-key='+']").await;
    let zoomed =
        "const box = document.querySelector('.viewer > svg').viewBox.baseVal; return box.width";
    assert!(
        browser.run(zoomed).await.as_f64().unwrap() < 400.0,
        "closer than the whole 400 mm"
    );
    browser.click("input[data-layer-of][value=CUT]").await;
    let hidden =
        "return document.querySelector('.viewer g[data-layer=CUT]').getAttribute('display')";
    assert_eq!(browser.run(hidden).await, "none");
    let length = "const path = document.querySelector('.viewer g[data-layer=CUT] path'); \
                  path.dispatchEvent(new Event('pointerover', {bubbles: true})); \
                  return document.querySelector('.reading').textContent";
    let reading = browser.run(length).await;
    assert!(reading.as_str().unwrap().starts_with("CUT: "), "{reading}");

    browser.fill("#fact-thickness_mm", "1.5").await;
    browser.click("#facts button[type=submit]").await;
    browser
        .until("[role=status]", "corrected thickness_mm")
        .await;
    let record = get(&format!("{url}/files/{id}")).await.unwrap().json;
    assert_eq!(record["file"]["thickness_mm"], 1.5);
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn lists_hear_of_files_by_themselves() {
    let (_ingest, url) = running().await;
    let browser = Chromium::start().await;
    browser.open(&format!("{url}/console/files")).await;
    browser.until("#list", "No files yet").await;
    let ring = Design {
        name: "0003-Ring-SS-2mm-x12.dxf".to_owned(),
        bytes: std::fs::read(design(RING)).unwrap(),
    };
    assert!(
        upload(&http(), &url, &ring, None)
            .await
            .unwrap()
            .is_success()
    );
    browser.until("#list", "0003-Ring-SS-2mm-x12.dxf").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn everything_works_without_scripts() {
    let (_ingest, url) = running().await;
    let browser = Chromium::start().await;
    browser.scripts(false).await;
    browser.open(&format!("{url}/console/upload")).await;
    browser
        .pick("#files", &[&design(RING), &design(VENT)])
        .await;
    browser
        .click("form[action='/console/upload'] button[type=submit]")
        .await;
    browser.until("#results", "0003-Ring-SS-2mm-x12.dxf").await;
    browser.click("#results a").await;
    browser.fill("#fact-quantity", "99").await;
    browser.click("#facts button[type=submit]").await;
    browser.until("[role=status]", "corrected quantity").await;
    browser.click("form[action$='/delete'] button").await;
    browser.until("[role=status]", "is deleted").await;
    browser.click("[role=status] button").await;
    browser.until("[role=status]", "is back").await;
    assert!(browser.address().await.contains("/console/files/"));
}

/// Pages that a person opens, with something on each.
const PAGES: [&str; 13] = [
    "",
    "/upload",
    "/files",
    "/files/1",
    "/check",
    "/subscriptions",
    "/subscriptions/new",
    "/deliveries",
    "/dead-letters",
    "/events",
    "/events/new",
    "/replays",
    "/settings",
];

#[tokio::test]
async fn no_page_is_wider_than_its_window() {
    let (_ingest, url) = running().await;
    for name in [VENT, RING] {
        let file = Design {
            name: name.replacen("good/", "", 1),
            bytes: std::fs::read(design(name)).unwrap(),
        };
        assert!(
            upload(&http(), &url, &file, None)
                .await
                .unwrap()
                .is_success()
        );
    }
    let browser = Chromium::start().await;
    for (width, scheme) in [(400_u32, "dark"), (1280, "light")] {
        browser.look(width, scheme).await;
        for page in PAGES {
            browser.open(&format!("{url}/console{page}")).await;
            let wide = browser
                .run("return document.documentElement.scrollWidth")
                .await;
            assert!(
                wide.as_u64().unwrap() <= u64::from(width),
                "{page} at {width}: {wide}"
            );
        }
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}
