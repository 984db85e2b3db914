//! A track's life: separated, cancelled, deleted, and who may reach it.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Program, Settings};
use reqwest::Method;

#[tokio::test]
async fn a_song_becomes_stems_that_add_up_to_it() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = song(20.0, 44_100);
    let track = api.accepted("My Song.wav", song.wav_float(), "centre").await;
    let view = api.until_state(&track, "done").await;
    assert_eq!(view["progress"], 1.0);
    assert_eq!(view["file_name"], "My Song.wav");
    let vocals = Sound::from_wav(&api.stem(&track, "vocals.wav?bits=float").await);
    let instrumental = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
    let rest = song.minus(&instrumental).minus(&vocals);
    assert!(rest.peak() < 1e-6, "the stems do not add up: {}", rest.peak());
    assert!(vocals.level_db() > -50.0, "there is a voice in the middle: {}", vocals.level_db());
}

#[tokio::test]
async fn a_finished_track_keeps_only_what_it_needs() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let track = api.accepted("song.wav", song(8.0, 48_000).wav_16(), "centre").await;
    api.until_state(&track, "done").await;
    until("only the mix and the predicted stem are left", || async {
        let mut names: Vec<_> =
            program.audio_files().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        names.sort();
        (names == ["mix.f32", "vocals.f32"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn cancelling_is_immediate_and_leaves_nothing() {
    let program = Program::start(Settings::default().set("simulation.window_seconds", 0.5));
    let api = program.api();
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "separating").await;
    let view = api.json(api.about(Method::POST, &track, "/cancel")).await;
    assert_eq!(view["state"], "cancelled");
    assert_eq!(program.audio_files(), Vec::<std::path::PathBuf>::new());
    let answer = api.about(Method::GET, &track, "/stems/vocals.wav").send().await.unwrap();
    assert!(answer.status().is_client_error());
    // The workers are free for the next song at once.
    let next = api.accepted("next.wav", song(0.5, 44_100).wav_16(), "identity").await;
    api.until_state(&next, "done").await;
}

#[tokio::test]
async fn deleting_removes_a_track_in_any_state() {
    let program = Program::start(Settings::default().set("simulation.window_seconds", 0.3));
    let api = program.api();
    let done = api.accepted("a.wav", song(0.5, 44_100).wav_16(), "identity").await;
    api.until_state(&done, "done").await;
    let running = api.accepted("b.wav", song(30.0, 44_100).wav_16(), "identity").await;
    for track in [&done, &running] {
        let answer = api.about(Method::DELETE, track, "").send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(api.about(Method::GET, track, "").send().await.unwrap().status(), 404);
        assert_eq!(api.about(Method::DELETE, track, "").send().await.unwrap().status(), 404);
    }
    assert_eq!(program.audio_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_track_opens_with_its_passcode_its_cookie_or_the_admin_key() {
    let program = Program::start(Settings::default().set("http.admin_key", "open sesame"));
    let api = program.api();
    let answer = api.upload_raw("s.wav", song(0.5, 44_100).wav_16(), "identity").await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let body: serde_json::Value = answer.json().await.unwrap();
    let path = format!("/api/v1/tracks/{}", body["id"].as_str().unwrap());
    let status = |name: &'static str, value: String| {
        let request = api.request(Method::GET, &path).header(name, value);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(api.request(Method::GET, &path).send().await.unwrap().status(), 401);
    assert_eq!(status("x-track-passcode", "wrong".into()).await, 404, "as if there were none");
    assert_eq!(status("x-track-passcode", body["passcode"].as_str().unwrap().into()).await, 200);
    assert_eq!(status("cookie", cookie.split(';').next().unwrap().into()).await, 200);
    assert_eq!(status("x-admin-key", "open sesame".into()).await, 200);
    assert_eq!(status("x-admin-key", "open".into()).await, 401);
    let list = api.request(Method::GET, "/api/v1/tracks");
    assert_eq!(list.try_clone().unwrap().send().await.unwrap().status(), 401);
    let all = api.json(list.header("x-admin-key", "open sesame")).await;
    assert_eq!(all["tracks"][0]["id"], body["id"]);
}

#[tokio::test]
async fn a_short_song_behind_a_long_one_does_not_wait_for_it() {
    let settings = Settings::default().set("simulation.window_seconds", 0.05).set("worker.workers", 1);
    let program = Program::start(settings.set("chunking.windows_per_chunk", 1));
    let api = program.api();
    let long = api.accepted("long.wav", song(120.0, 44_100).wav_16(), "identity").await;
    let short = api.accepted("short.wav", song(3.0, 44_100).wav_16(), "identity").await;
    api.until_state(&short, "done").await;
    let view = api.show(&long).await;
    assert_eq!(view["state"], "separating", "the long song should still be in work");
    assert!(view["progress"].as_f64().unwrap() < 0.7, "{view}");
}

#[tokio::test]
async fn tags_and_cover_are_shown_and_written_into_downloads() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("song.wav"), song(2.0, 44_100).wav_16()).unwrap();
    let ffmpeg = |arguments: &[&str]| {
        let run =
            std::process::Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(arguments).status();
        assert!(run.expect("ffmpeg (make test installs it)").success());
    };
    ffmpeg(&["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", &at("cover.png")]);
    let tags = ["title=Größe", "artist=Wir", "album=Hier"].map(|t| ["-metadata", t]).concat();
    let files = ["-i", &at("song.wav"), "-i", &at("cover.png"), "-map", "0", "-map", "1", "-c:v", "copy"];
    ffmpeg(&[&files[..], &tags, &["-disposition:v", "attached_pic", &at("song.mp3")]].concat());

    let program = Program::start(Settings::default());
    let api = program.api();
    let track = api.accepted("x.mp3", std::fs::read(at("song.mp3")).unwrap(), "centre").await;
    let view = api.until_state(&track, "done").await;
    assert_eq!(
        (&view["title"], &view["artist"], &view["album"]),
        (&"Größe".into(), &"Wir".into(), &"Hier".into())
    );
    let cover = api.about(Method::GET, &track, "/cover").send().await.unwrap();
    assert_eq!(cover.headers()["content-type"], "image/png");
    assert!(cover.bytes().await.unwrap() == std::fs::read(at("cover.png")).unwrap());
    let request = api.about(Method::GET, &track, "/stems/vocals.flac?download=1");
    let (_, headers) = api.head_of(request).await;
    let name = headers["content-disposition"].to_str().unwrap();
    assert!(name.contains("filename*=UTF-8''Wir%20-%20Gr%C3%B6%C3%9Fe%20%28Vocals%29.flac"), "{name}");
    let flac = api.stem(&track, "vocals.flac").await;
    assert!(flac.windows(7).any(|w| w == "Größe".as_bytes()), "the download has no title");
}
