//! What any HTTP client relies on, and what hostile ones must not get away with.

use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn connect(program: &Program) -> TcpStream {
    let stream = TcpStream::connect(program.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// What comes until the connection is closed.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has ended, too.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn connections_that_say_nothing_or_too_little_are_closed() {
    let program = Program::start(Settings::default().set("http.header_timeout_s", 0.5));
    let silent = connect(&program);
    let mut slow = connect(&program);
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut used = connect(&program);
    used.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // Reads until the server closes; a byte now and then does not keep a connection.
    let trickle = std::thread::spawn({
        let mut slow = slow.try_clone().unwrap();
        move || {
            while slow.write_all(b"x").is_ok() && slow.flush().is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let said = rest(used);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(rest(silent), "");
    let said = rest(slow);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    trickle.join().unwrap();
}

#[tokio::test]
async fn headers_beyond_measure_and_odd_methods_are_refused() {
    let program = Program::start(Settings::default());
    let mut large = connect(&program);
    // The server may close before it has read all of it.
    let _ = large.write_all(
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(300_000)).as_bytes(),
    );
    let said = rest(large);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    let api = program.api();
    for (method, path) in [("FOO", "/"), ("POST", "/"), ("DELETE", "/style.css"), ("PUT", "/api/v1/models")] {
        let answer = api.request(Method::from_bytes(method.as_bytes()).unwrap(), path).send().await.unwrap();
        assert_eq!(Api::problem(answer).await.0, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn nothing_behind_a_body_of_two_lengths_is_taken_for_a_request() {
    let program = Program::start(Settings::default());
    let lengths = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ];
    let wrong = [
        "Transfer-Encoding: chunked, identity",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
    ];
    for length in lengths.into_iter().chain(wrong) {
        let mut stream = connect(&program);
        let head = format!("POST /api/v1/archive HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n");
        // A proxy that goes by the length would send the rest as the beginning of somebody else's request.
        stream
            .write_all(format!("{head}0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let said = rest(stream);
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{length}: {said}");
        assert!(said.starts_with("HTTP/1.1 4"), "{length}: {said}");
    }
}

#[tokio::test]
async fn out_of_descriptors_it_says_so_once_and_recovers() {
    let program = Program::start(Settings::default().open_files(64).set("http.header_timeout_s", 1));
    let api = program.api();
    let song = karaoke_tests::sound::song(0.5, 44_100);
    let idle: Vec<_> = (0..1000)
        .filter_map(|_| TcpStream::connect(program.url.trim_start_matches("http://")).ok())
        .collect();
    assert!(idle.len() > 64);
    until("it is told", || async { program.log().contains("cannot take a connection").then_some(()) }).await;
    until("all of them have been closed", || async {
        let answer =
            api.request(Method::GET, "/healthz").timeout(Duration::from_secs(30)).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    drop(idle);
    let track = until("songs are taken", || async {
        let answer = api.upload_form("a.wav", song.wav_16(), "identity").await;
        let status = answer.status().as_u16();
        assert!(status == 202 || status == 503, "{status}");
        let accepted: Value = answer.json().await.ok()?;
        let text = |name: &str| accepted[name].as_str().map(str::to_owned);
        Some(karaoke_tests::Track { id: text("id")?, passcode: text("passcode")? })
    })
    .await;
    api.until_state(&track, "done").await;
    let log = program.log();
    let told = log.matches("cannot take a connection").count();
    assert!(told <= 2 && !log.contains("panicked"), "{told} times");
}

#[tokio::test]
async fn every_answer_names_its_request_and_so_does_the_log() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let id = |answer: &reqwest::Response| answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let ask = |path: &str| api.request(Method::GET, path);
    let (one, other) = (ask("/").send().await.unwrap(), ask("/api/v1/nothing").send().await.unwrap());
    assert!(id(&one).len() == 16 && id(&one) != id(&other));
    let given = ask("/healthz").header("X-Request-Id", "abc-1").send().await.unwrap();
    assert_eq!(id(&given), "abc-1");
    let forged = ask("/healthz").header("X-Request-Id", "a b} ERROR").send().await.unwrap();
    assert_eq!(id(&forged).len(), 16);
    let health: Value = given.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    let ready = api.json(ask("/readyz")).await;
    assert_eq!(ready["status"], "ready");

    let song = karaoke_tests::sound::song(0.5, 44_100).wav_16();
    let upload = api.request(Method::POST, "/api/v1/tracks?name=a.wav&model=identity");
    let answer = upload.header("X-Request-Id", "upload-77").body(song).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), id(&answer)), (202, "upload-77".to_owned()));
    until("the log names it", || async {
        let log = program.log();
        log.lines().any(|line| line.contains("upload-77") && line.contains("track accepted")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_use_the_api() {
    let ours = "https://karaoke.example";
    let program = Program::start(Settings::default().set("http.cors_origins", format!("[\"{ours}\"]")));
    let api = program.api();
    let preflight = |origin: &str| {
        let request = api.request(Method::OPTIONS, "/api/v1/tracks").header("Origin", origin);
        request.header("Access-Control-Request-Method", "POST").send()
    };
    let allowed = preflight(ours).await.unwrap();
    assert_eq!(
        (allowed.status().as_u16(), &allowed.headers()["access-control-allow-origin"]),
        (204, &ours.parse().unwrap())
    );
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-track-passcode"));
    assert!(
        !allowed.headers().contains_key("access-control-allow-credentials"),
        "cookies are for our own page"
    );
    let other = preflight("https://other.example").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    // Not a preflight, and no page: as ever.
    let tus = api.request(Method::OPTIONS, "/api/v1/uploads").header("Origin", ours).send().await.unwrap();
    assert_eq!(tus.headers()["tus-version"], "1.0.0");
    assert_eq!(tus.headers()["access-control-allow-origin"], ours);
    let models = api.request(Method::GET, "/api/v1/models").header("Origin", ours).send().await.unwrap();
    assert!(models.headers()["access-control-expose-headers"].to_str().unwrap().contains("x-track-id"));
    let plain = api.request(Method::GET, "/api/v1/models").send().await.unwrap();
    assert!(!plain.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn an_upload_that_is_sent_again_is_one_track() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = karaoke_tests::sound::song(1.0, 44_100).wav_16();
    let send = |key: &str, body: Vec<u8>, model: &str| {
        let request =
            api.request(Method::POST, "/api/v1/tracks").query(&[("name", "a.wav"), ("model", model)]);
        request.header("Idempotency-Key", key).body(body).send()
    };
    let json = async |answer: reqwest::Response| -> Value {
        assert_eq!(answer.status(), 202);
        answer.json().await.unwrap()
    };
    let first = json(send("k-1", song.clone(), "identity").await.unwrap()).await;
    let again = json(send("k-1", song.clone(), "identity").await.unwrap()).await;
    let other = json(send("k-2", song.clone(), "identity").await.unwrap()).await;
    assert_eq!((&first["id"], &first["passcode"]), (&again["id"], &again["passcode"]));
    assert!(first["id"] != other["id"] && first["passcode"] != other["passcode"]);
    let mut changed = song.clone();
    changed[60] ^= 1;
    for (key, body, model) in [("k-1", changed, "identity"), ("k-1", song.clone(), "centre")] {
        let (status, title, _) = Api::problem(send(key, body, model).await.unwrap()).await;
        assert_eq!((status, title.as_str()), (422, "Idempotency key reused"));
    }
    let bad = send(&"k".repeat(256), song.clone(), "identity").await.unwrap();
    assert_eq!(Api::problem(bad).await.0, 400);
    // What was refused left nothing, and a key is free again once its track is deleted.
    let refused = send("k-3", b"not a song".to_vec(), "identity").await.unwrap();
    assert_eq!(Api::problem(refused).await.0, 415);
    json(send("k-3", song.clone(), "identity").await.unwrap()).await;
    let track = karaoke_tests::Track {
        id: first["id"].as_str().unwrap().into(),
        passcode: first["passcode"].as_str().unwrap().into(),
    };
    // Also after the server's death.
    let program = program.kill_and_restart();
    let api = program.api();
    let request = api.request(Method::POST, "/api/v1/tracks?name=a.wav&model=identity");
    let late = json(request.header("Idempotency-Key", "k-1").body(song).send().await.unwrap()).await;
    assert_eq!(late["passcode"], first["passcode"]);
    assert_eq!(api.about(Method::DELETE, &track, "").send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn the_list_of_tracks_comes_in_pages_and_by_state_and_model() {
    let program = Program::start(Settings::default().set("http.admin_key", "secret"));
    let api = program.api();
    let mut ids = Vec::new();
    for (name, model) in
        [("a.wav", "identity"), ("b.wav", "centre"), ("c.wav", "identity"), ("d.wav", "identity")]
    {
        let track = api.accepted(name, karaoke_tests::sound::song(0.5, 44_100).wav_16(), model).await;
        api.until_state(&track, "done").await;
        ids.insert(0, track.id);
    }
    let list = async |query: &str| -> Value {
        let request = api.request(Method::GET, &format!("/api/v1/tracks{query}"));
        api.json(request.header("X-Admin-Key", "secret")).await
    };
    let shown = |page: &Value| -> Vec<String> {
        page["tracks"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("").await;
    assert_eq!((shown(&all), &all["next"]), (ids.clone(), &Value::Null));
    let (mut cursor, mut pages) = (String::new(), Vec::new());
    loop {
        let page = list(&format!("?limit=3{cursor}")).await;
        pages.push(shown(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(pages, [ids[..3].to_vec(), ids[3..].to_vec()]);
    assert_eq!(shown(&list("?model=centre&state=done").await), [ids[2].clone()]);
    assert!(shown(&list("?state=failed").await).is_empty());
    for query in ["?limit=0", "?limit=9999", "?cursor=x", "?state=over", "?what=1"] {
        let request =
            api.request(Method::GET, &format!("/api/v1/tracks{query}")).header("X-Admin-Key", "secret");
        assert_eq!(Api::problem(request.send().await.unwrap()).await.0, 422, "{query}");
    }
}

#[tokio::test]
async fn who_is_refused_for_his_query_or_key_hears_why_although_he_is_still_sending() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = karaoke_tests::sound::song(60.0, 44_100).wav_16();
    for (query, key) in [("?deadline_s=-1", "k"), ("?what=1", "k"), ("", "")] {
        let request =
            api.request(Method::POST, &format!("/api/v1/tracks{query}")).header("Idempotency-Key", key);
        let answer = request.body(song.clone()).send().await.expect("an answer, not a broken connection");
        assert!([400, 422].contains(&Api::problem(answer).await.0), "{query}");
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again_and_what_another_changed_is_not_overwritten() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let track = api.accepted("a.wav", song(2.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    for path in ["", "/chunks", "/stems/vocals.wav", "/stems/vocals.flac", "/stems/multitrack.wav"] {
        let first = api.about(Method::GET, &track, path).send().await.unwrap();
        let tag = first.headers()["etag"].clone();
        assert_eq!(first.status(), 200, "{path}");
        let again = api.about(Method::GET, &track, path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag), "{path}");
        assert!(again.bytes().await.unwrap().is_empty());
        let other =
            api.about(Method::GET, &track, path).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(other.status(), 200, "{path}");
    }
    let part = |name: &'static str, value: String| {
        let request = api.about(Method::GET, &track, "/stems/vocals.wav").header("range", "bytes=0-9");
        async move { request.header(name, value).send().await.unwrap().status().as_u16() }
    };
    let whole = api.about(Method::GET, &track, "/stems/vocals.wav").send().await.unwrap();
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(part("if-range", tag).await, 206);
    assert_eq!(part("if-range", "\"other\"".into()).await, 200, "a part of something else would not fit");

    let put = |text: &'static str, tag: Option<String>| {
        let mut request = api.about(Method::PUT, &track, "/lyrics").body(text);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(put("One", Some("*".into())).await, 412, "there is nothing to change yet");
    assert_eq!(put("One", None).await, 200);
    let seen = api.about(Method::GET, &track, "/lyrics").send().await.unwrap();
    let seen = seen.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(put("Two", Some(seen.clone())).await, 200);
    assert_eq!(put("Three", Some(seen)).await, 412, "it is another text by now");
    let words =
        api.about(Method::GET, &track, "/lyrics?format=lrc").send().await.unwrap().text().await.unwrap();
    assert!(words.contains("Two"), "{words}");
}
