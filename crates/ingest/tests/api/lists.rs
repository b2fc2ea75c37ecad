//! Lists: filters, pages, search.

use serde_json::Value as Json;
use testkit::TempDb;

use crate::harness::{TestIngest, assert_problem, disc, id_of};

fn names(list: &Json) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["original_filename"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn filters_narrow_and_search_takes_signs_as_they_are() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let in_project = [
            ("client_code", "CL0001"),
            ("project_code", "JB-2025-10-CL0001-001"),
        ];
        ingest
            .upload_with("0001-Lid-MS-2mm-x1.dxf", &disc(1), &in_project)
            .await;
        ingest.upload("0002-Ring-SS-1.2mm-x2.dxf", &disc(2)).await;
        ingest.upload("100%_done-MS-3mm-x1.dxf", &disc(3)).await;
        ingest.upload("Ärmel ÊTRE-MS-3mm-x1.dxf", &disc(4)).await;
        ingest.upload("plan.pdf", b"%PDF-1.7\n").await;
        for (query, expected) in [
            (
                "",
                vec![
                    "plan.pdf",
                    "Ärmel ÊTRE-MS-3mm-x1.dxf",
                    "100%_done-MS-3mm-x1.dxf",
                    "0002-Ring-SS-1.2mm-x2.dxf",
                    "0001-Lid-MS-2mm-x1.dxf",
                ],
            ),
            ("client_code=CL0001", vec!["0001-Lid-MS-2mm-x1.dxf"]),
            (
                "project_code=JB-2025-10-CL0001-001",
                vec!["0001-Lid-MS-2mm-x1.dxf"],
            ),
            (
                "material=Stainless%20Steel",
                vec!["0002-Ring-SS-1.2mm-x2.dxf"],
            ),
            ("thickness_mm=1.2", vec!["0002-Ring-SS-1.2mm-x2.dxf"]),
            (
                "thickness_mm=3&material=Mild%20Steel&limit=1",
                vec!["Ärmel ÊTRE-MS-3mm-x1.dxf"],
            ),
            ("file_type=pdf", vec!["plan.pdf"]),
            ("status=failed", vec!["plan.pdf"]),
            ("status=processing", vec![]),
            ("q=lid", vec!["0001-Lid-MS-2mm-x1.dxf"]),
            ("q=100%25_", vec!["100%_done-MS-3mm-x1.dxf"]),
            ("q=%25", vec!["100%_done-MS-3mm-x1.dxf"]),
            ("q=_", vec!["100%_done-MS-3mm-x1.dxf"]),
            ("q=être", vec!["Ärmel ÊTRE-MS-3mm-x1.dxf"]),
            ("q=ÄRMEL", vec!["Ärmel ÊTRE-MS-3mm-x1.dxf"]),
            ("q=JB-2025-10", vec!["0001-Lid-MS-2mm-x1.dxf"]),
            ("q=!", vec![]),
            ("q='%20OR%201=1", vec![]),
        ] {
            let list = ingest.ok(&format!("/files?{query}")).await;
            assert_eq!(names(&list), expected, "{query}");
        }
        let review = ingest.ok("/files?needs_review=true").await["total"]
            .as_i64()
            .unwrap();
        let settled = ingest.ok("/files?needs_review=false").await["total"]
            .as_i64()
            .unwrap();
        assert_eq!(review + settled, 5);
        assert!(review > 0, "files without a project want a person");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn pages_and_cursors_walk_the_whole_list_once() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    for number in 1..=7 {
        ingest.upload(&format!("{number}.dxf"), &disc(number)).await;
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let list = ingest.ok(&format!("/files?limit=3{next}")).await;
        assert_eq!(list["total"], 7, "the total is of all pages");
        seen.extend(names(&list).into_iter().map(str::to_owned));
        match list["next_cursor"].as_i64() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let expected: Vec<String> = (1..=7)
        .rev()
        .map(|number| format!("{number}.dxf"))
        .collect();
    assert_eq!(seen, expected);
    let page = ingest.ok("/files?limit=2&offset=5").await;
    assert_eq!(names(&page), ["2.dxf", "1.dxf"]);
    assert_eq!(ingest.ok("/files?skip=6").await["count"], 1);
    assert_eq!(ingest.ok("/files?offset=100").await["count"], 0);
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "status=done",
        "file_type=dwg",
        "thickness_mm=thin",
        "needs_review=perhaps",
        "colour=red",
        "cursor=next",
        "q=%00",
        "client_code=a%00",
    ] {
        let answer = ingest.get(&format!("/files?{query}")).await;
        assert_problem(
            &answer,
            422,
            "invalid_field",
            query.split('=').next().unwrap(),
        );
    }
    ingest.stop().await;
}

#[tokio::test]
async fn versions_are_of_one_part_in_one_project() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let name = "0001-Lid-MS-2mm-x1.dxf";
    let first = id_of(&ingest.upload(name, &disc(1)).await);
    let second = id_of(&ingest.upload(name, &disc(2)).await);
    ingest
        .upload_with(name, &disc(1), &[("project_code", "JB-2025-10-CL0001-001")])
        .await;
    ingest.upload("0001-Base-MS-2mm-x1.dxf", &disc(1)).await;
    let versions = ingest.ok(&format!("/files/{first}/versions")).await;
    let ids: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_i64())
        .collect();
    assert_eq!(
        (ids, versions["total"].as_i64()),
        (vec![Some(second), Some(first)], Some(2))
    );
    assert_eq!(ingest.get("/files/99/versions").await.0, 404);
    ingest.stop().await;
}
