//! A real browser, driven over WebDriver (W3C) and, where that has no word for it, Chromium's own protocol. One reqwest
//! call a command: the clients there are bring a TLS stack of their own. Must never open a page of the network.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{get, post};

/// The member in which WebDriver hands out elements (W3C WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long anything may take that is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A browser with one page, closed when dropped.
pub struct Chromium {
    driver: Child,
    session: String,
}

/// How often a driver is started: one that picks a port which another is just taking ends again.
const STARTS_MAX: usize = 10;

/// A driver and its port.
fn started() -> Option<(Child, u16)> {
    let driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut driver = driver.expect(
        "chromedriver runs: `cargo xtask test` installs chromium and chromium-driver (Debian)",
    );
    let said = driver.stdout.take().expect("its output is piped");
    let port = BufReader::new(said).lines().find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    match port {
        Some(port) => Some((driver, port)),
        None => {
            drop(driver.wait());
            None
        }
    }
}

impl Chromium {
    /// Starts one. Fails the test when there is none, and says how to get it.
    pub async fn start() -> Self {
        let (driver, port) = (0..STARTS_MAX)
            .find_map(|_| started())
            .expect("chromedriver finds a port");
        let base = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": ["--headless=new", "--no-sandbox", "--disable-gpu"]},
        }}});
        let made = post(&base, &wanted).await.expect("chromedriver answers");
        let id = made
            .json
            .pointer("/value/sessionId")
            .and_then(Value::as_str);
        let id = id.unwrap_or_else(|| unreachable!("no browser: {}", made.json));
        Self {
            session: format!("{base}/{id}"),
            driver,
        }
    }

    async fn command(&self, path: &str, body: Value) -> Result<Value, Value> {
        let answer = post(&format!("{}/{path}", self.session), &body).await;
        let answer = answer.expect("chromedriver answers");
        match answer.status {
            200 => Ok(value(&answer.json)),
            _ => Err(value(&answer.json)),
        }
    }

    async fn done(&self, path: &str, body: Value) -> Value {
        let done = self.command(path, body).await;
        done.unwrap_or_else(|error| unreachable!("{path}: {error}"))
    }

    /// A command of Chromium's own protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.done("goog/cdp/execute", body).await
    }

    /// Loads a page.
    pub async fn open(&self, url: &str) {
        self.done("url", json!({ "url": url })).await;
    }

    /// The page's own address.
    pub async fn address(&self) -> String {
        let answer = get(&format!("{}/url", self.session)).await;
        let answer = answer.expect("chromedriver answers").json;
        text_of(&value(&answer))
    }

    /// Sets the window to this width in pixels, light or dark.
    pub async fn look(&self, width: u32, scheme: &str) {
        let size =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows pages as on paper from now on.
    pub async fn on_paper(&self, scheme: &str) {
        let media = json!({"media": "print", "features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Turns the page's scripts on or off, from the next page on.
    pub async fn scripts(&self, on: bool) {
        let command = "Emulation.setScriptExecutionDisabled";
        self.devtools(command, json!({ "value": !on })).await;
    }

    /// What a script of ours returns.
    pub async fn run(&self, script: &str) -> Value {
        self.done("execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// The first element that matches, once there is one.
    async fn find(&self, css: &str) -> String {
        let began = Instant::now();
        loop {
            let wanted = json!({"using": "css selector", "value": css});
            match self.command("element", wanted).await {
                Ok(found) => return found.get(ELEMENT).map_or_else(String::new, text_of),
                Err(error) => assert!(began.elapsed() < PATIENCE, "{css}: {error}"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Clicks on it.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.done(&format!("element/{element}/click"), json!({}))
            .await;
    }

    /// Types into an emptied field.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        self.done(&format!("element/{element}/clear"), json!({}))
            .await;
        self.done(&format!("element/{element}/value"), json!({ "text": text }))
            .await;
    }

    /// Picks files in a file field.
    pub async fn pick(&self, css: &str, files: &[&Path]) {
        let element = self.find(css).await;
        let names: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let text = names.join("\n");
        self.done(&format!("element/{element}/value"), json!({ "text": text }))
            .await;
    }

    /// Waits until an element's words hold these.
    pub async fn until(&self, css: &str, words: &str) {
        let began = Instant::now();
        loop {
            let element = self.find(css).await;
            let text = get(&format!("{}/element/{element}/text", self.session)).await;
            let text = value(&text.expect("chromedriver answers").json);
            if text.as_str().is_some_and(|text| text.contains(words)) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{css} does not say {words:?}: {text}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What went wrong in the pages so far: errors of scripts, refused loads, breaches of the policy.
    pub async fn complaints(&self) -> Vec<String> {
        let said = self.done("se/log", json!({"type": "browser"})).await;
        let said = said.as_array().cloned().unwrap_or_default();
        let severe = said
            .iter()
            .filter(|line| line.get("level") == Some(&json!("SEVERE")));
        severe.map(ToString::to_string).collect()
    }
}

/// What chromedriver answers with (W3C WebDriver, section 6.6).
fn value(answer: &Value) -> Value {
    answer.get("value").cloned().unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with its session: one whose driver is killed lives on.
        if self.end_session().is_err() {
            eprintln!("a browser may be left behind");
        }
        let process = rustix::process::Pid::from_child(&self.driver);
        let told = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        if told.is_ok() {
            drop(self.driver.wait());
        }
    }
}

impl Chromium {
    /// Without the runtime, which a failing test has left already.
    fn end_session(&self) -> io::Result<()> {
        let rest = self.session.trim_start_matches("http://");
        let (address, path) = rest.split_once('/').ok_or(io::ErrorKind::InvalidInput)?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "DELETE /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        // Its answer comes when the browser has ended.
        BufReader::new(stream).read_line(&mut String::new())?;
        Ok(())
    }
}
