//! API keys and quotas: whose song it is, how many there may be, and that nobody learns what is not his.

use karaoke_tests::program::command;
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::process::Output;

const ADMIN: &str = "admin-key";

fn keys(program: &Program, arguments: &[&str]) -> Output {
    let mut command = command(&Settings::default());
    command.env("KARAOKE__STORE__DIR", program.store()).arg("keys").args(arguments);
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// A key with those limits, and its id.
fn key(program: &Program, limits: &[&str]) -> (String, String) {
    let made = keys(program, &[&["create", "somebody"], limits].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
    let told = text(&made.stderr);
    let (before, _) = told.split_once(" is the id of this key").expect("its id");
    let id = before.rsplit(' ').next().expect("an id").to_owned();
    (text(&made.stdout), id)
}

async fn upload(api: &Api, seconds: f64, headers: &[(&str, &str)]) -> Response {
    let mut request = api.request(Method::POST, "/api/v1/tracks?name=song.wav&model=identity");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(song(seconds, 44_100).wav_16()).send().await.unwrap()
}

async fn track(answer: Response) -> Track {
    assert_eq!(answer.status(), 202);
    let body: Value = answer.json().await.unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    Track { id: text("id"), passcode: text("passcode") }
}

#[tokio::test]
async fn a_key_opens_the_songs_that_were_handed_in_with_it() {
    let program = Program::start(Settings::default().set("quotas.key_required", true));
    let api = program.api();
    let refused = upload(&api, 1.0, &[]).await;
    assert_eq!(Api::problem(refused).await.1, "Key needed");
    let ((mine, id), (other, _)) = (key(&program, &[]), key(&program, &[]));
    let (mine, other) = (format!("Bearer {mine}"), format!("Bearer {other}"));
    let song = track(upload(&api, 1.0, &[("authorization", &mine)]).await).await;
    let path = format!("/api/v1/tracks/{}", song.id);
    let status = |path: &str, key: &str| {
        let request = api.request(Method::GET, path).header("authorization", key);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status(&path, &mine).await, 200);
    assert_eq!(status(&path, &other).await, 404);
    assert_eq!(status(&path, "Bearer karaoke_0000").await, 401);
    let list = |key: &str| {
        let request = api.request(Method::GET, "/api/v1/tracks").header("authorization", key);
        async { api.json(request).await["tracks"].as_array().unwrap().len() }
    };
    assert_eq!((list(&mine).await, list(&other).await), (1, 0));
    let archive = json!({ "tracks": [{ "id": song.id, "passcode": "" }] });
    api.until_state(&song, "done").await;
    for (key, expected) in [(&mine, 201), (&other, 404)] {
        let request =
            api.request(Method::POST, "/api/v1/archive").header("authorization", key).json(&archive);
        assert_eq!(request.send().await.unwrap().status(), expected);
    }

    let listed = text(&keys(&program, &["list"]).stdout);
    assert!(listed.contains(&id) && listed.contains("somebody") && !listed.contains(&mine[7..]), "{listed}");
    assert!(keys(&program, &["revoke", &id]).status.success());
    assert_eq!(status(&path, &mine).await, 401, "from this moment on");
    assert_eq!(api.show(&song).await["state"], "done", "its passcode opens it still");
    let again = keys(&program, &["revoke", &id]);
    assert!(
        !again.status.success() && text(&again.stderr).contains("karaoke keys list"),
        "{}",
        text(&again.stderr)
    );
}

#[tokio::test]
async fn unknown_and_forbidden_songs_answer_alike() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = track(upload(&api, 1.0, &[]).await).await;
    let answers = |id: String| {
        let api = &api;
        async move {
            let mut all = Vec::new();
            for rest in
                ["", "/chunks", "/receipt", "/stems/vocals.wav", "/lyrics", "/notifications", "/events"]
            {
                for passcode in [None, Some("wrong"), Some("")] {
                    let mut request = api.request(Method::GET, &format!("/api/v1/tracks/{id}{rest}"));
                    if let Some(passcode) = passcode {
                        request = request.header("x-track-passcode", passcode);
                    }
                    let answer = request.send().await.unwrap();
                    let status = answer.status().as_u16();
                    all.push((rest, passcode, status, answer.text().await.unwrap()));
                }
            }
            all
        }
    };
    let known = answers(song.id).await;
    assert_eq!(known, answers("0123456789abcdef".into()).await);
    assert!(
        known.iter().all(|(_, passcode, status, _)| *status == if passcode.is_none() { 401 } else { 404 })
    );
}

fn limits(answer: &Response) -> Vec<String> {
    let all = answer.headers().get_all("ratelimit");
    all.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_address_may_hand_in_so_many_songs_a_day() {
    let settings = Settings::default().set("quotas.tracks_per_day", 2).set("http.admin_key", ADMIN);
    let program = Program::start(settings);
    let api = program.api();
    let first = upload(&api, 1.0, &[]).await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"tracks\";q=2;w=86400");
    assert!(limits(&first)[0].starts_with("\"tracks\";r=1;t="), "{:?}", limits(&first));
    let first = track(first).await;
    // What is no song does not count, and what is deleted does.
    let noise = api.upload_raw("noise.wav", vec![9; 4000], "identity").await;
    assert_eq!(noise.status(), 415);
    api.until_state(&first, "done").await;
    api.about(Method::DELETE, &first, "").send().await.unwrap();
    assert_eq!(upload(&api, 1.0, &[]).await.status(), 202);

    for method in ["raw", "tus"] {
        let refused = match method {
            "raw" => upload(&api, 1.0, &[]).await,
            _ => {
                let request = api.request(Method::POST, "/api/v1/uploads").header("tus-resumable", "1.0.0");
                request.header("upload-length", "1000").send().await.unwrap()
            }
        };
        assert_eq!(refused.status(), 429, "{method}");
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((86_000..=86_400).contains(&wait), "{method}: {wait}");
        assert!(limits(&refused)[0].starts_with("\"tracks\";r=0"), "{method}");
        let (_, title, detail) = Api::problem(refused).await;
        assert_eq!(title, "Quota used up");
        assert!(detail.contains("2 songs") && detail.contains("24 hours"), "{detail}");
    }
    // The admin and the holders of keys are counted for themselves.
    assert_eq!(upload(&api, 1.0, &[("x-admin-key", ADMIN)]).await.status(), 202);
    let (mine, _) = key(&program, &["--tracks-per-day", "1"]);
    let mine = format!("Bearer {mine}");
    assert_eq!(upload(&api, 1.0, &[("authorization", &mine)]).await.status(), 202);
    assert_eq!(upload(&api, 1.0, &[("authorization", &mine)]).await.status(), 429);
    // Somebody else's address, as a proxy would tell it, is not believed unless the operator says so.
    assert_eq!(upload(&api, 1.0, &[("x-forwarded-for", "192.0.2.7")]).await.status(), 429);
    let program = program.kill_and_restart();
    assert_eq!(upload(&program.api(), 1.0, &[]).await.status(), 429, "it is remembered");
}

#[tokio::test]
async fn behind_a_proxy_each_address_counts_for_itself() {
    let settings = Settings::default().set("quotas.tracks_per_day", 1).set("quotas.trust_forwarded", true);
    let program = Program::start(settings);
    let api = program.api();
    for (address, expected) in
        [("192.0.2.1", 202), ("192.0.2.2", 202), ("192.0.2.1", 429), ("9.9.9.9, 192.0.2.2", 429)]
    {
        assert_eq!(upload(&api, 1.0, &[("x-forwarded-for", address)]).await.status(), expected, "{address}");
    }
}

#[tokio::test]
async fn minutes_of_audio_are_counted_when_they_are_known() {
    let program = Program::start(
        Settings::default().set("quotas.audio_minutes_per_day", 1).set("http.admin_key", ADMIN),
    );
    let api = program.api();
    assert_eq!(upload(&api, 40.0, &[]).await.status(), 202);
    let refused = upload(&api, 40.0, &[]).await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (429, true));
    assert_eq!(Api::problem(refused).await.1, "Quota used up");
    let list = api.request(Method::GET, "/api/v1/tracks").header("x-admin-key", ADMIN);
    assert_eq!(
        api.json(list).await["tracks"].as_array().unwrap().len(),
        1,
        "nothing is left of the refused one"
    );
    assert_eq!(upload(&api, 15.0, &[]).await.status(), 202, "a shorter one fits");
}

#[tokio::test]
async fn of_songs_that_come_at_once_only_as_many_are_taken_as_there_may_be() {
    let settings = Settings::default().set("quotas.active_tracks", 1).set("simulation.window_seconds", 0.2);
    let program = Program::start(settings.set("worker.workers", 1));
    let api = program.api();
    let answers = futures::future::join_all((0..8).map(|_| upload(&api, 10.0, &[]))).await;
    let taken: Vec<Response> = answers.into_iter().filter(|answer| answer.status() == 202).collect();
    let [_] = &taken[..] else { panic!("{} were taken", taken.len()) };
    let only = track(taken.into_iter().next().unwrap()).await;
    api.about(Method::POST, &only, "/cancel").send().await.unwrap();
    until("there is room again", || async { (upload(&api, 1.0, &[]).await.status() == 202).then_some(()) })
        .await;
}
