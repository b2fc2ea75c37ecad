//! What a person accepts stays accepted however often it is read, is shown with who and when, can be taken back, and holds
//! for no other reason.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::browser::Browser;
use crate::harness::{TestIngest, answer, id_of};
use crate::keys::{AUTH, key};

/// A disc, and a line that is no contour.
const OPEN: &[u8] = b"0\nSECTION\n2\nENTITIES\n0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n50\n\
    0\nLINE\n8\nCUT\n10\n200\n20\n0\n11\n300\n21\n0\n0\nENDSEC\n0\nEOF\n";
const NAME: &str = "0001-Lid-MS-2mm-x3.dxf";

fn codes(reviews: &Json) -> Vec<&str> {
    let reviews = reviews.as_array().map_or(&[][..], Vec::as_slice);
    reviews
        .iter()
        .filter_map(|review| review["code"].as_str())
        .collect()
}

async fn read_again(ingest: &TestIngest, id: i64) -> Json {
    assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 202);
    ingest.settled(id).await
}

#[tokio::test]
async fn an_acceptance_outlives_readings_and_can_be_taken_back() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let id = id_of(&ingest.upload(NAME, OPEN).await);
        let before = ingest.record(id).await;
        let asked = codes(&before["needs_review"]);
        assert!(
            asked.contains(&"open_contours") && asked.contains(&"no_project"),
            "{asked:?}"
        );
        assert_eq!(before["accepted"], Json::Null);
        let at = format!("/files/{id}/accept");
        let (status, said) = ingest.post(&at).await;
        assert_eq!(
            (status, &said["file"]["needs_review"]),
            (200, &Json::Null),
            "{said}"
        );
        let accepted = said["file"]["accepted"].clone();
        assert_eq!(codes(&accepted["reasons"]), asked);
        assert_eq!(accepted["by"], Json::Null, "keys are not asked for");
        // Once more changes nothing and tells nobody.
        assert_eq!(ingest.post(&at).await.1["file"], said["file"]);

        let again = read_again(&ingest, id).await;
        assert_eq!(
            (&again["needs_review"], &again["accepted"]),
            (&Json::Null, &accepted)
        );
        let patch = ingest.request(Method::PATCH, &format!("/files/{id}"));
        let corrected = answer(patch.json(&json!({"quantity": 9}))).await.1;
        assert_eq!(corrected["file"]["needs_review"], Json::Null);

        let (status, back) = ingest.delete(&at).await;
        assert_eq!(status, 200, "{back}");
        assert_eq!(codes(&back["file"]["needs_review"]), asked);
        assert_eq!(back["file"]["accepted"], Json::Null);
        assert_eq!(
            back["file"]["corrections"],
            json!({"quantity": 9}),
            "what was corrected stays"
        );
        assert_eq!(
            ingest.delete(&at).await.1["file"],
            back["file"],
            "there is nothing more to take back"
        );

        let events = ingest.events(6).await;
        let told: Vec<_> = events[2..]
            .iter()
            .map(|event| {
                let data = &event["data"];
                (
                    data["reason"].as_str().unwrap(),
                    data["extraction"]["needs_review"].as_array().unwrap().len(),
                )
            })
            .collect();
        let (none, all) = (0, asked.len());
        assert_eq!(
            told,
            [
                ("corrected", none),
                ("re_extracted", none),
                ("corrected", none),
                ("corrected", all)
            ]
        );
        ingest.stop().await;
    }
}

#[tokio::test]
async fn another_reason_asks_again() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let id = id_of(&ingest.upload(NAME, OPEN).await);
        let accepted = ingest.post(&format!("/files/{id}/accept")).await.1;
        let reasons = accepted["file"]["accepted"]["reasons"]
            .as_array()
            .unwrap()
            .clone();
        let open = reasons
            .iter()
            .find(|reason| reason["code"] == "open_contours")
            .unwrap();
        let said = open["message"].as_str().unwrap();
        // As if the bytes had been read otherwise when they were accepted.
        crate::restarts::batch(
            &temp,
            &format!("UPDATE files SET accepted = replace(accepted, '{said}', 'less')"),
        );
        let again = read_again(&ingest, id).await;
        assert_eq!(
            codes(&again["needs_review"]),
            ["open_contours"],
            "the others are accepted"
        );
        let accepted = ingest.post(&format!("/files/{id}/accept")).await.1;
        assert_eq!(
            accepted["file"]["accepted"]["reasons"]
                .as_array()
                .unwrap()
                .len(),
            reasons.len() + 1
        );
        assert_eq!(read_again(&ingest, id).await["needs_review"], Json::Null);
        ingest.events(6).await;
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_page_says_who_accepted_and_takes_it_back() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    let reader = key(&temp, "default", &["read"]).await;
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let browser = Browser::with_key(&ingest, &admin).await;
    let form = browser
        .open("/console/upload")
        .await
        .form("/console/upload");
    browser
        .upload(&form, &[(NAME, OPEN)])
        .await
        .assert_says("to check");
    let page = browser.open("/console/files/1").await;
    let accept = page.form("/console/files/1");
    let page = browser.send(&accept, &[("accept", "1")]).await;
    page.assert_says("with the key test");
    page.assert_says("accepted as read");
    page.assert_says("Another reason asks again");
    let watching = Browser::with_key(&ingest, &reader).await;
    let seen = watching.open("/console/files/1").await;
    seen.assert_says("with the key test");
    let back = "/console/files/1/look-again";
    assert!(!seen.has(&format!("form[action='{back}']")));
    let page = browser.send(&page.form(back), &[]).await;
    page.assert_says("is no longer accepted");
    assert!(page.has("form button[name=accept]") && !page.has("#accepted"));
    let page = browser
        .send(&page.form("/console/files/1"), &[("accept", "1")])
        .await;
    let undone = browser.send(&page.form(back), &[]).await;
    undone.assert_says("open contours");
    ingest.stop().await;
}
