//! Who may do what: every route with every kind of credential, and nothing that tells whether a song is there.

use karaoke_tests::program::{command, root};
use karaoke_tests::sound::song;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ADMIN: &str = "admin-key";
/// What the route answers to who may use it.
const OPEN: u16 = 0;
/// A request that is refused is refused for its credentials, not for what it asks for.
const CLOSED: [&str; 5] =
    ["Passcode needed", "No such track", "Unknown key", "Admin key needed", "Key needed"];

/// What a request shows.
#[derive(Clone, Copy, Debug)]
enum Shown {
    Nothing,
    WrongPasscode,
    OtherPasscode,
    Passcode,
    Cookie,
    OwnKey,
    OtherKey,
    UnknownKey,
    AdminKey,
    WrongAdminKey,
}

use Shown::*;

const ALL: [Shown; 10] = [
    Nothing,
    WrongPasscode,
    OtherPasscode,
    Passcode,
    Cookie,
    OwnKey,
    OtherKey,
    UnknownKey,
    AdminKey,
    WrongAdminKey,
];

/// Statuses in the order of [`ALL`].
type Answers = [u16; 10];

const TRACK: Answers = [401, 404, 404, OPEN, OPEN, OPEN, 404, 401, OPEN, 401];
/// The passcode is in the body, and nothing else of the request says that it is a track's.
const BODY: Answers = [404, 404, 404, OPEN, 404, OPEN, 404, 401, OPEN, 404];
const LIST: Answers = [401, 401, 401, 401, 401, OPEN, OPEN, 401, OPEN, 401];
const ADMINS: Answers = [401, 401, 401, 401, 401, 401, 401, 401, OPEN, 401];
const CLIENT: Answers = [OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, 401, OPEN, OPEN];
const PUBLIC: Answers = [OPEN; 10];

