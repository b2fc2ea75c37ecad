//! Files that mean harm, or that harm has come to: each gets a clear answer, and the services stay well
//! meanwhile. Must never upload what a kind reader would refuse to read anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::{Design, fixtures, folder, polyline, rectangle};
use e2e::hostile::{Row, rows};
use e2e::http::{Answer, get, http, upload};
use e2e::pair::{Pair, number, text};
use e2e::{seed, turns};
use serde_json::Value;
use tokio::task::JoinSet;

/// How often `/health` is asked meanwhile.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Time for its answer, in 99 of 100 cases and always.
const HEALTH_P99_MAX: Duration = Duration::from_millis(100);
const HEALTH_WORST_MAX: Duration = Duration::from_millis(1500);
/// Time for one file to be read behind all others, and how often it is looked at.
const READ_TIME_MAX: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const VERTICES: usize = 200_000;
/// How many files are uploaded at once.
const AT_ONCE: usize = 4;
/// 200 and what every stored name ends with.
const STORED_NAME_BYTES_MAX: usize = 230;

/// What must come of an upload: what [`end`] tells, or nothing that is known before, as long as it is said why.
type Expected = Option<String>;

fn cases() -> Vec<(Design, Expected)> {
    let clear = |design: Design| (design, None);
    let mut cases: Vec<_> = folder(&fixtures("broken")).into_iter().map(clear).collect();
    // The long ones are read elsewhere, without a service around them.
    let short = |row: &Row| row.is_archive() || !row.file.ends_with(".gz");
    cases.extend(rows().into_iter().filter(short).map(|row| {
        // What fits no kind is not even taken in.
        let known = row.answer != "failed unknown_kind";
        (row.design(), known.then_some(row.answer))
    }));
    let good = folder(&fixtures("good"));
    let vent = good
        .iter()
        .find(|design| design.name.contains("Vent"))
        .unwrap();
    let cuts = (1..8).map(|eighth| vent.bytes.len() * eighth / 8);
    cases.extend(cuts.map(|cut| {
        let name = format!("cut-at-{cut}.dxf");
        clear(Design::new(name, &vent.bytes[..cut]))
    }));
    let mut random = fastrand::Rng::with_seed(seed());
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(100_000)
        .collect();
    let long_name = format!("{}.dxf", "n".repeat(196));
    let far = [("-1e300", "1e300"), ("1e308", "-1e308"), ("1e999", "nan")];
    let ends =
        |name: &str, bytes: Vec<u8>, end: &str| (Design::new(name, bytes), Some(end.to_owned()));
    cases.extend([
        ends("noise.dxf", noise, "refused unsupported_kind"),
        ends("nothing.dxf", Vec::new(), "refused invalid_field"),
        // Read as the text that it is.
        ends("page of words.dxf", PAGE.into(), "read"),
        ends("torn.pdf", "%PDF-1.4\n".into(), "failed not_pdf"),
        clear(Design::new("far.dxf", polyline(far.into_iter()))),
        clear(Design::new("deep.dxf", deep(2_000))),
        clear(Design::new("array.dxf", array(32_767))),
        clear(Design::new("star.dxf", star(50_000))),
        ends("../../../etc/passwd.dxf", rectangle(11, 13).into(), "read"),
        ends(&long_name, rectangle(12, 13).into(), "read"),
        (Design::gear(0, VERTICES), Some("read".to_owned())),
    ]);
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
    for (design, expected) in cases() {
        if uploads.len() >= AT_ONCE {
            answers.push(uploads.join_next().await.unwrap().unwrap());
        }
        uploads.spawn(judged(pair.ingest.url(), design, expected));
    }
    answers.extend(uploads.join_all().await);
    let (answers, wrong): (Vec<Answer>, Vec<_>) = answers.into_iter().unzip();
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    for (watch, name) in watches.into_iter().zip(["ingest", "receiver"]) {
        watch.judge(name);
    }
    assert!(wrong.is_empty(), "not as judged: {wrong:#?}");
    let results = answers.iter().flat_map(|answer| answer.json.as_array());
    let kept: BTreeMap<i64, &Value> = results
        .flatten()
        .filter(|result| result["success"] == true)
        .map(|result| (number(result, "ingest_id"), result))
        .collect();
    let files = pair.settled(kept.len()).await;
    assert_eq!(files.len(), kept.len());
    for file in &files {
        assert_told(file, kept[&number(file, "ingest_id")]);
    }
}

/// Uploads a file and holds its answer against what is expected.
async fn judged(base: String, design: Design, expected: Expected) -> (Answer, Option<String>) {
    let began = Instant::now();
    let mut answer = upload(&http(), &base, &design, None).await.unwrap();
    for result in answer.json.as_array_mut().into_iter().flatten() {
        ended(&base, result).await;
    }
    let (ms, end) = (began.elapsed().as_secs_f64() * 1e3, end(&answer));
    println!("{ms:>6.0} ms  {}\t{end}", design.name);
    let fine = expected.is_none_or(|expected| expected == end);
    let wrong = (!fine).then(|| format!("{}: {end}", design.name));
    (answer, wrong)
}

/// Waits for a file that was still being read when its upload was answered, as on a busy machine.
async fn ended(base: &str, result: &mut Value) {
    let began = Instant::now();
    while result["status"] == "processing" && began.elapsed() < READ_TIME_MAX {
        tokio::time::sleep(LOOK_EVERY).await;
        let url = format!("{base}/files/{}", result["ingest_id"]);
        let record = get(&url).await.unwrap().json;
        for field in ["status", "error", "error_code"] {
            result[field] = record[field].clone();
        }
    }
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

/// What came of an upload, as `hostile.tsv` says it: of an archive, everything that came of its files.
fn end(answer: &Answer) -> String {
    let results = answer.json.as_array().expect("a list of results");
    let ends: BTreeSet<String> = results.iter().map(result_end).collect();
    assert!(!ends.is_empty() && answer.status < 500, "{answer:?}");
    ends.into_iter().collect::<Vec<_>>().join(", ")
}

/// A failure or refusal must say why in a sentence.
fn result_end(result: &Value) -> String {
    let (code, sentence) = (text(result, "error_code"), text(result, "error"));
    let refused = result["success"] != true;
    if refused || result["status"] == "failed" {
        assert!(!code.is_empty() && sentence.len() > 10, "{result}");
    }
    match text(result, "status") {
        _ if refused => format!("refused {code}"),
        "failed" => format!("failed {code}"),
        "completed" => "read".to_owned(),
        _ => unreachable!("no clear answer: {result}"),
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
