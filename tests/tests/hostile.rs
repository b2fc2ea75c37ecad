//! Files that mean harm, or that harm has come to: each gets a clear answer, and the services stay well
//! meanwhile. Must never upload what a kind reader would refuse to read anyway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::{Design, fixtures, folder, polyline, rectangle};
use e2e::http::{Answer, http, upload};
use e2e::load::ingest_id;
use e2e::pair::{Pair, number, text};
use e2e::{seed, turns};
use serde_json::Value;
use tokio::task::JoinSet;

/// How often `/health` is asked meanwhile.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Time for its answer, in 99 of 100 cases and always.
const HEALTH_P99_MAX: Duration = Duration::from_millis(100);
const HEALTH_WORST_MAX: Duration = Duration::from_millis(1500);
const VERTICES: usize = 200_000;
/// How often each file is uploaded, and how many at once.
const ROUNDS: usize = 4;
const AT_ONCE: usize = 4;
/// 200 and what every stored name ends with.
const STORED_NAME_BYTES_MAX: usize = 230;

/// What must come of an upload.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Refused with this status and code.
    Refused(u16, &'static str),
    /// Kept, `file.failed` with this code.
    Failed(&'static str),
    /// Read, as far as it could be.
    Completed,
    /// Any of these, as long as it is said why.
    Clear,
}

fn cases(round: usize) -> Vec<(Design, End)> {
    let good = folder(&fixtures("good"));
    let mut cases: Vec<(Design, End)> = Vec::new();
    for kind in ["broken", "hostile"] {
        cases.extend(
            folder(&fixtures(kind))
                .into_iter()
                .map(|design| (design, End::Clear)),
        );
    }
    let vent = good
        .iter()
        .find(|design| design.name.contains("Vent"))
        .unwrap();
    let cuts = (1..8).map(|eighth| vent.bytes.len() * eighth / 8);
    cases.extend(cuts.map(|cut| {
        let design = Design::new(format!("cut-at-{cut}.dxf"), &vent.bytes[..cut]);
        (design, End::Clear)
    }));
    let mut random = fastrand::Rng::with_seed(seed());
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(100_000)
        .collect();
    let long_name = format!("{}.dxf", "n".repeat(194));
    let far = [("-1e300", "1e300"), ("1e308", "-1e308"), ("1e999", "nan")];
    cases.extend([
        (
            Design::new("noise.dxf", noise),
            End::Refused(415, "unsupported_kind"),
        ),
        (
            Design::new("nothing.dxf", ""),
            End::Refused(422, "invalid_field"),
        ),
        // Read as the text that it is.
        (Design::new("page.dxf", PAGE), End::Completed),
        (
            Design::new("torn.pdf", "%PDF-1.4\n"),
            End::Failed("not_pdf"),
        ),
        (
            Design::new("far.dxf", polyline(far.into_iter())),
            End::Clear,
        ),
        (Design::new("deep.dxf", deep(2_000)), End::Clear),
        (Design::new("array.dxf", array(32_767)), End::Clear),
        (Design::new("star.dxf", star(50_000)), End::Clear),
        (
            Design::new("../../../etc/passwd.dxf", rectangle(11, 13)),
            End::Completed,
        ),
        (Design::new(long_name, rectangle(12, 13)), End::Completed),
        (Design::gear(0, VERTICES), End::Completed),
    ]);
    // The same upload again would be answered without being read.
    for (design, _) in &mut cases {
        design.name = format!("{round} {}", design.name);
    }
    cases
}

const PAGE: &str = "<!DOCTYPE html><html><body><script>alert(1)</script></body></html>";

/// Blocks in blocks in blocks.
fn deep(levels: usize) -> String {
    let mut text = String::from("0\nSECTION\n2\nBLOCKS\n");
    for level in 0..levels {
        let next = level + 1;
        text += &format!(
            "0\nBLOCK\n2\nB{level}\n0\nINSERT\n2\nB{next}\n0\nINSERT\n2\nB{next}\n0\nENDBLK\n"
        );
    }
    text + "0\nENDSEC\n0\nSECTION\n2\nENTITIES\n0\nINSERT\n2\nB0\n0\nENDSEC\n0\nEOF\n"
}

/// One circle, repeated in very many rows and columns of very many rows and columns.
fn array(repeats: usize) -> String {
    let again = format!("70\n{repeats}\n71\n{repeats}\n44\n1\n45\n1\n");
    format!(
        "0\nSECTION\n2\nBLOCKS\n0\nBLOCK\n2\nA\n0\nCIRCLE\n8\n0\n10\n0\n20\n0\n40\n1\n0\nENDBLK\n\
         0\nBLOCK\n2\nB\n0\nINSERT\n2\nA\n{again}0\nENDBLK\n0\nENDSEC\n\
         0\nSECTION\n2\nENTITIES\n0\nINSERT\n2\nB\n{again}0\nENDSEC\n0\nEOF\n"
    )
}

/// Very many lines that all begin in one point.
fn star(rays: usize) -> String {
    let mut text = String::from("0\nSECTION\n2\nENTITIES\n");
    for ray in 0..rays {
        text += &format!("0\nLINE\n8\n0\n10\n0\n20\n0\n11\n{}\n21\n100\n", ray + 1);
    }
    text + "0\nENDSEC\n0\nEOF\n"
}

#[tokio::test]
async fn hostile_files_get_clear_answers_and_the_services_stay_well() {
    let _turn = turns::alone().await;
    let pair = Pair::start(Backend::Sqlite, "1, 1").await;
    let watches = [&pair.ingest, &pair.receiver].map(|process| Watch::start(process.url()));
    let (mut uploads, mut answers) = (JoinSet::new(), Vec::new());
    for (design, expected) in (0..ROUNDS).flat_map(cases) {
        if uploads.len() >= AT_ONCE {
            answers.push(uploads.join_next().await.unwrap().unwrap());
        }
        uploads.spawn(judged(pair.ingest.url(), design, expected));
    }
    answers.extend(uploads.join_all().await);
    for (watch, name) in watches.into_iter().zip(["ingest", "receiver"]) {
        watch.judge(name);
    }
    let kept: BTreeMap<i64, Value> = answers
        .into_iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| (ingest_id(&answer), answer.json[0].clone()))
        .collect();
    let files = pair.settled(kept.len()).await;
    assert_eq!(files.len(), kept.len());
    for file in &files {
        assert_told(file, &kept[&number(file, "ingest_id")]);
    }
}