/// Method, route, answers, status when it opens, body. `{…}` of a route stand as in the router.
const ROUTES: [(&str, &str, Answers, u16, &str); 45] = [
    ("POST", "/tracks", CLIENT, 422, ""),
    ("GET", "/tracks", LIST, 200, ""),
    ("ANY", "/uploads", CLIENT, 400, ""),
    ("ANY", "/uploads/{secret}", PUBLIC, 404, ""),
    ("GET", "/tracks/{id}", TRACK, 200, ""),
    ("DELETE", "/tracks/{id}", TRACK, 204, ""),
    ("GET", "/tracks/{id}/events", TRACK, 200, ""),
    ("GET", "/tracks/{id}/chunks", TRACK, 200, ""),
    ("GET", "/tracks/{id}/cover", TRACK, 404, ""),
    ("GET", "/tracks/{id}/peaks", TRACK, 200, ""),
    ("GET", "/tracks/{id}/lyrics", TRACK, 200, ""),
    ("PUT", "/tracks/{id}/lyrics", TRACK, 200, "la la la"),
    ("DELETE", "/tracks/{id}/lyrics", TRACK, 204, ""),
    ("POST", "/tracks/{id}/cancel", TRACK, 200, ""),
    ("PUT", "/tracks/{id}/keep", TRACK, 200, ""),
    ("DELETE", "/tracks/{id}/keep", TRACK, 200, ""),
    ("GET", "/tracks/{id}/receipt", TRACK, 200, ""),
    ("GET", "/tracks/{id}/stems/{file}", TRACK, 200, ""),
    ("GET", "/tracks/{id}/notifications", TRACK, 200, ""),
    ("POST", "/tracks/{id}/notifications", TRACK, 422, "{}"),
    ("DELETE", "/tracks/{id}/notifications/{notification}", TRACK, 404, ""),
    ("POST", "/tracks/{id}/notifications/{notification}/test", TRACK, 404, ""),
    ("GET", "/tracks/{id}/notifications/{notification}/deliveries", TRACK, 404, ""),
    ("POST", "/tracks/{id}/notifications/{notification}/deliveries/{delivery}/retry", TRACK, 404, ""),
    ("GET", "/notifications", ADMINS, 200, ""),
    ("POST", "/notifications", ADMINS, 422, "{}"),
    ("DELETE", "/notifications/{notification}", ADMINS, 404, ""),
    ("POST", "/notifications/{notification}/test", ADMINS, 404, ""),
    ("GET", "/notifications/{notification}/deliveries", ADMINS, 404, ""),
    ("POST", "/notifications/{notification}/deliveries/{delivery}/retry", ADMINS, 404, ""),
    ("POST", "/events", CLIENT, 200, r#"[{"id": "{id}", "passcode": "{passcode}"}]"#),
    ("POST", "/archive", BODY, 201, r#"{"tracks": [{"id": "{id}", "passcode": "{passcode}"}]}"#),
    ("GET", "/archive/{ticket}", PUBLIC, 404, ""),
    ("GET", "/models", PUBLIC, 200, ""),
    ("GET", "/workers", ADMINS, 200, ""),
    ("GET", "/workers/events", ADMINS, 200, ""),
    ("POST", "/workers/{id}/{order}", ADMINS, 404, ""),
    ("GET", "/nodes", ADMINS, 200, ""),
    ("GET", "/queue", ADMINS, 200, ""),
    ("GET", "/openapi.json", PUBLIC, 200, ""),
    ("GET", "/metrics", ADMINS, 200, ""),
    ("GET", "/healthz", PUBLIC, 200, ""),
    ("GET", "/readyz", PUBLIC, 200, ""),
    ("GET", "", PUBLIC, 200, ""),
    ("POST", "", PUBLIC, 405, ""),
];

/// A server with a song of a key's holder, and one of somebody else's.
struct Fixture {
    program: Program,
    api: Api,
    own_key: String,
    other_key: String,
    track: Track,
    other: Track,
}

fn key(program: &Program, settings: &Settings, name: &str) -> String {
    let mut command = command(settings);
    let out = command.env("KARAOKE__STORE__DIR", program.store()).args(["keys", "create", name]).output();
    let out = out.expect("it runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("a key").trim().to_owned()
}

impl Fixture {
    async fn start() -> Self {
        let settings = Settings::default().set("http.admin_key", ADMIN).set("http.public_workers", false);
        let program = Program::start(settings.clone());
        let (own_key, other_key) = (key(&program, &settings, "anna"), key(&program, &settings, "bert"));
        let api = program.api();
        let track = song_of(&api, &own_key).await;
        let other = song_of(&api, &other_key).await;
        Self { program, api, own_key, other_key, track, other }
    }

    /// A request to a route about a track, with what is shown.
    fn request(&self, method: &str, route: &str, body: &str, track: &Track, shown: Shown) -> RequestBuilder {
        let path = match route {
            "/healthz" | "/readyz" | "/metrics" => route.to_owned(),
            "" => "/".to_owned(),
            _ => format!("/api/v1{route}"),
        };
        let names = [("{id}", &*track.id), ("{file}", "vocals.wav"), ("{secret}", "no"), ("{ticket}", "no")];
        let path = names.iter().fold(path, |path, (name, value)| path.replace(name, value));
        let path = path
            .replace("{notification}", "ntf_no")
            .replace("{delivery}", "msg_no")
            .replace("{order}", "drain");
        let (passcode, header) = self.credentials(track, shown);
        let body = body.replace("{id}", &track.id).replace("{passcode}", &passcode);
        let method = if method == "ANY" { "POST" } else { method };
        let mut request = self.api.request(Method::from_bytes(method.as_bytes()).expect("a method"), &path);
        if body.starts_with(['{', '[']) {
            request = request.header("Content-Type", "application/json");
        }
        if route == "/uploads" {
            request = request.header("Tus-Resumable", "1.0.0");
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.body(body)
    }

    /// The passcode for a body, and the header.
    fn credentials(&self, track: &Track, shown: Shown) -> (String, Option<(&'static str, String)>) {
        let passcode = match shown {
            WrongPasscode => "aaaa-bbbb-cccc-dddd",
            OtherPasscode => &self.other.passcode,
            Passcode | Cookie => &track.passcode,
            _ => "",
        };
        let bearer = |key: &str| Some(("Authorization", format!("Bearer {key}")));
        let header = match shown {
            Nothing => None,
            WrongPasscode | OtherPasscode | Passcode => Some(("X-Track-Passcode", passcode.to_owned())),
            Cookie => Some(("Cookie", format!("a=b; karaoke_{}={passcode}", track.id))),
            OwnKey => bearer(&self.own_key),
            OtherKey => bearer(&self.other_key),
            UnknownKey => bearer("karaoke_0123456789abcdef"),
            AdminKey => Some(("X-Admin-Key", ADMIN.to_owned())),
            WrongAdminKey => Some(("X-Admin-Key", format!("{ADMIN}y"))),
        };
        (if matches!(shown, Cookie) { String::new() } else { passcode.to_owned() }, header)
    }
}

/// A song, done, with lyrics.
async fn song_of(api: &Api, key: &str) -> Track {
    let upload = api.request(Method::POST, "/api/v1/tracks?name=a.wav&model=identity");
    let answer = upload.bearer_auth(key).body(song(0.5, 44_100).wav_16()).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    let accepted: Value = answer.json().await.expect("JSON");
    let text = |name: &str| accepted[name].as_str().expect(name).to_owned();
    let track = Track { id: text("id"), passcode: text("passcode") };
    api.until_state(&track, "done").await;
    let lyrics = api.about(Method::PUT, &track, "/lyrics").body("la la").send().await.expect("an answer");
    assert_eq!(lyrics.status(), 200);
    track
}

/// Status and text of an answer; of streams that do not end only the status.
async fn answer(request: RequestBuilder, is_endless: bool) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = if is_endless && status == 200 { String::new() } else { answer.text().await.expect("a body") };
    (status, text)
}

fn title(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    problem["title"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_route_opens_to_whom_it_should_and_to_nobody_else() {
    let fixture = Fixture::start().await;
    let nobody = Track { id: "aaaaaaaaaaaaaaaa".into(), passcode: "aaaa-bbbb-cccc-eeee".into() };
    for (method, route, answers, opened, body) in ROUTES {
        for (shown, expected) in ALL.into_iter().zip(answers) {
            let case = format!("{method} {route} with {shown:?}");
            let is_endless = route == "/workers/events";
            // Whatever removes something has a song of its own.
            let fresh = match expected == OPEN && method == "DELETE" && route.starts_with("/tracks/") {
                true => song_of(&fixture.api, &fixture.own_key).await,
                false => fixture.track.clone(),
            };
            let (status, text) =
                answer(fixture.request(method, route, body, &fresh, shown), is_endless).await;
            let is_refused = CLOSED.contains(&title(&text).as_str());
            if expected == OPEN {
                assert!(status == opened && !is_refused, "{case}: {status} {text}");
                continue;
            }
            assert!(status == expected && is_refused, "{case}: {status} {text}");
            let unknown = answer(fixture.request(method, route, body, &nobody, shown), is_endless).await;
            assert_eq!(unknown, (status, text), "{case}: it tells whether there is such a song");
        }
    }
    drop(fixture.program);
}

#[tokio::test]
async fn lists_and_streams_hold_what_the_asker_may_see() {
    let fixture = Fixture::start().await;
    for (shown, seen) in [(OwnKey, [true, false]), (OtherKey, [false, true]), (AdminKey, [true, true])] {
        let (_, list) = answer(fixture.request("GET", "/tracks", "", &fixture.track, shown), false).await;
        assert_eq!([&fixture.track, &fixture.other].map(|t| list.contains(&t.id)), seen, "{shown:?}: {list}");
    }
    let body = r#"[{"id": "{id}", "passcode": "{passcode}"}]"#;
    for (shown, event) in [
        (Nothing, "gone"),
        (OtherPasscode, "gone"),
        (OtherKey, "gone"),
        (Passcode, "snapshot"),
        (OwnKey, "snapshot"),
    ] {
        let request = fixture.request("POST", "/events", body, &fixture.track, shown);
        let (_, text) = answer(request, false).await;
        let data = text.lines().find_map(|line| line.strip_prefix("data:")).expect("an event");
        let first: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(first["event"], event, "{shown:?}");
        assert_eq!(text.contains("a.wav"), event == "snapshot", "{shown:?}: {text}");
    }
    // A passcode that does not open never comes back as a cookie, whatever else opens.
    let request = fixture.request("GET", "/tracks/{id}", "", &fixture.track, OwnKey);
    let (status, headers) =
        fixture.api.head_of(request.header("X-Track-Passcode", "wrong; Domain=example.org")).await;
    assert_eq!((status, headers.get("set-cookie")), (200, None));
}

#[tokio::test]
async fn a_key_is_no_way_around_what_songs_may_not_do() {
    let settings = Settings::default().set("http.admin_key", ADMIN).set("notifications.for_songs", false);
    let program = Program::start(settings.clone());
    let (api, key) = (program.api(), key(&program, &settings, "anna"));
    let track = song_of(&api, &key).await;
    let path = format!("/api/v1/tracks/{}/notifications", track.id);
    let ask = || api.request(Method::POST, &path).json(&json!({ "target": "https://example.org/hook" }));
    assert_eq!(ask().bearer_auth(&key).send().await.expect("an answer").status(), 403);
    assert_eq!(
        ask().header("X-Track-Passcode", &track.passcode).send().await.expect("an answer").status(),
        403
    );
    let admin = ask().header("X-Admin-Key", ADMIN).header("X-Track-Passcode", &track.passcode);
    assert_eq!(admin.send().await.expect("an answer").status(), 201);
}

/// `METHOD route` of everything that the router is given.
fn routes() -> BTreeSet<String> {
    let folder = root().join("server/src/http");
    let files = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    // The classic API knows no credentials, and is off.
    let files = files.filter(|path| path.is_file() && !path.ends_with("classic.rs"));
    let sources: Vec<String> = files.map(|path| std::fs::read_to_string(path).expect("source")).collect();
    let between = |text: &str, before: &str| -> Vec<String> {
        text.split(before).skip(1).map(|rest| rest[..closing(rest)].to_owned()).collect()
    };
    let bases: Vec<String> = sources
        .iter()
        .flat_map(|text| between(text, "notifications::routes("))
        .map(|base| base.trim_matches('"').to_owned())
        .collect();
    assert_eq!(bases.len(), 2);
    let mut found = BTreeSet::new();
    for (path, methods) in sources.iter().flat_map(|text| between(text, ".route(")).filter_map(|call| {
        let (path, methods) = call.split_once(", ").or_else(|| call.split_once(",\n"))?;
        Some((path.trim().to_owned(), methods.to_owned()))
    }) {
        let path = path.replace("&one", "\"{one}\"").replace("base", "\"{base}\"");
        let literal = path.split('"').nth(1).expect("a path").replace("{one}", "{base}/{notification}");
        let literal = literal.replace("{{", "{").replace("}}", "}");
        let paths: Vec<String> = match literal.contains("{base}") {
            true => bases.iter().map(|base| literal.replace("{base}", base)).collect(),
            false => vec![literal],
        };
        for method in ["get", "post", "put", "delete", "patch", "any"] {
            if methods.contains(&format!("{method}(")) {
                found.extend(paths.iter().map(|path| format!("{} {path}", method.to_uppercase())));
            }
        }
    }
    found
}

/// Where the parenthesis closes that was opened before the text.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    let closes = |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    };
    text.find(closes).expect("a closing parenthesis")
}

#[test]
fn every_route_is_in_the_table() {
    let tested: BTreeSet<String> =
        ROUTES.iter().filter(|r| !r.1.is_empty()).map(|r| format!("{} {}", r.0, r.1)).collect();
    let routes = routes();
    let missing: Vec<_> = routes.difference(&tested).collect();
    let gone: Vec<_> = tested.difference(&routes).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; only there: {gone:?}");
}
