//! The pages of ingest in a real browser: files dropped, facts corrected, news, no script, narrow windows. Must never rest
//! on what a page looks like inside, only on what a person sees and does.

use std::path::PathBuf;

use e2e::chromium::Chromium;
use e2e::designs::{Design, root};
use e2e::http::{get, http, post, upload};
use e2e::process::Process;
use serde_json::json;

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

#[tokio::test]
async fn a_subscription_is_changed_and_a_refusal_stands_beside_its_field() {
    let (_ingest, url) = running().await;
    let endpoint =
        json!({"url": "https://127.0.0.1:9/", "events": ["file.*"], "description": "ERP"});
    let made = post(&format!("{url}/api/v1/webhooks/subscriptions"), &endpoint)
        .await
        .unwrap()
        .json;
    let page = format!(
        "{url}/console/subscriptions/{}",
        made["id"].as_str().unwrap()
    );
    let browser = Chromium::start().await;
    browser.look(400, "dark").await;
    browser.open(&page).await;
    browser.click("a[href$='/edit']").await;
    browser.fill("#filter", "event.").await;
    browser.fill("#description", "ERP, new").await;
    browser.click("form.card button[type=submit]").await;
    browser
        .until("#wrong-filter", "no viable alternative")
        .await;
    browser.fill("#filter", "event.data.quantity > 10").await;
    browser.click("form.card button[type=submit]").await;
    browser.until("[role=status]", "is changed").await;
    browser.until("main", "event.data.quantity > 10").await;
    browser.until("main", "ERP, new").await;
    let complaints = browser.complaints().await;
    let of_refusal = |said: &&String| said.contains("status of 422");
    assert!(
        complaints.iter().all(|said| of_refusal(&said)),
        "{complaints:?}"
    );
}

/// Pages that a person opens, with something on each.
const PAGES: [&str; 17] = [
    "",
    "/upload",
    "/files",
    "/files/1",
    "/check",
    "/subscriptions",
    "/subscriptions/new",
    "/subscriptions/SUBSCRIPTION",
    "/subscriptions/SUBSCRIPTION/edit",
    "/deliveries",
    "/deliveries/DELIVERY",
    "/dead-letters",
    "/events",
    "/events/EVENT",
    "/events/new",
    "/replays",
    "/settings",
];

#[tokio::test]
async fn no_page_is_wider_than_its_window() {
    let (_ingest, url) = running().await;
    let platform = format!("{url}/api/v1/webhooks");
    // Nobody listens there: a long address, and attempts that fail.
    let endpoint = json!({
        "url": format!("https://127.0.0.1:9/{}", "long".repeat(40)), "events": ["*"], "headers": {"x-api-key": "secret"},
    });
    let made = post(&format!("{platform}/subscriptions"), &endpoint)
        .await
        .unwrap();
    assert_eq!(made.status, 201, "{}", made.json);
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
    let newest = async |list: &str| {
        let listed = get(&format!("{platform}/{list}?limit=1"))
            .await
            .unwrap()
            .json;
        listed["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let places = [
        ("SUBSCRIPTION", made.json["id"].as_str().unwrap().to_owned()),
        ("DELIVERY", newest("deliveries").await),
        ("EVENT", newest("event-log").await),
    ];
    let page_at = |page: &str| {
        let named = |page: String, (name, id): &(&str, String)| page.replace(name, id);
        places.iter().fold(page.to_owned(), named)
    };
    let browser = Chromium::start().await;
    for (width, scheme) in [(400_u32, "dark"), (1280, "light")] {
        browser.look(width, scheme).await;
        for page in PAGES.map(page_at) {
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
