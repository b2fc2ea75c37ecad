//! The pages: who may see and do what, how forms are protected, that every link leads somewhere, and that what strangers
//! wrote stays text.

use reqwest::Method;
use testkit::TempDb;

use crate::browser::Browser;
use crate::harness::{TestIngest, disc, disc_with_text, fixture, id_of};
use crate::keys::{AUTH, key};

const NASTY: &str = "<img src=x onerror=alert(1)>\"'&amp;.dxf";

#[tokio::test]
async fn without_keys_the_pages_are_open_and_forms_still_need_their_token() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let browser = Browser::new(&ingest);
    let page = browser.open("/console").await;
    assert_eq!(page.status, 200);
    page.assert_says("No files yet");
    assert!(!page.has("form[action='/console/sign-out']"));
    let signed_in = browser.open("/console/sign-in").await;
    assert_eq!(signed_in.path, "/console", "nobody has to sign in");

    let id = id_of(&ingest.upload("a-MS-3mm-x1.dxf", &disc(1)).await);
    let form = browser.open(&format!("/console/files/{id}")).await;
    let form = form.form(&format!("/console/files/{id}/delete"));
    for token in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let page = browser.send(&form, &[("csrf", token)]).await;
        assert_eq!(page.status, 403, "{token}");
        page.assert_says("not from a page of this session");
    }
    let stranger = Browser::new(&ingest);
    assert_eq!(
        stranger.send(&form, &[]).await.status,
        403,
        "another session's token"
    );
    for (name, value, status) in [
        ("origin", "https://evil.example", 421),
        ("origin", "null", 421),
        ("origin", "http://127.0.0.1:1", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
    ] {
        let request = browser
            .request(Method::POST, &form.action)
            .header(name, value);
        let body = format!("csrf={}", form.fields[0].1);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = browser.ask(request.body(body)).await;
        assert_eq!(answer.status(), status, "{name}: {value}");
    }
    let upload = browser
        .open("/console/upload")
        .await
        .form("/console/upload");
    let mut unsigned = upload.clone();
    unsigned.fields[0].1 = "x".to_owned();
    assert_eq!(
        browser
            .upload(&unsigned, &[("b.dxf", &disc(2))])
            .await
            .status,
        403
    );
    unsigned.fields.remove(0);
    assert_eq!(
        browser
            .upload(&unsigned, &[("b.dxf", &disc(2))])
            .await
            .status,
        403
    );
    assert_eq!(ingest.ok("/files").await["total"], 1, "nothing was changed");

    ingest.stop().await;
}

#[tokio::test]
async fn a_deletion_can_be_undone_and_is_told_once() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let browser = Browser::new(&ingest);
    let id = id_of(&ingest.upload("a-MS-3mm-x1.dxf", &disc(1)).await);
    let form = browser.open(&format!("/console/files/{id}")).await;
    let form = form.form(&format!("/console/files/{id}/delete"));
    let page = browser.send(&form, &[]).await;
    assert_eq!((page.status, page.path.as_str()), (200, "/console/files"));
    page.assert_says("is deleted");
    let undo = page.form(&format!("/console/files/{id}/restore"));
    assert!(
        !browser.open("/console/files").await.has("[role=status]"),
        "told once"
    );
    let page = browser.send(&undo, &[]).await;
    page.assert_says("is back");
    assert_eq!(ingest.record(id).await["is_deleted"], false);
    ingest.stop().await;
}

