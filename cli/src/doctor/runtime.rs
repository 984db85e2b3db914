//! ONNX Runtime and the execution providers that work here. Each is tried in a process of its own: a process can load
//! the library once, and one that does not fit may end it.

use super::report::Finding;
use crate::config::Config;
use crate::console::print_line;
use futures::future::join_all;
use karaoke_worker::provider::Machine;
use karaoke_worker::{Runtime, Wanted};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The hidden command that tries one provider.
const COMMAND: &str = "try-provider";
/// For loading the library and running a small network on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a provider.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tried {
    Works { provider: String, why: String, version: String, path: PathBuf },
    Fails(String),
}

/// `karaoke try-provider`: loads ONNX Runtime as workers do, and says what came of it, as JSON.
pub fn try_configured(config: &Config) -> anyhow::Result<()> {
    let tried = match Runtime::load(Some(&config.worker.onnxruntime), config.worker.provider) {
        Ok(runtime) => Tried::Works {
            provider: runtime.provider().to_string(),
            why: runtime.why().to_owned(),
            version: runtime.version().to_owned(),
            path: runtime.path().to_owned(),
        },
        Err(error) => Tried::Fails(error.to_string()),
    };
    Ok(print_line(serde_json::to_string(&tried)?)?)
}

/// Tries the configured provider, and the others. `file`: the configuration file, if one was named.
pub async fn look(config: &Config, file: Option<&Path>) -> Vec<Finding> {
    let wanted = config.worker.provider;
    let all = [Wanted::Cpu, Wanted::Openvino, Wanted::Cuda];
    let chosen = try_one(wanted, file).await;
    let others = join_all(all.map(|wanted| async move { (wanted, try_one(wanted, file).await) })).await;
    let fastest = wanted.candidates(&Machine::this()).first().map(|first| first.provider.to_string());
    vec![judge(&chosen, fastest.as_deref()), judge_all(&others)]
}

async fn try_one(wanted: Wanted, file: Option<&Path>) -> Tried {
    match timeout(PATIENCE, run(wanted, file)).await {
        Ok(Ok(tried)) => tried,
        Ok(Err(error)) => Tried::Fails(error.to_string()),
        Err(_) => Tried::Fails(format!("nothing came of it within {PATIENCE:?}")),
    }
}

async fn run(wanted: Wanted, file: Option<&Path>) -> anyhow::Result<Tried> {
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(file) = file {
        command.arg("--config").arg(file);
    }
    command.arg(COMMAND).env("KARAOKE__WORKER__PROVIDER", wanted.to_string());
    // What is measured is the doctor, not what it tries.
    command.env_remove("KARAOKE_STAGES");
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let out = command.output().await?;
    // Libraries may have something to say, too.
    let said = String::from_utf8_lossy(&out.stdout);
    let answer = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    Ok(answer.unwrap_or_else(|| Tried::Fails(format!("the program ended while it tried ({})", out.status))))
}

/// `fastest`: what this machine would run networks with if all libraries were there.
fn judge(chosen: &Tried, fastest: Option<&str>) -> Finding {
    const NAME: &str = "onnxruntime";
    match chosen {
        Tried::Works { provider, why, version, path } => {
            let said = format!("version {version} ({}) runs networks on {provider}: {why}", path.display());
            match fastest {
                Some(fastest) if fastest != provider => {
                    Finding::warning(NAME, said, format!("Run `make runtime` to have {fastest}."))
                }
                _ => Finding::ok(NAME, said),
            }
        }
        Tried::Fails(why) => {
            let remedy = "Run `make runtime`, or set worker.onnxruntime to the library; \
                          a machine with `karaoke server` alone needs none (--cluster=server).";
            Finding::wrong(NAME, why, remedy)
        }
    }
}

fn judge_all(tried: &[(Wanted, Tried)]) -> Finding {
    let (mut work, mut fail) = (Vec::new(), Vec::new());
    for (wanted, tried) in tried {
        match tried {
            Tried::Works { provider, .. } => work.push(provider.as_str()),
            Tried::Fails(_) => fail.push(wanted.to_string()),
        }
    }
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let fail: Vec<&str> = fail.iter().map(String::as_str).collect();
    Finding::ok("providers", format!("work here: {}; not to be had here: {}", list(&work), list(&fail)))
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn works(provider: &str) -> Tried {
        let (why, version, path) = ("so".into(), "1.31.1".into(), "/lib/x.so".into());
        Tried::Works { provider: provider.into(), why, version, path }
    }

    #[test]
    fn what_could_be_faster_is_a_warning_and_what_cannot_run_is_wrong() {
        assert_eq!(judge(&works("cpu"), Some("cpu")).verdict, Verdict::Ok);
        let slow = judge(&works("cpu"), Some("openvino-bf16"));
        assert_eq!(slow.verdict, Verdict::Warning);
        assert!(slow.remedy.contains("make runtime") && slow.remedy.contains("openvino-bf16"));
        let gone = judge(&Tried::Fails("ONNX Runtime was not found".into()), Some("cpu"));
        assert_eq!(gone.verdict, Verdict::Wrong);
        assert!(gone.remedy.contains("make runtime"));
    }

    #[test]
    fn providers_are_listed() {
        let all = [(Wanted::Cpu, works("cpu")), (Wanted::Cuda, Tried::Fails("no".into()))];
        assert_eq!(judge_all(&all).said, "work here: cpu; not to be had here: cuda");
    }
}
