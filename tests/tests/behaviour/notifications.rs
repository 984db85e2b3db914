//! Webhooks and mail: what is told to whom, signed, until it arrives, whatever dies meanwhile, and never to this machine.

use karaoke_tests::receiver::{MailServer, Received, Reply, WebhookReceiver};
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const ADMIN: &str = "admin-key";

/// Webhooks may lead to this machine, where the tests' receivers are.
fn settings() -> Settings {
    Settings::default().set("notifications.allow_private", true).set("http.admin_key", format!("\"{ADMIN}\""))
}

async fn upload(api: &Api, seconds: f64, query: &[(&str, &str)]) -> (u16, Value) {
    let request = api.request(Method::POST, "/api/v1/tracks?name=song.wav&model=identity").query(query);
    let answer = request.body(song(seconds, 44_100).wav_16()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn track(accepted: &Value) -> Track {
    let text = |key: &str| accepted[key].as_str().unwrap().to_owned();
    Track { id: text("id"), passcode: text("passcode") }
}

async fn admin(api: &Api, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = api.request(method, &format!("/api/v1/notifications{path}")).header("X-Admin-Key", ADMIN);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn until_received(receiver: &WebhookReceiver, count: usize) -> Vec<Received> {
    until("the messages arrive", || async {
        let received = receiver.received();
        (received.len() >= count).then_some(received)
    })
    .await
}

/// What a receiver does: checks the signature, and reads.
fn verified(received: &Received, secret: &str) -> Value {
    let headers = received.headers.iter().filter_map(|(name, value)| {
        Some((name.parse::<reqwest::header::HeaderName>().ok()?, value.parse().ok()?))
    });
    let headers: reqwest::header::HeaderMap = headers.collect();
    Webhook::new(secret).unwrap().verify(received.body.as_bytes(), &headers).expect("the signature is right");
    serde_json::from_str(&received.body).unwrap()
}

#[tokio::test]
async fn a_webhook_is_told_that_a_song_is_done() {
    let (program, receiver) = (Program::start(settings()), WebhookReceiver::start());
    let api = program.api();
    let (status, accepted) = upload(&api, 3.0, &[("webhook", &receiver.url)]).await;
    assert_eq!(status, 202, "{accepted}");
    let told = &accepted["notifications"][0];
    assert_eq!(told["target"], receiver.url);
    let received = until_received(&receiver, 1).await;
    let message = verified(&received[0], told["secret"].as_str().unwrap());
    assert_eq!(message["type"], "track.done");
    assert_eq!((&message["data"]["id"], &message["data"]["state"]), (&accepted["id"], &json!("done")));
    assert_eq!(message["data"]["duration_s"], 3.0);
    assert!(received[0].header("webhook-id").starts_with("msg_"));
    assert!(!received[0].body.contains(accepted["passcode"].as_str().unwrap()));

    let (track, path) = (track(&accepted), format!("/notifications/{}", told["id"].as_str().unwrap()));
    let log = api.json(api.about(Method::GET, &track, &format!("{path}/deliveries"))).await;
    assert_eq!(log["deliveries"][0]["attempts"][0]["status"], 204, "{log}");
    assert!(
        log["deliveries"][0]["delivered_at"].is_string() && log["deliveries"][0]["next_attempt_at"].is_null()
    );
    let list = api.json(api.about(Method::GET, &track, "/notifications")).await;
    assert!(list["notifications"][0]["secret"].is_null(), "it is told once: {list}");

    let again = received[0].header("webhook-id").to_owned();
    let retry = api.about(Method::POST, &track, &format!("{path}/deliveries/{again}/retry"));
    assert_eq!(retry.send().await.unwrap().status(), 202);
    let received = until_received(&receiver, 2).await;
    assert_eq!(received[1].header("webhook-id"), again, "the same message");
    assert_eq!(received[1].body, received[0].body);
}

#[tokio::test]
async fn a_message_survives_a_target_that_fails_and_the_death_of_the_server() {
    let (mut program, receiver) = (Program::start(settings()), WebhookReceiver::start());
    receiver.reply([Reply::Status(503), Reply::Nothing]);
    let (_, accepted) = upload(&program.api(), 3.0, &[("webhook", &receiver.url)]).await;
    // The second attempt comes after five seconds, and the server dies while it waits for the answer.
    let received = until_received(&receiver, 2).await;
    program.kill();
    program.restart();
    let after = until_received(&receiver, 3).await;
    for message in &after[..3] {
        assert_eq!(message.header("webhook-id"), received[0].header("webhook-id"));
        verified(message, accepted["notifications"][0]["secret"].as_str().unwrap());
    }
    let path = format!("/notifications/{}/deliveries", accepted["notifications"][0]["id"].as_str().unwrap());
    let api = program.api();
    until("the log has it", || async {
        let log = api.json(api.about(Method::GET, &track(&accepted), &path)).await;
        (log["deliveries"][0]["delivered_at"].is_string()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_admin_is_told_of_every_song_and_chooses_of_what() {
    let program = Program::start(settings().set("simulation.window_seconds", 0.1).set("worker.workers", 1));
    let (api, receiver, done_only) = (program.api(), WebhookReceiver::start(), WebhookReceiver::start());
    let wanted = json!({ "target": receiver.url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    let (status, made) = admin(&api, Method::POST, "", Some(wanted.clone())).await;
    assert_eq!((status, &made["secret"]), (201, &wanted["secret"]));
    assert_eq!(
        admin(&api, Method::POST, "", Some(wanted)).await.0,
        201,
        "another one for the same target is fine"
    );
    let (_, twice) = admin(&api, Method::GET, "", None).await;
    let second = twice["notifications"][1]["id"].as_str().unwrap();
    assert_eq!(admin(&api, Method::DELETE, &format!("/{second}"), None).await.0, 204);
    let wanted = json!({ "target": done_only.url, "events": ["track.done"] });
    assert_eq!(admin(&api, Method::POST, "", Some(wanted)).await.0, 201);

    let (_, late) = upload(&api, 20.0, &[("deadline_s", "1")]).await;
    let received = until_received(&receiver, 1).await;
    assert_eq!(verified(&received[0], made["secret"].as_str().unwrap())["type"], "track.deadline_missed");
    api.about(Method::POST, &track(&late), "/cancel").send().await.unwrap();
    let (_, deleted) = upload(&api, 20.0, &[]).await;
    api.about(Method::DELETE, &track(&deleted), "").send().await.unwrap();
    let (_, done) = upload(&api, 2.0, &[]).await;
    let received = until_received(&receiver, 4).await;
    let mut told: Vec<(String, Value)> = Vec::new();
    for message in &received {
        let body: Value = serde_json::from_str(&message.body).unwrap();
        told.push((body["type"].as_str().unwrap().to_owned(), body["data"]["id"].clone()));
    }
    for (event, song) in [
        ("track.deadline_missed", &late),
        ("track.cancelled", &late),
        ("track.cancelled", &deleted),
        ("track.done", &done),
    ] {
        assert_eq!(
            told.iter().filter(|t| **t == (event.to_owned(), song["id"].clone())).count(),
            1,
            "{event} {told:?}"
        );
    }
    assert_eq!(until_received(&done_only, 1).await.len(), 1);
    // A song that is refused was never there.
    let refused = api.upload_raw("noise.wav", vec![7; 1000], "identity").await;
    assert_eq!(refused.status(), 415);
    let (_, test) = admin(&api, Method::POST, &format!("/{}/test", made["id"].as_str().unwrap()), None).await;
    assert_eq!(test["attempts"][0]["status"], 204, "{test}");
    let received = until_received(&receiver, 5).await;
    assert_eq!(verified(&received[4], made["secret"].as_str().unwrap())["type"], "test");
    assert_eq!(received.len(), 5, "{:?}", received.last());
}

#[tokio::test]
async fn who_says_gone_or_sends_elsewhere_is_told_no_more_or_later() {
    let (program, receiver, other) =
        (Program::start(settings()), WebhookReceiver::start(), WebhookReceiver::start());
    let api = program.api();
    receiver.reply([Reply::Status(410)]);
    let (_, made) = admin(&api, Method::POST, "", Some(json!({ "target": receiver.url }))).await;
    let (_, first) = upload(&api, 2.0, &[]).await;
    api.until_state(&track(&first), "done").await;
    until("it is disabled", || async {
        let (_, list) = admin(&api, Method::GET, "", None).await;
        list["notifications"][0]["disabled"].is_string().then_some(())
    })
    .await;
    let (_, second) = upload(&api, 2.0, &[]).await;
    api.until_state(&track(&second), "done").await;
    let path = format!("/{}", made["id"].as_str().unwrap());
    let (_, log) = admin(&api, Method::GET, &format!("{path}/deliveries"), None).await;
    assert_eq!(log["deliveries"].as_array().unwrap().len(), 1, "{log}");
    assert_eq!(log["deliveries"][0]["attempts"][0]["status"], 410);
    // A redirect could lead anywhere: it is not followed.
    let elsewhere: &'static str = Box::leak(other.url.clone().into_boxed_str());
    receiver.reply([Reply::Redirect(elsewhere)]);
    let (_, test) = admin(&api, Method::POST, &format!("{path}/test"), None).await;
    assert_eq!(test["attempts"][0]["status"], 307, "{test}");
    assert!(other.received().is_empty());
    // A test that arrives switches it on again.
    admin(&api, Method::POST, &format!("{path}/test"), None).await;
    let (_, list) = admin(&api, Method::GET, "", None).await;
    assert!(list["notifications"][0]["disabled"].is_null(), "{list}");
}

#[tokio::test]
async fn nobody_is_sent_to_this_machine_or_its_network() {
    let program = Program::start(Settings::default().set("http.admin_key", format!("\"{ADMIN}\"")));
    let (api, receiver) = (program.api(), WebhookReceiver::start());
    let port = receiver.url.rsplit(':').next().unwrap().to_owned();
    for host in
        ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "169.254.169.254", "10.0.0.1", "[::ffff:7f00:1]"]
    {
        let (status, problem) = upload(&api, 1.0, &[("webhook", &format!("http://{host}:{port}"))]).await;
        assert_eq!((status, &problem["title"]), (422, &json!("Target not taken")), "{host}: {problem}");
    }
    for target in ["ftp://example.org", "https://a:b@example.org", "nonsense", "mailto:me@example.org"] {
        let (status, problem) = admin(&api, Method::POST, "", Some(json!({ "target": target }))).await;
        assert_eq!(status, 422, "{target}: {problem}");
    }
    assert!(receiver.received().is_empty());
    // Nothing of the refused songs is left.
    let list = api.request(Method::GET, "/api/v1/tracks").header("X-Admin-Key", ADMIN);
    assert_eq!(api.json(list).await["tracks"], json!([]));
}

#[tokio::test]
async fn notifications_belong_to_who_made_them() {
    let (program, receiver) = (Program::start(settings()), WebhookReceiver::start());
    let api = program.api();
    let (_, mine) = upload(&api, 2.0, &[("webhook", &receiver.url)]).await;
    let (_, theirs) = upload(&api, 2.0, &[]).await;
    let path = format!("/notifications/{}", mine["notifications"][0]["id"].as_str().unwrap());
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/test")),
        (Method::GET, format!("{path}/deliveries")),
    ] {
        let answer = api.about(method.clone(), &track(&theirs), &path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{method} {path} of another song");
        let answer = api.request(method.clone(), &format!("/api/v1{path}")).header("X-Admin-Key", ADMIN);
        assert_eq!(answer.send().await.unwrap().status(), 404, "not one of those for all tracks");
        let answer = api.request(method.clone(), &format!("/api/v1{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    let gone = api.about(Method::DELETE, &track(&mine), &path).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    let closed = Program::start(settings().set("notifications.for_songs", false));
    let (status, problem) = upload(&closed.api(), 1.0, &[("webhook", &receiver.url)]).await;
    assert_eq!((status, &problem["title"]), (422, &json!("Target not taken")));
}

#[tokio::test]
async fn mail_says_where_the_song_is() {
    let mail = MailServer::start();
    let settings = settings()
        .set("email.smtp", &mail.url)
        .set("email.from", "Karaoke <karaoke@example.org>")
        .set("http.public_url", "https://karaoke.example.org/");
    let program = Program::start(settings);
    let api = program.api();
    assert_eq!(api.json(api.request(Method::GET, "/api/v1/models")).await["email"], true);
    let (status, accepted) = upload(&api, 2.0, &[("email", "me@example.org")]).await;
    assert_eq!(status, 202, "{accepted}");
    let mails = until("mail arrives", || async {
        let mails = mail.mails();
        (!mails.is_empty()).then_some(mails)
    })
    .await;
    let text = mails[0].replace("=\r\n", "").replace("=3D", "=");
    let (id, passcode) = (accepted["id"].as_str().unwrap(), accepted["passcode"].as_str().unwrap());
    assert!(text.contains(&format!("https://karaoke.example.org/#song={id}.{passcode}")), "{text}");
    for line in
        ["From: Karaoke <karaoke@example.org>", "To: me@example.org", "Auto-Submitted: auto-generated"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Whom the mail server does not know is tried once.
    let (_, unknown) = upload(&api, 2.0, &[("email", "nobody@example.org")]).await;
    let path = "/notifications";
    until("it is given up", || async {
        let list = api.json(api.about(Method::GET, &track(&unknown), path)).await;
        list["notifications"][0]["disabled"].as_str().is_some_and(|why| why.contains("550")).then_some(())
    })
    .await;
    assert_eq!(mail.mails().len(), 1);
    let (status, _) = upload(&api, 1.0, &[("email", "me@example.org, you@example.org")]).await;
    assert_eq!(status, 422);
}
