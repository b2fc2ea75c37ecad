//! The pages of the receiver in a real browser, beside an ingest service that sends to it: files that show by themselves with
//! their pictures, one click that files them, a job's sheet on paper, narrow windows. Must never rest on what a page looks
//! like inside, only on what a person sees and does.

use std::time::{Duration, Instant};

use e2e::chromium::Chromium;
use e2e::designs::{Design, root};
use e2e::http::{get, http, items, post, upload};
use e2e::process::{Process, free_port};
use serde_json::{Value, json};
use tempfile::tempdir;

/// Both services are up and the samples are known within this time.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const STAIRS: &str = "JB-2025-10-CL0001-001";
const FLANGES: &str = "JB-2026-11-CL0002-005";

/// Both services in one process, wired to each other, with the samples taken in.
struct Both {
    process: Process,
    ingest: String,
    receiver: String,
}

impl Both {
    async fn start(more: &[&str]) -> Self {
        let (ingest, receiver) = (free_port(), free_port());
        let addresses = [
            format!("ingest.listen=127.0.0.1:{ingest}"),
            format!("receiver.listen=127.0.0.1:{receiver}"),
        ];
        let settings = addresses
            .into_iter()
            .chain(more.iter().map(ToString::to_string));
        let arguments = settings.flat_map(|setting| ["--set".to_owned(), setting]);
        let mut process = Process::new(arguments.collect(), ingest, tempdir().unwrap());
        process.start();
        let began = Instant::now();
        while !process.output().contains("Ctrl-C stops both.") {
            assert!(began.elapsed() < READY_TIME_MAX, "{}", process.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Self {
            process,
            ingest: format!("http://127.0.0.1:{ingest}"),
            receiver: format!("http://127.0.0.1:{receiver}"),
        }
    }

    /// Two clients with a project each.
    async fn with_projects(&self) {
        for (path, body) in [
            (
                "clients",
                json!({"code": "CL0001", "name": "Acme Steelworks"}),
            ),
            (
                "clients",
                json!({"code": "CL0002", "name": "Harbour Marine"}),
            ),
            (
                "projects",
                json!({"code": STAIRS, "name": "Stairs", "material": "Mild Steel",
                "thickness_mm": 5, "due_date": "2020-01-31", "notes": "Deburr all edges."}),
            ),
            ("projects", json!({"code": FLANGES, "name": "Flanges"})),
        ] {
            let made = post(&format!("{}/{path}", self.receiver), &body)
                .await
                .unwrap();
            assert_eq!(made.status, 201, "{}", made.json);
        }
    }

    fn page(&self, path: &str) -> String {
        format!("{}/console{path}", self.receiver)
    }

    async fn send(&self, name: &str, bytes: Vec<u8>) {
        let design = Design {
            name: name.to_owned(),
            bytes,
        };
        let sent = upload(&http(), &self.ingest, &design, None).await.unwrap();
        assert!(sent.is_success(), "{}", sent.json);
    }
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(root().join("fixtures/designs/good").join(name)).unwrap()
}

/// What kind of picture stands at the first place that matches, once it is there.
async fn picture(browser: &Chromium, css: &str) -> Value {
    let script = format!(
        "const image = document.querySelector('{css}'); return fetch(image.src).then(answer => \
         [answer.headers.get('content-type'), image.complete && image.naturalWidth > 0])"
    );
    let began = Instant::now();
    loop {
        let seen = browser.run(&script).await;
        if seen[1] == true || began.elapsed() > READY_TIME_MAX {
            return seen[0].clone();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn a_job_is_made_and_fills_by_itself() {
    let both = Both::start(&[]).await;
    let browser = Chromium::start().await;
    browser.look(1280, "light").await;
    browser.open(&both.page("/clients/new")).await;
    browser.fill("#code", "CL0003").await;
    browser.fill("#name", "Kauri Joinery").await;
    browser.click("main form button[type=submit]").await;
    browser
        .until("[role=status]", "Client CL0003 is made")
        .await;

    browser
        .open(&both.page("/projects/new?client_code=CL0003"))
        .await;
    browser.fill("#code", "JB-2026-11-CL0003-012").await;
    browser.fill("#name", "Brackets").await;
    browser.click("main form button[type=submit]").await;
    browser.until("#parts", "No drawings yet").await;

    // While the page is open a file comes in at the other service.
    let bytes = sample("CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf");
    let name = "CL0003-JB-2026-11-CL0003-012-Bracket-MS-5mm-x14-v1.dxf";
    both.send(name, bytes).await;
    browser.until("#parts", "452.3 mm").await;
    browser.until("#activity", "File read").await;
    assert_eq!(picture(&browser, "#parts img").await, "image/png");
    browser.click("#parts td.main a").await;
    browser.until("h1", name).await;
    assert_eq!(picture(&browser, ".viewer img").await, "image/png");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_file_is_filed_by_one_click_and_a_job_goes_on() {
    let both = Both::start(&[]).await;
    both.with_projects().await;
    let browser = Chromium::start().await;
    browser.open(&both.page("/unmatched")).await;
    // What comes in meanwhile does not take away what somebody writes.
    browser
        .fill("article .link-by-code input[name=project_code]", "JB-20")
        .await;
    let ring = sample("0003-Ring-SS-2mm-x12.dxf");
    both.send("0777-Washer-SS-2mm-x12.dxf", ring).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let written =
        "return document.querySelector('article .link-by-code input[name=project_code]').value";
    assert_eq!(browser.run(written).await, "JB-20");
    browser.run("document.activeElement.blur()").await;
    browser.until("#list", "0777-Washer-SS-2mm-x12.dxf").await;
    browser
        .until(".suggestion", "the file's name begins with 5")
        .await;
    browser.click(".suggestion button").await;
    browser
        .until(
            "[role=status]",
            "0005-VA2601-VAS-4mm-x1.dxf is under JB-2026-11-CL0002-005",
        )
        .await;
    let filed = items(&format!(
        "{}/projects/{FLANGES}/design-files",
        both.receiver
    ))
    .await;
    assert_eq!(filed.len(), 1);

    browser
        .open(&both.page(&format!("/projects/{FLANGES}")))
        .await;
    browser.until("#parts", "VA2601").await;
    let choose = "document.querySelector('.head select[name=status]').value = 'In Progress'";
    browser.run(choose).await;
    browser.click(".head form button[type=submit]").await;
    browser.until("[role=status]", "is now In Progress").await;
    browser.until("#activity", "Request → In Progress").await;
    let project = get(&format!("{}/projects/{FLANGES}", both.receiver))
        .await
        .unwrap();
    assert_eq!(project.json["status"], "In Progress");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_project_prints_as_its_job_sheet() {
    let both = Both::start(&[]).await;
    both.with_projects().await;
    let list =
        b"Part,Material,Thickness (mm),Qty\nBracketLeft,MS,5,12\nHandrail post,MS,6,4\n".to_vec();
    both.send("CL0001-JB-2025-10-CL0001-001-Cutting list.csv", list)
        .await;
    let browser = Chromium::start().await;
    // As for somebody whose screen is dark.
    browser.look(1000, "dark").await;
    browser
        .open(&both.page(&format!("/projects/{STAIRS}")))
        .await;
    browser.until("#parts", "the list asks for 12").await;
    assert_eq!(picture(&browser, "#parts img").await, "image/png");
    browser.on_paper("dark").await;
    let words = browser
        .run("return document.querySelector('main').innerText")
        .await;
    let words = words.as_str().unwrap();
    for told in [
        STAIRS,
        "Stairs",
        "Acme Steelworks",
        "2020-01-31",
        "Mild Steel",
        "Deburr all edges.",
        "Done",
        "BracketLeft",
        "5 mm",
        "14 ×",
        "452.3 mm",
        "Handrail post",
    ] {
        assert!(words.contains(told), "{told} is not on paper: {words}");
    }
    for kept in ["Set status", "File read", "Save", "CSV", "Delete"] {
        assert!(!words.contains(kept), "{kept} is on paper: {words}");
    }
    let look = "const of = (css) => document.querySelector(css); const style = (css) => getComputedStyle(of(css)); \
        return [style('nav').display, of('.tick').getClientRects().length, style('body').color, \
        style('body').backgroundColor, style('.card').backgroundColor, of('#parts img').getClientRects().length]";
    let (white, black) = ("rgb(255, 255, 255)", "rgb(0, 0, 0)");
    assert_eq!(
        browser.run(look).await,
        json!(["none", 1, black, white, white, 1])
    );
    let printed = browser.devtools("Page.printToPDF", json!({})).await;
    let pdf = printed["data"].as_str().unwrap();
    assert!(pdf.starts_with("JVBERi"), "a PDF");
    assert!(
        pdf.len() > 10_000,
        "with pictures: {} characters",
        pdf.len()
    );
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Pages that a person opens, with something on each.
const PAGES: [&str; 20] = [
    "",
    "/projects",
    "/projects/new",
    "/projects/JB-2025-10-CL0001-001",
    "/unmatched",
    "/design-files",
    "/design-files/10",
    "/clients",
    "/clients/new",
    "/clients/CL0001",
    "/activity",
    "/inbox",
    "/inbox/1",
    "/reconcile",
    "/sources",
    "/sources/new",
    "/sources/draftwire",
    "/sources/floor",
    "/sources/floor/edit",
    "/settings",
];

#[tokio::test]
async fn no_page_is_wider_than_its_window() {
    let both = Both::start(&[]).await;
    both.with_projects().await;
    let reconcile = format!("{}/reconcile", both.receiver);
    let compared = post(&reconcile, &json!({"source": "draftwire"})).await;
    assert_eq!(compared.unwrap().status, 200);
    let sources = format!("{}/api/v1/sources", both.receiver);
    let made = post(&sources, &json!({"name": "floor"})).await;
    assert_eq!(made.unwrap().status, 201);
    let browser = Chromium::start().await;
    for (width, scheme) in [(400_u32, "dark"), (1280, "light")] {
        browser.look(width, scheme).await;
        for page in PAGES {
            browser.open(&both.page(page)).await;
            let wide = "return document.documentElement.scrollWidth";
            let wide = browser.run(wide).await.as_u64().unwrap();
            assert!(wide <= u64::from(width), "{page} at {width}: {wide}");
        }
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn somebody_is_signed_in_at_both_services() {
    let both = Both::start(&["ingest.auth=true", "receiver.auth=true"]).await;
    let output = both.process.output();
    let shown = output.split("shown this once: ").skip(1);
    let keys: Vec<&str> = shown
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(keys.len(), 2, "{output}");
    let browser = Chromium::start().await;
    // The receiver's key is shown first.
    let homes = [
        format!("{}/console", both.receiver),
        format!("{}/console", both.ingest),
    ];
    for (home, key) in homes.iter().zip(&keys) {
        browser.open(home).await;
        browser.fill("#key", key).await;
        browser.click("main form button[type=submit]").await;
        browser.until("h1", "Overview").await;
    }
    for home in &homes {
        browser.open(home).await;
        browser.until("h1", "Overview").await;
        browser.until(".who", "Sign out").await;
    }
    // Nobody has given the receiver a key for the pictures.
    browser.open(&both.page("/design-files")).await;
    assert_eq!(picture(&browser, "#list img").await, "image/png");
    assert_eq!(browser.complaints().await, [""; 0]);
}