#[tokio::test]
async fn a_key_opens_a_session_and_its_end_ends_it() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    let reader = key(&temp, "default", &["read"]).await;
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let browser = Browser::new(&ingest);
    let page = browser.open("/console/files?q=a%20b").await;
    assert_eq!(
        page.path,
        "/console/sign-in?next=%2Fconsole%2Ffiles%3Fq%3Da%2520b"
    );
    let form = page.form("/console/sign-in");
    let page = browser.send(&form, &[("key", &admin)]).await;
    assert_eq!(
        page.path, "/console/files?q=a%20b",
        "back to where it began"
    );
    assert!(!page.html.contains(&admin), "the key is not in the page");

    let page = browser.open("/console").await;
    let cookie = browser.request(Method::GET, "/console").build().unwrap();
    let cookie = cookie.headers()["cookie"].to_str().unwrap().to_owned();
    assert!(!cookie.contains(&admin), "nor in the cookie");
    let elsewhere = Browser::new(&ingest);
    let tampered = cookie.replacen("session=", "session=A", 1);
    let request = elsewhere
        .request(Method::GET, "/console")
        .header("cookie", tampered);
    assert_eq!(elsewhere.ask(request).await.status(), 303);

    let page = browser.send(&page.form("/console/sign-out"), &[]).await;
    assert_eq!(page.path, "/console/sign-in");
    assert_eq!(
        browser.open("/console").await.path,
        "/console/sign-in?next=%2Fconsole"
    );

    let watching = Browser::with_key(&ingest, &reader).await;
    let keys = ingest
        .request(Method::GET, "/api/v1/keys")
        .bearer_auth(&admin);
    let keys: serde_json::Value =
        serde_json::from_slice(&keys.send().await.unwrap().bytes().await.unwrap()).unwrap();
    let hint = reader.split_at(reader.len() - 4).1;
    let id = keys["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["hint"] == hint)
        .unwrap()["id"]
        .clone();
    let revoked = ingest
        .request(Method::DELETE, &format!("/api/v1/keys/{id}"))
        .bearer_auth(&admin);
    assert_eq!(revoked.send().await.unwrap().status(), 204);
    assert_eq!(
        watching.open("/console").await.path,
        "/console/sign-in?next=%2Fconsole"
    );
    ingest.stop().await;
}

#[tokio::test]
async fn wrong_keys_are_refused_and_soon_have_to_wait() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    let extra = [
        "ingest.auth=true",
        "console.sign_in_failures_per_minute_max=3",
    ];
    let ingest = TestIngest::start_with(&temp, &extra).await;
    let browser = Browser::new(&ingest);
    let page = browser.sign_in(&admin).await;
    assert_eq!(page.status, 200);
    let stranger = Browser::new(&ingest);
    for wrong in [
        "",
        "password",
        "dw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let page = stranger.sign_in(wrong).await;
        assert_eq!(page.status, 401, "{wrong}");
        page.assert_says("No live key is like this one");
    }
    let page = stranger.sign_in(&admin).await;
    assert_eq!(page.status, 429);
    page.assert_says("wait");
    assert_eq!(
        browser.open("/console").await.status,
        200,
        "who is in stays in"
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_reading_key_sees_no_buttons_and_does_nothing() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    let reader = key(&temp, "default", &["read"]).await;
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let at_work = Browser::with_key(&ingest, &admin).await;
    let form = at_work
        .open("/console/upload")
        .await
        .form("/console/upload");
    let page = at_work
        .upload(&form, &[("a-MS-3mm-x1.dxf", &disc(1))])
        .await;
    page.assert_says("to check a-MS-3mm-x1.dxf dxf");
    let watching = Browser::with_key(&ingest, &reader).await;
    for path in watching.every_page().await {
        let page = watching.open(&path).await;
        let foreign =
            "form[method=post]:not([action='/console/sign-out']):not([action='/console/seen'])";
        let forms: Vec<String> = page
            .parsed()
            .select(&crate::browser::selector(foreign))
            .map(|form| form.html())
            .collect();
        let of_facts = forms.iter().all(|form| !form.contains("<button"));
        assert!(of_facts, "{path} offers what is refused: {forms:?}");
    }
    let id = 1;
    let form = at_work
        .open(&format!("/console/files/{id}"))
        .await
        .form(&format!("/console/files/{id}/delete"));
    let own = watching
        .open("/console")
        .await
        .form("/console/sign-out")
        .fields;
    let page = watching.send(&form, &[("csrf", &own[0].1)]).await;
    assert_eq!(page.status, 403);
    page.assert_says("this needs the scope upload");
    ingest.stop().await;
}

