//! One request through the application: ids, problems, limits.

use actix_web::http::{Method, StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{HttpResponse, error, web};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{BodyLimits, Form, Json, Problem, Query, RequestId, app};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    quantity: u32,
}

fn routes(routes: &mut web::ServiceConfig) {
    async fn json(order: Json<Order>) -> String {
        order.0.quantity.to_string()
    }
    async fn form(order: Form<Order>) -> String {
        order.0.quantity.to_string()
    }
    async fn query(order: Query<Order>) -> String {
        order.0.quantity.to_string()
    }
    async fn path(id: web::Path<u32>) -> String {
        id.to_string()
    }
    async fn id() -> Result<String, Problem> {
        let id = RequestId::current().ok_or_else(|| Problem::internal("no id"))?;
        Ok(id.to_string())
    }
    async fn broken() -> Result<String, Problem> {
        Err(Problem::internal("hunter2"))
    }
    async fn foreign() -> Result<String, actix_web::Error> {
        Err(error::ErrorBadGateway("hunter2"))
    }
    async fn own() -> HttpResponse {
        HttpResponse::Conflict().body("mine")
    }
    routes
        .service(web::resource("/json").route(web::post().to(json)))
        .route("/form", web::post().to(form))
        .route("/query", web::get().to(query))
        .route("/path/{id}", web::get().to(path))
        .route("/id", web::get().to(id))
        .route("/broken", web::get().to(broken))
        .route("/foreign", web::get().to(foreign))
        .route("/own", web::get().to(own));
}

struct Answer {
    status: StatusCode,
    headers: header::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.body
        );
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }
}

async fn send(request: TestRequest) -> Answer {
    let limits = BodyLimits {
        bytes_max: 64,
        ..BodyLimits::default()
    };
    let service = init_service(app(routes, limits)).await;
    let answer = call_service(&service, request.to_request()).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    Answer {
        status,
        headers,
        body,
    }
}

fn post(path: &str, kind: &str, body: &'static str) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("content-type", kind))
        .set_payload(body)
}

#[actix_web::test]
async fn a_client_s_request_id_comes_back_and_reaches_the_handler() {
    let given = TestRequest::get()
        .uri("/id")
        .insert_header(("x-request-id", "abc-1"));
    let answer = send(given).await;
    assert_eq!(
        (answer.body.as_str(), answer.header("x-request-id")),
        ("abc-1", "abc-1")
    );

    let refused = TestRequest::get()
        .uri("/id")
        .insert_header(("x-request-id", "a b\"c"));
    let answer = send(refused).await;
    assert_eq!(answer.body, answer.header("x-request-id"));
    assert_eq!(answer.body.len(), 36, "{}", answer.body);
}

#[actix_web::test]
async fn typed_input_arrives() {
    let json = "application/json; charset=utf-8";
    assert_eq!(
        send(post("/json", json, r#"{"quantity":4}"#)).await.body,
        "4"
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send(post("/form", form, "quantity=5")).await.body, "5");
    let query = TestRequest::get().uri("/query?quantity=6");
    assert_eq!(send(query).await.body, "6");
}

#[actix_web::test]
async fn refused_input_is_a_problem_that_names_the_field() {
    let json = "application/json";
    let large = "{\"quantity\":1                                                        }";
    for (request, status, code, field) in [
        (
            post("/json", json, r#"{"quantity":"x"}"#),
            422,
            "invalid_field",
            "quantity",
        ),
        (post("/json", json, "{}"), 422, "invalid_field", "quantity"),
        (post("/json", json, "{"), 400, "invalid_json", ""),
        (post("/json", json, large), 413, "body_too_large", ""),
        (
            post("/json", "text/plain", "{}"),
            415,
            "unsupported_media_type",
            "",
        ),
        (
            TestRequest::post().uri("/json"),
            415,
            "unsupported_media_type",
            "",
        ),
        (
            post("/form", json, "quantity=5"),
            415,
            "unsupported_media_type",
            "",
        ),
        (
            post("/form", "application/x-www-form-urlencoded", "colour=5"),
            422,
            "invalid_field",
            "colour",
        ),
        (
            TestRequest::get().uri("/query?quantity=-1"),
            422,
            "invalid_field",
            "quantity",
        ),
        (TestRequest::get().uri("/path/x"), 404, "not_found", ""),
    ] {
        let answer = send(request).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{problem}"
        );
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert_eq!(named, field, "{problem}");
    }
}

#[actix_web::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let answer = send(TestRequest::get().uri("/nowhere?secret=1")).await;
    assert_eq!(answer.problem()["code"], "not_found");

    let answer = send(TestRequest::default().method(Method::DELETE).uri("/json")).await;
    assert_eq!(answer.problem()["code"], "method_not_allowed");
    assert_eq!(answer.header("allow"), "POST");
}

#[actix_web::test]
async fn no_cause_of_a_5xx_is_shown_and_own_error_bodies_are_left_alone() {
    for path in ["/broken", "/foreign"] {
        let answer = send(TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.problem()["code"], "internal");
        assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    }
    assert_eq!(send(TestRequest::get().uri("/own")).await.body, "mine");
}