/// Uploads a file and holds its answer against what is expected.
async fn judged(base: String, design: Design, expected: End) -> Answer {
    let began = Instant::now();
    let answer = upload(&http(), &base, &design, None).await.unwrap();
    let (ms, end) = (began.elapsed().as_secs_f64() * 1e3, end(&answer));
    println!("{ms:>6.0} ms  {end}  {}", design.name);
    let fine = expected == End::Clear || format!("{expected:?}") == end;
    assert!(fine, "{}: {answer:?}", design.name);
    answer
}

/// The receiver has been told what the one who uploaded was.
fn assert_told(file: &Value, result: &Value) {
    assert_eq!(file["status"], result["status"], "{file}");
    assert_eq!(file["error"]["code"], result["error_code"], "{file}");
    assert!(
        text(file, "stored_filename").len() <= STORED_NAME_BYTES_MAX,
        "{file}"
    );
    assert!(!text(file, "file_path").contains(".."), "{file}");
    let review = file["extraction"]["needs_review"].to_string();
    let cut = text(file, "original_filename").contains("cut-at-");
    assert!(!cut || review.contains("not_measured"), "{file}");
}

/// What came of it, as [`End`] shows it; a failure or refusal must say why in a sentence.
fn end(answer: &Answer) -> String {
    let result = &answer.json[0];
    let (code, sentence) = (text(result, "error_code"), text(result, "error"));
    let refused = !result["success"].as_bool().unwrap();
    if refused || result["status"] == "failed" {
        assert!(!code.is_empty() && sentence.len() > 10, "{answer:?}");
    }
    match (answer.status, text(result, "status")) {
        (status @ 400..500, _) if refused => format!("Refused({status}, {code:?})"),
        (200, "failed") => format!("Failed({code:?})"),
        (200, "completed") => "Completed".to_owned(),
        _ => unreachable!("no clear answer: {answer:?}"),
    }
}

/// Asks `/health` again and again from a thread of its own.
struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Watch {
    fn start(url: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .unwrap()
                .block_on(sample(&format!("{url}/health"), &until))
        });
        Self { over, thread }
    }

    fn judge(self, name: &str) {
        self.over.store(true, Ordering::Relaxed);
        let mut times = self.thread.join().unwrap();
        times.sort();
        let (p99, worst) = (times[(times.len() - 1) * 99 / 100], times[times.len() - 1]);
        println!(
            "{name}: /health p99 {p99:.1?}, worst {worst:.1?} of {}",
            times.len()
        );
        assert!(p99 < HEALTH_P99_MAX && worst < HEALTH_WORST_MAX);
    }
}

async fn sample(url: &str, until: &AtomicBool) -> Vec<Duration> {
    let (http, mut times) = (http(), Vec::new());
    while !until.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer: reqwest::Response = http.get(url).send().await.unwrap();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(body["status"], "healthy");
        times.push(began.elapsed());
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
    times
}
