//! A real Prometheus that scrapes a program under test.

use crate::program::root;
use crate::wait::until;
use reqwest::Client;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Prometheus with a store of its own, ended with the test.
pub struct Prometheus {
    child: Child,
    client: Client,
    url: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes the program at `url` once a second and evaluates `deploy/`'s alerts; waits for its first
    /// scrape.
    pub async fn start(url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let alerts = root().join("deploy/prometheus/alerts.yml");
        let target = url.trim_start_matches("http://").trim_end_matches('/');
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\n\
             scrape_configs: [{{job_name: karaoke, static_configs: [{{targets: [\"{target}\"]}}]}}]\n",
            alerts.display()
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("a file");
        // Killed also when the test is.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "prometheus", "--config.file=prometheus.yml"])
            .args(["--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"])
            .current_dir(dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus (make test installs it)");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines().map_while(Result::ok);
        let listening = lines.find(|line| line.contains("Listening on")).expect("it listens");
        let address = listening.rsplit("address=").next().expect("an address");
        let url = format!("http://{}", address.trim());
        // Keep reading, so that it never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let client = Client::builder().no_proxy().build().expect("a client");
        let prometheus = Self { child, client, url, _dir: dir };
        until("the first scrape", || async { (prometheus.query("up").await == [1.0]).then_some(()) }).await;
        prometheus
    }

    /// The values that an expression has now; none as long as it does not answer.
    ///
    /// # Panics
    /// When the expression cannot be evaluated.
    pub async fn query(&self, expression: &str) -> Vec<f64> {
        let Some(answer) = self.get("query", &[("query", expression)]).await else { return Vec::new() };
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("a number");
        match &answer["data"]["result"] {
            Value::Array(series) => series.iter().map(|one| number(&one["value"][1])).collect(),
            other => panic!("{expression}: {other}"),
        }
    }

    /// The groups of rules as it sees them.
    pub async fn rules(&self) -> Value {
        self.get("rules", &[]).await.unwrap_or_default()["data"]["groups"].clone()
    }

    async fn get(&self, what: &str, query: &[(&str, &str)]) -> Option<Value> {
        let request = self.client.get(format!("{}/api/v1/{what}", self.url)).query(query);
        request.send().await.ok()?.json().await.ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
