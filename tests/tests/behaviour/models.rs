//! `karaoke models`, as typed in a shell, against a server of the test's own; and what the API says of models.

use karaoke_core::Manifest;
use karaoke_tests::program::{can_have_own_disk, command, root};
use karaoke_tests::sound::song;
use karaoke_tests::{Api, FileServer, Program, ServedFile, Settings};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::{Command, Output};

/// A folder of models with manifests of `names`, whose files are to be fetched from `url`.
fn folder(url: &str, file: &[u8], names: &[&str], more: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let text = format!(
            "name='{name}'\ntitle='Model {name}'\nkind='waveform'\nfile='{name}.onnx'\nsha256='{}'\n\
             url='{url}/{name}.onnx'\nlicence='Terms of {name}'\nsample_rate=44100\noverlap=0.25\n\
             stems=['instrumental']\ncomplement='vocals'\n{more}\n[waveform]\nsegment=65536\n",
            hex::encode(Sha256::digest(file))
        );
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
    }
    dir
}

/// The smallest network that there is.
fn network() -> Vec<u8> {
    std::fs::read(root().join("models/identity.onnx")).unwrap()
}

fn run(settings: &Settings, dir: &Path, arguments: &[&str]) -> Output {
    command(settings)
        .env("NO_PROXY", "127.0.0.1,localhost")
        .current_dir(dir)
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn settings(dir: &tempfile::TempDir) -> Settings {
    Settings::default().models(dir.path())
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a run that failed says: its last line, after the licences.
fn error_line(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("karaoke: ")).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    lines[0].to_owned()
}

fn files_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".toml"));
    names.sort();
    names
}

