//! What the doctor says: a verdict and a sentence for each thing looked at, and a remedy where one is needed.

use serde::Serialize;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could, or not for everything.
    Warning,
    /// Something will not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, the same name each time.
    pub name: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// The same in words, without a full stop.
    pub said: String,
    /// What to do, a sentence; empty when nothing has to be done.
    pub remedy: String,
}

impl Finding {
    /// Nothing to do.
    pub fn ok(name: &'static str, said: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, said: said.into(), remedy: String::new() }
    }

    /// It works, but.
    pub fn warning(name: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, said: said.into(), remedy: remedy.into() }
    }

    /// It will not work.
    pub fn wrong(name: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Wrong, said: said.into(), remedy: remedy.into() }
    }

    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Wrong => "wrong",
        };
        // What others say may be of several lines.
        let said = self.said.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("{verdict:<8} {}: {said}", self.name);
        if self.remedy.is_empty() { line } else { format!("{line}. {}", self.remedy) }
    }
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// Whether nothing is wrong; warnings do not count.
    pub ok: bool,
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report of these.
    pub fn new(findings: Vec<Finding>) -> Self {
        let ok = findings.iter().all(|finding| finding.verdict != Verdict::Wrong);
        Self { version: env!("CARGO_PKG_VERSION"), ok, findings }
    }

    /// One line each.
    pub fn text(&self) -> String {
        self.findings.iter().map(|finding| finding.line() + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each_and_only_what_is_wrong_counts() {
        let findings =
            vec![Finding::ok("a", "fine"), Finding::warning("b", "not\nso fine", "Look after it.")];
        let report = Report::new(findings.clone());
        assert!(report.ok);
        assert_eq!(report.text(), "ok       a: fine\nwarning  b: not so fine. Look after it.\n");
        assert!(!Report::new([findings, vec![Finding::wrong("c", "gone", "Get it.")]].concat()).ok);
    }
}
