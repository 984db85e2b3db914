//! Wrong and hostile uploads get a 4xx that says what is wrong, and leave nothing behind.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use std::io::Write;

#[tokio::test]
async fn what_is_no_song_is_refused_and_leaves_nothing() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let good = song(5.0, 44_100);
    let nan = Sound { rate: 44_100, samples: vec![f32::NAN; 20_000] };
    let cases: [(&str, Vec<u8>, u16, &str); 6] = [
        ("empty.mp3", Vec::new(), 422, "empty"),
        ("text.mp3", b"This is not a song, whatever its name says.\n".repeat(100), 415, "audio"),
        ("cover.mp3", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01".repeat(200), 415, "audio"),
        ("cut.wav", good.wav_16()[..200_000].to_vec(), 422, "cut off"),
        ("nothing.wav", Sound { rate: 44_100, samples: vec![] }.wav_16(), 422, "sound"),
        ("nan.wav", nan.wav_float(), 422, "number"),
    ];
    for (name, bytes, status, word) in cases {
        let problem = Api::problem(api.upload_form(name, bytes, "identity").await).await;
        assert_eq!(problem.0, status, "{name}: {problem:?}");
        let text = format!("{} {}", problem.1, problem.2).to_lowercase();
        assert!(text.contains(word), "{name}: {problem:?} does not tell of {word:?}");
    }
    assert_eq!(program.audio_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn limits_are_those_of_the_configuration() {
    let settings = Settings::default().set("limits.upload_bytes", 300_000).set("limits.duration_s", 2);
    let program = Program::start(settings);
    let api = program.api();
    let large = song(60.0, 44_100).wav_float();
    assert_eq!(Api::problem(api.upload_form("large.wav", large.clone(), "identity").await).await.0, 413);
    let unsized_body = reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(large)]));
    let answer = api.request(Method::POST, "/api/v1/tracks").body(unsized_body).send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 413);
    let long = api.upload_raw("long.wav", song(3.0, 8_000).wav_16(), "identity").await;
    let problem = Api::problem(long).await;
    assert_eq!((problem.0, problem.1.as_str()), (413, "Recording too long"));
    api.accepted("fits.wav", song(1.0, 44_100).wav_16(), "identity").await;
    let models = api.json(api.request(Method::GET, "/api/v1/models")).await;
    assert_eq!(models["limits"]["upload_bytes"], 300_000);
}

#[tokio::test]
async fn wrong_requests_are_problems_too() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = || song(0.2, 44_100).wav_16();
    assert_eq!(Api::problem(api.upload_form("a.wav", wav(), "nonsense").await).await.0, 422);
    for path in ["/api/v1/nothing", "/api/v1/tracks/..%2f..", "/api/v1/tracks/unknown", "/nothing.html"] {
        let answer = api.request(Method::GET, path).header("x-track-passcode", "some").send().await.unwrap();
        assert_eq!(Api::problem(answer).await.0, 404, "{path}");
    }
    let answer = api.request(Method::PUT, "/api/v1/models").send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 405);
    let answer = api.request(Method::POST, "/api/v1/tracks?colour=red").body(wav()).send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 422);
    let track = api.accepted("a.wav", wav(), "identity").await;
    for file in ["drums.wav", "vocals.ogg", "vocals", "vocals.wav?bits=99", "vocals.mp3?bits=24"] {
        let answer = api.about(Method::GET, &track, &format!("/stems/{file}")).send().await.unwrap();
        assert_eq!(Api::problem(answer).await.0, 404, "{file}");
    }
    assert_eq!(api.about(Method::GET, &track, "/cover").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_full_house_asks_to_come_back_later() {
    let settings = Settings::default().set("limits.active_tracks", 1).set("simulation.window_seconds", 0.5);
    let program = Program::start(settings);
    let api = program.api();
    let first = api.accepted("a.wav", song(60.0, 44_100).wav_16(), "identity").await;
    let answer = api.upload_form("b.wav", song(1.0, 44_100).wav_16(), "identity").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(Api::problem(answer).await.0, 503);
    assert_eq!(api.request(Method::GET, "/readyz").send().await.unwrap().status(), 503);
    assert_eq!(api.request(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    api.json(api.about(Method::POST, &first, "/cancel")).await;
    api.accepted("b.wav", song(1.0, 44_100).wav_16(), "identity").await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = song(20.0, 44_100).wav_16();
    let half = wav[..wav.len() / 2].to_vec();
    let parts = vec![Ok(half), Err(std::io::Error::other("the train is in a tunnel"))];
    let body = reqwest::Body::wrap_stream(futures::stream::iter(parts));
    let sent = api.request(Method::POST, "/api/v1/tracks?name=a.wav").body(body).send().await;
    assert!(sent.is_err());
    until("the half upload is gone", || async { program.audio_files().is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn a_song_whose_passcode_nobody_heard_is_not_kept() {
    let settings = Settings::default().set("limits.decode_wait_s", 600).set("limits.duration_s", 3600);
    let program = Program::start(settings);
    let api = program.api();
    let body = song(1.0, 44_100).wav_16();
    let (most, last) = body.split_at(body.len() - 1);
    let head = format!("POST /api/v1/tracks HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut socket = std::net::TcpStream::connect(program.url.trim_start_matches("http://")).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(most).unwrap();
    // Ten minutes that have to be resampled keep the only decoder busy for seconds; all that the other song
    // has to do meanwhile is to send its last byte, arrive, and lose its sender.
    let long = Sound { rate: 48_000, samples: (0..600 * 96_000).map(|i| (i % 99) as f32 / 200.0).collect() };
    let first = tokio::spawn({
        let (api, wav) = (api.clone(), long.wav_16());
        async move { api.accepted("first.wav", wav, "identity").await }
    });
    until("the first is being decoded", || async {
        program.audio_files().iter().any(|p| p.ends_with("mix.f32")).then_some(())
    })
    .await;
    socket.write_all(last).unwrap();
    let tracks = || std::fs::read_dir(program.store().join("tracks")).unwrap().count();
    until("the second has arrived", || async { (tracks() == 2).then_some(()) }).await;
    drop(socket);
    until("the second is gone", || async { (tracks() == 1).then_some(()) }).await;
    let first = first.await.unwrap();
    api.json(api.about(Method::POST, &first, "/cancel")).await;
}
