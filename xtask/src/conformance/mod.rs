//! `cargo xtask conformance`: what our real service sends, through rotations of secrets and in every profile, is held
//! against the Standard Webhooks libraries for Python, JavaScript and Rust and against the snippets of docs/verify;
//! what was tampered with must be refused by all of them. It must never download anything but those libraries.

mod capture;
#[path = "../../../docs/verify/verify.rs"]
#[expect(unreachable_pub, reason = "the snippet is for others to take over")]
mod verify;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::apt;
use crate::service_process::Service;
use crate::wire::Client;
use capture::{Capture, Captured};

const PYTHON_LIBRARY: &str = "standardwebhooks==1.1.0";
const NODE_LIBRARY: &str = "standardwebhooks@1.1.1";
/// Names of what is sent, the profiles, and whether in batches.
const FORMS: [(&str, &str, bool); 7] = [
    ("standard", "standard", false),
    ("module-n", "module-n", false),
    ("resource", "resource", false),
    ("canonical", "canonical", false),
    ("cloudevents", "cloudevents", false),
    ("standard-batch", "standard", true),
    ("cloudevents-batch", "cloudevents", true),
];
const BASE: &str = "/api/v1/webhooks";
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(20);

#[derive(Args)]
pub(crate) struct Arguments {
    /// A `draftwire` whose deliveries are checked, instead of a build of this one
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
    /// Download nothing: the library for Rust, and the snippets as far as Python and Node are installed
    #[arg(long)]
    pub(crate) offline: bool,
}

/// A delivery, by whom it is to be checked, and with which result.
struct Case {
    name: String,
    /// A secret, or a public key.
    secret: String,
    delivery: Captured,
    valid: bool,
}

/// Captures, checks and prints.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), String> {
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => build(root)?,
    };
    let folder = root.join("target/conformance");
    let capture = Capture::start().map_err(|error| error.to_string())?;
    let service = Service::start(&program, &folder.join("service"), None, &[])?;
    let mut cases = Vec::new();
    for form in FORMS {
        cases.extend(rotated(&service, &capture, form)?);
    }
    cases.extend(ed25519(&service, &capture)?);
    let tampered: Vec<Case> = cases.iter().flat_map(Case::tampered).collect();
    cases.extend(tampered);
    println!("{} cases from {} deliveries", cases.len(), capture.count());
    let file = folder.join("cases.json");
    let all: Vec<Value> = cases.iter().map(Case::json).collect();
    std::fs::write(&file, Value::from(all).to_string())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let wrong = [
        in_rust(&cases),
        in_python(root, &folder, &file, arguments.offline),
        in_node(root, &folder, &file, arguments.offline),
    ];
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(
        Command::new(cargo)
            .current_dir(root)
            .args(["build", "--package", "draftwire"]),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target
        .unwrap_or_else(|| root.join("target"))
        .join("debug/draftwire"))
}

/// One delivery under the first secret, one while the second takes over, one under the third alone.
fn rotated(
    service: &Service,
    capture: &Capture,
    (form, profile, batched): (&str, &str, bool),
) -> Result<Vec<Case>, String> {
    let url = format!("{}/{form}", capture.url());
    let batch = batched.then(|| json!({"max_wait_ms": 0}));
    let fields =
        json!({"url": url, "events": ["file.processed"], "profile": profile, "batch": batch});
    let made = ask(service, "/subscriptions", &fields)?;
    let rotate = format!("/subscriptions/{}/rotate-secret", text(&made, "id")?);
    let first = text(&made, "secret")?;
    let before = delivered(service, capture, form)?;
    let second = text(
        &ask(service, &rotate, &json!({"overlap_seconds": 3_600}))?,
        "secret",
    )?;
    let during = delivered(service, capture, form)?;
    let third = text(
        &ask(service, &rotate, &json!({"overlap_seconds": 0}))?,
        "secret",
    )?;
    let after = delivered(service, capture, form)?;
    let case = |delivery: &Captured, when: &str, which: &str, secret: &str, valid: bool| Case {
        name: format!("{form}, {when}, {which} secret"),
        secret: secret.to_owned(),
        delivery: delivery.clone(),
        valid,
    };
    Ok(vec![
        case(&before, "before", "first", &first, true),
        case(&before, "before", "second", &second, false),
        case(&during, "during", "first", &first, true),
        case(&during, "during", "second", &second, true),
        case(&after, "after", "third", &third, true),
        case(&after, "after", "first", &first, false),
    ])
}

/// Both kinds of signature at once, each verified by itself.
fn ed25519(service: &Service, capture: &Capture) -> Result<Vec<Case>, String> {
    let name = "ed25519";
    let url = format!("{}/{name}", capture.url());
    let fields = json!({"url": url, "events": ["file.processed"], "signing": "both"});
    let made = ask(service, "/subscriptions", &fields)?;
    let delivery = delivered(service, capture, name)?;
    let case = |field: &str| {
        Ok::<_, String>(Case {
            name: format!("{name}, {field}"),
            secret: text(&made, field)?,
            delivery: delivery.clone(),
            valid: true,
        })
    };
    Ok(vec![case("public_key")?, case("secret")?])
}