#[test]
fn a_list_says_what_there_is_and_what_could_be_had() {
    let dir = tempfile::tempdir().unwrap();
    let listed = run(&Settings::default(), dir.path(), &["models", "list"]);
    let text = out(&listed);
    assert!(listed.status.success(), "{listed:?}");
    for part in [
        "quick: ",
        "(now: builtin)",
        "karaoke models pull karaoke",
        "builtin (default)",
        "htdemucs: ",
        "cientific",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let identity = "12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95";
    let speeds = format!(r#"{{"{identity}": {{"audio_seconds_per_second": 12.5, "provider": "cpu"}}}}"#);
    std::fs::write(dir.path().join("speeds.json"), speeds).unwrap();
    let settings = Settings::default().set("worker.cache", ".");
    let listed = run(&settings, dir.path(), &["models", "list", "--json"]);
    let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let model = |name: &str| {
        let all = list["models"].as_array().unwrap();
        all.iter().find(|m| m["name"] == name).unwrap_or_else(|| panic!("{name}: {list}")).clone()
    };
    assert_eq!(model("identity")["speed"]["audio_seconds_per_second"], 12.5);
    assert_eq!(model("builtin")["installed"], true);
    assert_eq!(model("kim-vocal-2-voc-ft")["bytes"], 66_759_214 + 66_762_490);
    let karaoke = list["presets"].as_array().unwrap().iter().find(|p| p["name"] == "karaoke").unwrap();
    assert_eq!(karaoke["missing"], "uvr-mdxnet-kara-2");
    assert_eq!(list["default"], "builtin");
}

#[test]
fn a_model_is_fetched_proven_and_used() {
    let files = FileServer::start();
    files.put("/mine.onnx", ServedFile::Redirect("/elsewhere".into()));
    files.put("/elsewhere", ServedFile::File(network()));
    let dir = folder(&files.url, &network(), &["mine"], "");
    let song_dir = tempfile::tempdir().unwrap();
    std::fs::write(song_dir.path().join("song.wav"), song(1.0, 44_100).wav_16()).unwrap();
    let settings = settings(&dir).set("models.default", "mine");
    let error = error_line(&run(&settings, song_dir.path(), &["separate", "song.wav"]));
    assert!(error.contains("karaoke models pull mine"), "{error}");
    files.cut_off(2);
    let pulled = run(&settings, dir.path(), &["models", "pull", "mine"]);
    assert!(pulled.status.success(), "{pulled:?}");
    assert!(out(&pulled).contains("mine: fetched"), "{pulled:?}");
    assert!(String::from_utf8_lossy(&pulled.stderr).contains("Terms of mine"), "{pulled:?}");
    assert_eq!(files_in(dir.path()), ["mine.onnx"]);
    assert_eq!(std::fs::read(dir.path().join("mine.onnx")).unwrap(), network());
    let asked: Vec<_> = files.requests().into_iter().filter(|(path, _)| path == "/elsewhere").collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[2].1 > asked[1].1 && asked[1].1 > 0, "it goes on where it was: {asked:?}");
    let again = run(&settings, dir.path(), &["models", "pull", "mine"]);
    assert!(out(&again).contains("already"), "{again:?}");
    assert!(run(&settings, dir.path(), &["models", "verify"]).status.success());
    let separated = run(&settings, song_dir.path(), &["separate", "song.wav", "-o", "out"]);
    assert!(separated.status.success(), "{separated:?}");
}

#[test]
fn what_a_licence_asks_for_must_be_accepted() {
    let files = FileServer::start();
    files.put("/mine.onnx", ServedFile::File(network()));
    let dir = folder(&files.url, &network(), &["mine"], "restriction='Only on Sundays.'");
    let refused = run(&settings(&dir), dir.path(), &["models", "pull", "mine"]);
    assert!(error_line(&refused).contains("--accept-licence"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Only on Sundays."));
    assert!(files.requests().is_empty() && files_in(dir.path()).is_empty());
    let accepted = run(&settings(&dir), dir.path(), &["models", "pull", "mine", "--accept-licence"]);
    assert!(accepted.status.success(), "{accepted:?}");
}

#[test]
fn a_preset_brings_the_models_of_its_ensemble() {
    let files = FileServer::start();
    let dir = folder(&files.url, &network(), &["one", "two"], "");
    let ensemble = "name='both'\ntitle='Both'\nkind='ensemble'\nlicence=''\nsample_rate=44100\noverlap=0.25\n\
                    stems=['vocals']\ncomplement='instrumental'\n[ensemble]\nmembers=['one', 'two']\n";
    std::fs::write(dir.path().join("both.toml"), ensemble).unwrap();
    let presets = "[[preset]]\nname='fine'\ntitle='Fine'\ndescription='Fine.'\nmodels=['both', 'one']\n";
    std::fs::write(dir.path().join("presets.toml"), presets).unwrap();
    files.put("/one.onnx", ServedFile::File(network()));
    let error = error_line(&run(&settings(&dir), dir.path(), &["models", "pull", "fine"]));
    assert!(error.contains("two.onnx") && error.contains("404"), "{error}");
    assert_eq!(files_in(dir.path()), ["one.onnx"]);
    files.put("/two.onnx", ServedFile::File(network()));
    assert!(run(&settings(&dir), dir.path(), &["models", "pull", "fine", "one"]).status.success());
    assert_eq!(files_in(dir.path()), ["one.onnx", "two.onnx"]);
    let listed = run(&settings(&dir), dir.path(), &["models", "list", "--json"]);
    let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(list["presets"][0]["model"], "both");
}

#[test]
fn wrong_bytes_are_told_and_leave_nothing() {
    let files = FileServer::start();
    files.put("/mine.onnx", ServedFile::File(b"<html>Please log in".to_vec()));
    let dir = folder(&files.url, &network(), &["mine"], "");
    let error = error_line(&run(&settings(&dir), dir.path(), &["models", "pull", "mine"]));
    assert!(error.contains("sha256") && error.contains(&files.url), "{error}");
    assert_eq!(files_in(dir.path()), Vec::<String>::new());
    let error = error_line(&run(&settings(&dir), dir.path(), &["models", "pull", "nonsense"]));
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn a_mirror_is_set_by_the_configuration() {
    let mirror = tempfile::tempdir().unwrap();
    std::fs::write(mirror.path().join("mine.onnx"), network()).unwrap();
    let dir = folder("https://nowhere.invalid", &network(), &["mine"], "");
    let with = settings(&dir).set("models.mirror", mirror.path().display());
    assert!(run(&with, dir.path(), &["models", "pull", "mine"]).status.success());
    assert_eq!(files_in(dir.path()), ["mine.onnx"]);
    let with = settings(&dir).set("models.proxy", "nonsense");
    assert!(error_line(&run(&with, dir.path(), &["models", "pull", "mine"])).contains("models.proxy"));
}

#[test]
fn a_proxy_is_set_by_the_environment_or_the_configuration() {
    let proxy = FileServer::start();
    proxy.put("http://nowhere.invalid/mine.onnx", ServedFile::File(network()));
    let dir = folder("http://nowhere.invalid", &network(), &["mine"], "");
    let pull = |settings: &Settings, environment: &[(&str, &str)]| {
        let mut command = command(settings);
        command.envs(environment.iter().copied()).current_dir(dir.path());
        let output = command.args(["models", "pull", "mine"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::remove_file(dir.path().join("mine.onnx")).unwrap();
    };
    pull(&settings(&dir), &[("http_proxy", &proxy.url)]);
    pull(&settings(&dir).set("models.proxy", &proxy.url), &[]);
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn a_secured_connection_is_used_and_never_left() {
    let ((secured, authority), open) = (FileServer::start_secured(), FileServer::start());
    for name in ["good.onnx", "bad.onnx"] {
        open.put(&format!("/{name}"), ServedFile::File(network()));
    }
    secured.put("/good.onnx", ServedFile::File(network()));
    secured.put("/bad.onnx", ServedFile::Redirect(format!("{}/bad.onnx", open.url)));
    let dir = folder(&secured.url, &network(), &["good", "bad"], "");
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    let pull = |name: &str| {
        let mut command = command(&settings(&dir));
        command.env("SSL_CERT_FILE", &ca).env_remove("SSL_CERT_DIR").args(["models", "pull", name]);
        command.current_dir(dir.path()).output().unwrap()
    };
    let good = pull("good");
    assert!(good.status.success(), "{good:?}");
    let error = error_line(&pull("bad"));
    assert!(error.contains("unsecured"), "{error}");
    assert!(open.requests().is_empty());
    assert_eq!(files_in(dir.path()), ["ca.pem", "good.onnx"]);
}

#[test]
fn a_full_disk_is_told_and_gone_on_from() {
    if !can_have_own_disk() {
        eprintln!("skipped: this machine gives no process a disk of its own");
        return;
    }
    let (files, file) = (FileServer::start(), vec![7; 3_000_000]);
    files.put("/mine.onnx", ServedFile::File(file.clone()));
    let dir = folder(&files.url, &file, &["mine"], "");
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" && cp \"$2\" \"$1\" || exit 9
                  \"$3\" models pull mine; echo \"first $?\"; ls \"$1\"
                  mount -o remount,size=8m \"$1\" || exit 9
                  \"$3\" models pull mine; echo \"second $?\"; ls \"$1\"; sha256sum \"$1/mine.onnx\"";
    let plain = command(&settings(&dir));
    let mut unshared = Command::new("unshare");
    unshared.args(["-rm", "sh", "-c", script, "sh"]).arg(disk.path()).arg(dir.path().join("mine.toml"));
    unshared.arg(plain.get_program()).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = unshared.env("KARAOKE__MODELS__DIR", disk.path()).current_dir(dir.path()).output().unwrap();
    let (said, errors) = (out(&output), String::from_utf8_lossy(&output.stderr).into_owned());
    let (first, second) = said.split_once("second ").unwrap_or_else(|| panic!("{said}{errors}"));
    assert!(first.contains("first 1") && !first.contains("mine.onnx\n"), "{said}");
    assert!(errors.contains("the disk is full"), "{errors}");
    assert!(second.starts_with('0') && !second.contains("part"), "{said}{errors}");
    assert!(second.contains(&hex::encode(Sha256::digest(&file))), "{said}");
    let from = files.requests().last().unwrap().1;
    assert!(from > 500_000, "it went on from {from}");
}

#[test]
fn an_onnx_file_becomes_a_manifest_to_start_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = root().join("models/builtin.onnx");
    let inspected = run(&Settings::default(), dir.path(), &["models", "inspect", path.to_str().unwrap()]);
    let text = out(&inspected);
    assert!(inspected.status.success(), "{inspected:?}");
    for part in
        ["# takes input: f32 [batch, 4, 2048, 256]", "623,213 parameters", "5.95 GFLOP", "operator set 17"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let manifest = Manifest::parse(&text).unwrap();
    assert_eq!((&*manifest.name, &*manifest.file), ("builtin", "builtin.onnx"));
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(manifest.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(manifest.bytes, Some(bytes.len() as u64));
    std::fs::write(dir.path().join("page.onnx"), b"<html>404").unwrap();
    for (name, word) in [("page.onnx", "no ONNX file"), ("gone.onnx", "No such file"), (".", "not a file")] {
        let error = error_line(&run(&Settings::default(), dir.path(), &["models", "inspect", name]));
        assert!(error.contains(word) && error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn the_api_offers_models_and_presets_and_tracks_say_what_made_them() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let offer = api.json(api.request(reqwest::Method::GET, "/api/v1/models")).await;
    let of = |list: &str, name: &str| {
        let all = offer[list].as_array().unwrap_or_else(|| panic!("{list}: {offer}"));
        all.iter().find(|m| m["name"] == name).cloned().unwrap_or(Value::Null)
    };
    assert_eq!(offer["default"], "builtin");
    assert!(of("models", "builtin")["bytes"].as_u64().unwrap() > 1_000_000, "{offer}");
    assert!(of("models", "identity").is_null() && of("available", "builtin").is_null(), "{offer}");
    assert!(of("available", "htdemucs")["restriction"].as_str().unwrap().contains("cientific"), "{offer}");
    assert_eq!(of("presets", "quick")["model"], "builtin");
    assert_eq!(of("presets", "karaoke")["missing"], "uvr-mdxnet-kara-2");
    let wav = song(1.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "quick").await;
    let view = api.until_state(&track, "done").await;
    assert_eq!((&view["model"], &view["model_title"]), (&Value::from("builtin"), &Value::from("Built-in")));
    let (status, _, detail) = Api::problem(api.upload_raw("song.wav", wav, "karaoke").await).await;
    assert!(status == 422 && detail.contains("karaoke models pull karaoke"), "{detail}");
}
