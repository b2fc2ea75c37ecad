//! From events to a mail's words. Pure. It must never show more of a file than its name, its number and why.

use serde_json::Value;

/// Types of events that people are told of, if there is something to tell.
pub(super) const TYPES: [&str; 4] = [
    "file.failed",
    "file.processed",
    "file.re_extracted",
    "endpoint.disabled",
];
/// Characters of one line.
const LINE_CHARS_MAX: usize = 300;

/// News gathered so far; as many lines as may be, all of them counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    failed: Section,
    review: Section,
    disabled: Section,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    count: usize,
    lines: Vec<String>,
}

impl Digest {
    /// Adds an event, if it is one to tell of.
    pub(super) fn add(&mut self, tenant: &str, event_type: &str, data: &Value, lines_max: usize) {
        let text = |path: &str| {
            data.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let whose = if tenant == "default" {
            String::new()
        } else {
            format!(" [{tenant}]")
        };
        let file = || {
            let id = data
                .get("ingest_id")
                .and_then(Value::as_i64)
                .unwrap_or_default();
            format!("#{id} {}{whose}", text("/original_filename"))
        };
        match event_type {
            "file.failed" => self
                .failed
                .add(format!("{}: {}", file(), text("/error/message")), lines_max),
            "file.processed" | "file.re_extracted" => {
                let reviews = data
                    .pointer("/extraction/needs_review")
                    .and_then(Value::as_array);
                if let Some(first) = reviews.and_then(|reviews| reviews.first()) {
                    let why = first.get("message").unwrap_or(first);
                    let why = why.as_str().map_or_else(|| why.to_string(), str::to_owned);
                    self.review.add(format!("{}: {why}", file()), lines_max);
                }
            }
            "endpoint.disabled" => {
                self.disabled.add(
                    format!("{}{whose}: {}", text("/url"), text("/reason")),
                    lines_max,
                );
            }
            _ => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sections()
            .iter()
            .all(|(_, _, section)| section.count == 0)
    }

    fn sections(&self) -> [(&'static str, &'static str, &Section); 3] {
        [
            ("failed", "Files that could not be read:", &self.failed),
            (
                "to look at",
                "Files that a person should look at:",
                &self.review,
            ),
            (
                "disabled",
                "Endpoints that are told nothing any more:",
                &self.disabled,
            ),
        ]
    }

    /// `draftwire: 2 failed, 1 to look at`.
    pub(super) fn subject(&self) -> String {
        let sections = self.sections();
        let told = sections.iter().filter(|(_, _, section)| section.count > 0);
        let parts: Vec<String> = told
            .map(|(word, _, section)| format!("{} {word}", section.count))
            .collect();
        format!("draftwire: {}", parts.join(", "))
    }

    pub(super) fn body(&self, public_url: &str) -> String {
        let mut body = String::new();
        for (_, heading, section) in self.sections() {
            if section.count == 0 {
                continue;
            }
            body.push_str(&format!("{heading}\n"));
            for line in &section.lines {
                body.push_str(&format!("  {line}\n"));
            }
            let more = section.count - section.lines.len();
            if more > 0 {
                body.push_str(&format!("  and {more} more\n"));
            }
            body.push('\n');
        }
        body.push_str(&format!("{public_url}/console\n"));
        body
    }
}

impl Section {
    fn add(&mut self, line: String, lines_max: usize) {
        self.count += 1;
        if self.lines.len() < lines_max {
            let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
            self.lines.push(plain.take(LINE_CHARS_MAX).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_matters_is_told_counted_and_bounded() {
        let mut digest = Digest::default();
        let processed = |reviews: Value| json!({"ingest_id": 3, "original_filename": "b.dxf", "extraction": {"needs_review": reviews}});
        digest.add("default", "file.processed", &processed(json!([])), 2);
        digest.add("default", "file.ingested", &json!({}), 2);
        assert!(digest.is_empty());
        for number in 0..5 {
            let failed = json!({"ingest_id": number, "original_filename": "a\r\nBcc: x", "error": {"message": "cut off"}});
            digest.add("shop-b", "file.failed", &failed, 2);
        }
        digest.add(
            "default",
            "file.processed",
            &processed(json!([{"code": "conflict", "message": "two materials"}])),
            2,
        );
        digest.add(
            "default",
            "endpoint.disabled",
            &json!({"url": "https://x/", "reason": "410"}),
            2,
        );
        assert_eq!(
            digest.subject(),
            "draftwire: 5 failed, 1 to look at, 1 disabled"
        );
        let body = digest.body("https://files");
        for part in [
            "  #0 a  Bcc: x [shop-b]: cut off\n",
            "  and 3 more\n",
            "  #3 b.dxf: two materials\n",
            "  https://x/: 410\n",
            "https://files/console\n",
        ] {
            assert!(body.contains(part), "{part:?} is not in {body}");
        }
        assert!(!body.contains("#2 "), "{body}");
    }
}