/// Publishes one event; answers what came to this path because of it.
fn delivered(service: &Service, capture: &Capture, path: &str) -> Result<Captured, String> {
    let before = capture.at(path).len();
    let data = json!({"ingest_id": 7, "original_filename": "café Ω.dxf", "file_size": 1e3, "status": "completed"});
    let event = json!({"type": "file.processed", "subject": "file/7", "data": data});
    ask(service, "/events", &event)?;
    let deadline = Instant::now() + ARRIVAL_TIME_MAX;
    loop {
        if let Some(delivery) = capture.at(path).get(before) {
            return Ok(delivery.clone());
        }
        if Instant::now() > deadline {
            return Err(format!("nothing was delivered to {path}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn ask(service: &Service, path: &str, body: &Value) -> Result<Value, String> {
    let mut client = Client::new(service.address, "");
    let (status, answer) = client
        .ask("POST", &format!("{BASE}{path}"), &body.to_string())
        .map_err(|error| format!("{path}: {error}"))?;
    let said = String::from_utf8_lossy(&answer).into_owned();
    match status {
        200..300 => serde_json::from_str(&said).map_err(|error| format!("{path}: {error}")),
        _ => Err(format!("{path}: {status} {said}")),
    }
}

fn text(answer: &Value, field: &str) -> Result<String, String> {
    let text = answer.get(field).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("no {field} in {answer}"))
}

impl Case {
    /// The same with another body, id and time: none may be accepted.
    fn tampered(&self) -> Vec<Self> {
        if !self.valid {
            return Vec::new();
        }
        let with = |what: &str, change: &dyn Fn(&mut Captured)| {
            let mut delivery = self.delivery.clone();
            change(&mut delivery);
            Self {
                name: format!("{}, other {what}", self.name),
                secret: self.secret.clone(),
                delivery,
                valid: false,
            }
        };
        vec![
            with("body", &|d| d.body.push(b' ')),
            with("id", &|d| d.change("webhook-id", |id| format!("{id}x"))),
            with("time", &|d| {
                d.change("webhook-timestamp", |at| {
                    (at.parse::<u64>().unwrap_or_default() - 1).to_string()
                });
            }),
            with("signature", &|d| {
                d.change("webhook-signature", |_| "v1,AAAA".to_owned())
            }),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "secret": self.secret,
            "headers": self.delivery.headers,
            "body": BASE64.encode(&self.delivery.body),
            "valid": self.valid,
        })
    }
}

fn in_rust(cases: &[Case]) -> Result<(), String> {
    let now = UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
    let (mut checked, mut wrong) = (0, 0);
    for case in cases
        .iter()
        .filter(|case| case.secret.starts_with("whsec_"))
    {
        let Captured { headers, body } = &case.delivery;
        let header = |name: &str| headers.get(name).map(String::as_str);
        let map = headers.iter().filter_map(|(name, value)| {
            let name = http::HeaderName::try_from(name).ok()?;
            Some((name, http::HeaderValue::try_from(value).ok()?))
        });
        let library = Webhook::new(&case.secret);
        let library = library.is_ok_and(|webhook| webhook.verify(body, &map.collect()).is_ok());
        let snippet = verify::verify(&case.secret, header, body, now).is_ok();
        for (name, accepted) in [("standardwebhooks", library), ("verify.rs", snippet)] {
            checked += 1;
            if accepted != case.valid {
                wrong += 1;
                println!(
                    "{name}: {}: accepted {accepted}, should be {}",
                    case.name, case.valid
                );
            }
        }
    }
    println!("rust: {checked} checks, {wrong} wrong");
    match wrong {
        0 => Ok(()),
        _ => Err("Rust disagrees".to_owned()),
    }
}

fn in_python(root: &Path, folder: &Path, cases: &Path, offline: bool) -> Result<(), String> {
    let python = match offline {
        false => python_with_library(&folder.join("venv"))?,
        true => match apt::program("python3") {
            Some(python) => python,
            None => return Ok(()),
        },
    };
    succeed(
        Command::new(python)
            .arg(root.join("xtask/conformance/check.py"))
            .arg(cases)
            .arg(root.join("docs/verify"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

fn python_with_library(venv: &Path) -> Result<PathBuf, String> {
    let python = venv.join("bin/python");
    if !python.is_file() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    succeed(Command::new(&python).args(install).arg(PYTHON_LIBRARY))?;
    Ok(python)
}

fn in_node(root: &Path, folder: &Path, cases: &Path, offline: bool) -> Result<(), String> {
    let modules = folder.join("node");
    let mut node = Command::new("node");
    node.arg(root.join("xtask/conformance/check.mjs"))
        .arg(cases)
        .arg(root.join("docs/verify"));
    if offline {
        return match apt::program("node") {
            Some(_) => succeed(&mut node),
            None => Ok(()),
        };
    }
    succeed(
        Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&modules)
            .arg(NODE_LIBRARY),
    )?;
    succeed(node.arg(&modules))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}
