//! What `karaoke doctor` says of a broker.

use karaoke_tests::program::command;
use karaoke_tests::{Broker, Settings};

/// Verdict and words on the broker at `url`, of a machine of a cluster.
fn broker(url: &str) -> (String, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = Settings::default().set("broker.url", url);
    let out = command(&settings)
        .args(["doctor", "--cluster=worker", "--json"])
        .current_dir(dir.path())
        .output()
        .expect("it runs");
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|f| f["name"] == "broker").expect("the broker");
    assert!(!report.to_string().contains("not-the-passcode"), "it tells secrets");
    let text = |key: &str| found[key].as_str().expect(key).to_owned();
    (text("verdict"), format!("{} {}", text("said"), text("remedy")))
}

#[test]
fn a_broker_lets_us_in_or_the_doctor_says_what_it_minds() {
    let place = Broker::shared().virtual_host("doctor");
    let (verdict, said) = broker(&place.urls.worker);
    assert!(verdict == "ok" && said.contains("RabbitMQ/"), "{said}");
    assert_eq!(place.queues(), [], "nothing is declared");

    let (verdict, said) =
        broker(&place.urls.worker.replace("karaoke-worker:", "karaoke-worker:not-the-passcode"));
    assert!(verdict == "wrong" && said.contains("login") && said.contains("broker.url"), "{said}");
    let (verdict, said) = broker(&format!("{}-nowhere", place.urls.worker));
    assert!(verdict == "wrong" && said.contains("virtual host"), "{said}");
}