#[tokio::test]
async fn one_tenants_session_finds_nothing_of_another() {
    let temp = TempDb::sqlite();
    let (a, b) = (
        key(&temp, "a", &["admin"]).await,
        key(&temp, "b", &["admin"]).await,
    );
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let (a, b) = (
        Browser::with_key(&ingest, &a).await,
        Browser::with_key(&ingest, &b).await,
    );
    let form = a.open("/console/upload").await.form("/console/upload");
    a.upload(&form, &[("secret-MS-3mm-x1.dxf", &disc(1))]).await;
    let token = b
        .open("/console")
        .await
        .form("/console/sign-out")
        .fields
        .remove(0)
        .1;
    for path in a
        .every_page()
        .await
        .into_iter()
        .filter(|path| path.contains("/files/"))
    {
        let page = b.open(&path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.html.contains("secret"), "{path}");
    }
    for action in ["", "/delete", "/restore", "/re-extract"] {
        let form = crate::browser::Form {
            action: format!("/console/files/1{action}"),
            fields: vec![("csrf".to_owned(), token.clone())],
        };
        let filled: &[(&str, &str)] = if action.is_empty() {
            &[("tag", "x"), ("part_name", "y")]
        } else {
            &[]
        };
        assert_eq!(b.send(&form, filled).await.status, 404, "{action}");
    }
    assert!(!b.open("/console/files").await.html.contains("secret"));
    assert!(!b.open("/console").await.html.contains("secret"));
    ingest.stop().await;
}

#[tokio::test]
async fn every_link_leads_somewhere_and_what_strangers_wrote_stays_text() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let browser = Browser::new(&ingest);
    let form = browser
        .open("/console/upload")
        .await
        .form("/console/upload");
    let text = disc_with_text("<script>alert(2)</script>");
    let whole = fixture("good/0010-Vent panel-Galv-1.2mm-x20.dxf");
    let files: [(&str, &[u8]); 4] = [
        (NASTY, &text),
        ("0010-Vent panel-Galv-1.2mm-x20.dxf", &whole),
        ("broken.dxf", b"0\nSECTION\n2\nENTITIES\n0\n"),
        (
            "list.txt",
            b"Part: <img src=x onerror=alert(3)>\nMaterial: MS\n",
        ),
    ];
    let page = browser.upload(&form, &files).await;
    assert_eq!(page.status, 200);
    page.assert_says("<img src=x onerror=alert(1)>");
    let pages = browser.every_page().await;
    assert!(pages.len() > 10, "{pages:?}");
    for path in &pages {
        let page = browser.open(path).await;
        assert!(!page.has("script:not([src^='/console/assets/'])"), "{path}");
        assert!(!page.has("[onload], [onerror], img[src=x]"), "{path}");
    }
    assert_eq!(browser.open("/console/nowhere").await.status, 404);
    assert_eq!(browser.open("/console/files/abc").await.status, 404);
    assert_eq!(
        browser.open("/console/files?status=nonsense").await.status,
        422
    );
    ingest.stop().await;
}

#[tokio::test]
async fn keys_are_not_taken_over_connections_that_others_can_read() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    for (forwarded, proto, allow, status, says) in [
        (
            "192.168.1.5",
            "http",
            false,
            403,
            "This connection is not encrypted, so a key",
        ),
        ("192.168.1.5", "http", true, 303, ""),
        (
            "203.0.113.9",
            "http",
            true,
            403,
            "This connection is not encrypted, so a key",
        ),
        ("203.0.113.9", "https", false, 303, ""),
    ] {
        let allow = format!("console.allow_plain_http={allow}");
        let extra = [
            "ingest.auth=true",
            "console.trusted_proxies=127.0.0.1",
            &allow,
        ];
        let ingest = TestIngest::start_with(&temp, &extra).await;
        let browser = Browser::new(&ingest);
        let by_proxy = |request: reqwest::RequestBuilder| {
            let request = request.header("x-forwarded-for", forwarded);
            request.header("x-forwarded-proto", proto)
        };
        let page = browser.request(Method::GET, "/console/sign-in");
        let answer = browser.ask(by_proxy(page)).await;
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert_eq!(cookie.contains("Secure"), proto == "https", "{cookie}");
        let html = answer.text().await.unwrap();
        assert_eq!(html.contains("can be read on the network"), proto == "http");
        let token = html.split("name=\"csrf\" value=\"").nth(1);
        let token = token.map_or("x", |rest| rest.split('"').next().unwrap());
        let request = by_proxy(browser.request(Method::POST, "/console/sign-in"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = browser
            .ask(request.body(format!("csrf={token}&key={admin}")))
            .await;
        assert_eq!(answer.status(), status, "{forwarded} {proto} {allow}");
        assert!(html.contains(says), "{html}");
        ingest.stop().await;
    }
}
