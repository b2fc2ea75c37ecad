//! Clients, projects and lists.

use contract::FileEventKind;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{PROJECT, TestReceiver, event, snapshot};

#[tokio::test]
async fn clients_and_projects_are_made_listed_and_not_made_twice() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let client = json!({"code": "cl-0001", "name": "Acme"});
        let (status, made) = shop.post("/clients", &client).await;
        assert_eq!((status, &made["code"]), (201, &json!("CL0001")));
        let (status, problem) = shop.post("/clients/", &client).await;
        assert_eq!((status, &problem["code"]), (409, &json!("conflict")));

        let (status, first) = shop
            .post(
                "/projects",
                &json!({"client_code": "CL0001", "name": "Gates"}),
            )
            .await;
        assert_eq!(status, 201, "{first}");
        let code = first["code"].as_str().unwrap().to_owned();
        assert!(
            code.starts_with("JB-20") && code.ends_with("-CL0001-001"),
            "{code}"
        );
        assert_eq!(first["client_name"], "Acme");
        let (_, second) = shop
            .post("/projects", &json!({"client_code": "CL0001"}))
            .await;
        assert!(
            second["code"].as_str().unwrap().ends_with("-CL0001-002"),
            "{second}"
        );
        let given = json!({"code": "jb 2025 10 cl0001 001"});
        assert_eq!(shop.post("/projects", &given).await.1["code"], PROJECT);
        assert_eq!(shop.post("/projects", &given).await.0, 409);

        let (_, found) = shop
            .get(&format!("/projects/{}", code.to_lowercase()))
            .await;
        assert_eq!(
            (&found["id"], &found["name"]),
            (&first["id"], &json!("Gates"))
        );
        assert_eq!(shop.items("/projects?client_code=cl-0001").await.len(), 3);
        assert_eq!(shop.items("/projects?q=gAtE").await.len(), 1);
        assert_eq!(shop.items("/projects?q=%25").await.len(), 0);
        let (_, page) = shop.get("/projects?limit=1&skip=1").await;
        assert_eq!(
            (&page["total"], &page["items"][0]["code"]),
            (&json!(3), &second["code"])
        );
        assert_eq!(shop.items("/clients?q=acme").await.len(), 1);
        shop.stop().await;
    }
}

fn unusable_bodies() -> [(&'static str, Json, &'static str); 12] {
    let long = "x".repeat(201);
    let two = json!({"code": "JB-2025-10-CL0002-001", "client_code": "CL0001"});
    [
        ("/clients", json!({"code": "X", "name": "n"}), "code"),
        ("/clients", json!({"code": "CL0002", "name": " "}), "name"),
        ("/clients", json!({"code": "CL0002", "name": long}), "name"),
        (
            "/clients",
            json!({"code": "CL0002", "name": "a\u{0}"}),
            "name",
        ),
        ("/clients", json!({"code": "CL0002"}), "name"),
        (
            "/clients",
            json!({"code": "CL0002", "name": "n", "colour": 1}),
            "colour",
        ),
        ("/projects", json!({}), "client_code"),
        ("/projects", json!({"client_code": "CL0009"}), "client_code"),
        ("/projects", json!({"client_code": "nobody"}), "client_code"),
        ("/projects", json!({"code": "today"}), "code"),
        (
            "/projects",
            json!({"code": "PO-2025-01-ACME-1234"}),
            "client_code",
        ),
        ("/projects", two, "client_code"),
    ]
}

const UNUSABLE_QUERIES: [(&str, &str); 7] = [
    ("/design-files?limit=0", "limit"),
    ("/design-files?limit=1001", "limit"),
    ("/design-files?offset=-1", "offset"),
    ("/design-files?status=odd", "status"),
    ("/design-files?colour=1", "colour"),
    ("/design-files?q=a%00b", "q"),
    ("/inbox?state=odd", "state"),
];

const MISSING: [&str; 6] = [
    "/projects/JB-2025-10-CL0001-999",
    "/projects/odd%00",
    "/projects/JB-2025-10-CL0001-999/design-files",
    "/design-files/999",
    "/design-files/x",
    "/nowhere",
];

#[tokio::test]
async fn what_cannot_be_used_names_its_field() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    for (path, body, field) in unusable_bodies() {
        let (status, problem) = shop.post(path, &body).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    for (path, field) in UNUSABLE_QUERIES {
        let (status, problem) = shop.get(path).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    for path in MISSING {
        assert_eq!(shop.get(path).await.0, 404, "{path}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn design_files_are_filtered_paged_and_hidden_when_deleted() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        for id in 1..=5_i64 {
            let mut facts = snapshot(id);
            facts.created_at_ms = Some(1_761_042_600_000 + id);
            facts.version = Some(id);
            if id == 3 {
                facts.material = Some("Stainless".to_owned());
                facts.part_name = Some("Gusset 100%".to_owned());
                facts.client_code = Some("CL0002".to_owned());
            }
            let kind = if id == 5 {
                FileEventKind::Deleted
            } else {
                FileEventKind::Processed
            };
            assert_eq!(shop.send("shop", &event(kind, 1, &facts)).await.0, 200);
        }
        let ids = async |query: &str| -> Vec<i64> {
            let files = shop.items(&format!("/design-files{query}")).await;
            files
                .iter()
                .map(|file| file["ingest_id"].as_i64().unwrap())
                .collect()
        };
        assert_eq!(ids("").await, [4, 3, 2, 1]);
        assert_eq!(ids("/").await, [4, 3, 2, 1]);
        assert_eq!(ids("?include_deleted=true").await, [5, 4, 3, 2, 1]);
        assert_eq!(ids("?status=deleted").await, [5]);
        assert_eq!(ids("?status=completed&limit=2&offset=1").await, [3, 2]);
        assert_eq!(ids("?material=stainless").await, [3]);
        assert_eq!(ids("?client_code=cl-0002").await, [3]);
        assert_eq!(ids("?q=100%25").await, [3]);
        assert_eq!(ids("?q=_").await, Vec::<i64>::new());
        assert_eq!(
            ids(&format!("?project_code={PROJECT}&q=BRACKET")).await,
            [4, 3, 2, 1]
        );
        // All claim one stored name; the latest upload holds it.
        let name = snapshot(1).stored_filename.unwrap();
        assert_eq!(ids(&format!("?stored_filename={name}&limit=1")).await, [4]);

        let one = &shop.items("/design-files?limit=1").await[0];
        let (_, file) = shop.get(&format!("/design-files/{}/", one["id"])).await;
        let versions: Vec<&Json> = file["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| &v["version"])
            .collect();
        assert_eq!(versions, [5, 4, 2, 1]);
        shop.stop().await;
    }
}

#[tokio::test]
async fn the_service_says_who_and_how_it_is() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let (status, card) = shop.get("/").await;
    assert_eq!(
        (status, &card["service"]),
        (200, &json!("draftwire receiver"))
    );
    assert_eq!(shop.get("/health").await.1["status"], "healthy");
    assert_eq!(
        shop.get("/ready").await.1["checks"]["database"]["state"],
        "up"
    );
    let (_, health) = shop.get("/webhooks/module-n/health/").await;
    let expected = json!({
        "status": "healthy", "service": "draftwire receiver", "endpoint": "/webhooks/module-n/event",
    });
    assert_eq!(health, expected);
    shop.stop().await;
}
