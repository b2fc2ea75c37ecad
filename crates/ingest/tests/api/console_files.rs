//! Pages of files: found, corrected, accepted, compared, fetched.

use testkit::TempDb;

use crate::browser::Browser;
use crate::harness::{TestIngest, disc, id_of};

#[tokio::test]
async fn files_are_searched_filtered_sorted_and_paged() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        for at in 1..=3_u32 {
            ingest
                .upload(&format!("plate {at}-MS-{at}mm-x1.dxf"), &disc(at))
                .await;
        }
        ingest.upload("other-SS-2mm-x1.dxf", &disc(9)).await;
        let browser = Browser::new(&ingest);
        for (query, lines) in [
            ("", "other plate plate plate"),
            ("?sort=oldest", "plate plate plate other"),
            ("?sort=name", "other plate plate plate"),
            ("?q=PLATE&material=", "plate plate plate"),
            ("?thickness_mm=2", "other plate"),
            ("?material=Stainless+Steel", "other"),
            ("?status=failed", ""),
            ("?status=to_check&file_type=dxf", "other plate plate plate"),
            ("?q=nothing", ""),
            ("?offset=2", "plate plate"),
        ] {
            let page = browser.open(&format!("/console/files{query}")).await;
            assert_eq!(page.status, 200, "{query}");
            let names = page.texts("td.main > a").into_iter();
            let names: Vec<String> = names
                .map(|name| name.split([' ', '-']).next().unwrap().to_owned())
                .collect();
            assert_eq!(names.join(" "), lines, "{query}");
        }
        let empty = browser.open("/console/files?q=nothing").await;
        empty.assert_says("No file is like this Show all files");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn facts_are_corrected_and_files_accepted_in_place() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let id = id_of(&ingest.upload("Plate-MS-3mm-x2.dxf", &disc(40)).await);
        let at = format!("/console/files/{id}");
        let browser = Browser::new(&ingest);
        let page = browser.open(&at).await;
        for words in [
            "file name “3mm”",
            "Size 40 × 40 mm",
            "no project",
            "file.processed",
            "CUT",
        ] {
            page.assert_says(words);
        }
        let form = page.form(&at);
        let unchanged = browser.send(&form, &[]).await;
        unchanged.assert_says("nothing was changed");
        assert!(ingest.record(id).await["corrections"].is_null());

        let page = browser
            .send(&form, &[("thickness_mm", "5"), ("quantity", "many")])
            .await;
        assert_eq!(page.status, 422);
        let page = browser
            .send(&form, &[("thickness_mm", "5"), ("quantity", "7")])
            .await;
        page.assert_says("corrected thickness_mm, quantity");
        page.assert_says("corrected by hand");
        let record = ingest.record(id).await;
        assert_eq!(
            (&record["thickness_mm"], &record["quantity"]),
            (&5.0.into(), &7.into())
        );
        assert_eq!(
            record["corrections"].as_object().unwrap().len(),
            2,
            "only what was changed"
        );
        let late = browser.send(&form, &[("thickness_mm", "6")]).await;
        assert_eq!(late.status, 412, "the record has changed since that page");
        let form = page.form(&at);
        browser
            .send(&form, &[("thickness_mm", "")])
            .await
            .assert_says("corrected thickness_mm");
        assert_eq!(
            ingest.record(id).await["thickness_mm"],
            3.0,
            "as read again"
        );

        let page = browser.open("/console/check").await;
        page.assert_says("no project is known");
        let page = browser
            .send(
                &page.form(&at),
                &[("accept", "1"), ("part_name", "Base plate")],
            )
            .await;
        assert_eq!(page.path, "/console/check");
        page.assert_says("is accepted");
        page.assert_says("Nothing waits for you");
        let record = ingest.record(id).await;
        assert!(record["needs_review"].is_null(), "{record}");
        assert_eq!(record["part_name"], "Base plate");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn versions_stand_side_by_side_and_a_job_is_one_archive() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let fields = [("project_code", "JB-2026-11-CL0001-003")];
    for (thickness, diameter) in [("3", 40), ("5", 50)] {
        let name = format!("Plate-MS-{thickness}mm-x2.dxf");
        ingest.upload_with(&name, &disc(diameter), &fields).await;
    }
    let browser = Browser::new(&ingest);
    let page = browser.open("/console/files/2").await;
    let changed = page.texts("td > .tag[title=changed]");
    assert_eq!(changed, ["5", "50 × 50", "157.1"], "{}", page.text());
    let page = browser
        .open("/console/files?project_code=JB-2026-11-CL0001-003")
        .await;
    let zip = page
        .links()
        .into_iter()
        .find(|link| link.contains("files.zip"))
        .unwrap();
    let answer = browser
        .ask(browser.request(reqwest::Method::GET, &zip))
        .await;
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert!(answer.bytes().await.unwrap().starts_with(b"PK"));
    ingest.upload("no project.dxf", &disc(60)).await;
    let page = browser.open("/console").await;
    page.assert_says("1 file needs a look");
    let page = browser.send(&page.form("/console/seen"), &[]).await;
    assert!(!page.has("form[action='/console/seen']"), "{}", page.text());
    ingest.stop().await;
}

#[tokio::test]
async fn an_open_page_hears_of_a_file_at_once() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let browser = Browser::new(&ingest);
    let mut news = browser
        .ask(browser.request(reqwest::Method::GET, "/console/live"))
        .await;
    assert_eq!(news.headers()["content-type"], "text/event-stream");
    assert!(news.chunk().await.unwrap().unwrap().starts_with(b"retry"));
    ingest.upload("a.dxf", &disc(1)).await;
    let said = news.chunk().await.unwrap().unwrap();
    assert!(said.starts_with(b"event: files\n"), "{said:?}");
    // The service stops at once although the page still listens.
    ingest.stop().await;
    while let Ok(Some(_)) = news.chunk().await {}
}
