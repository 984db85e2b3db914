//! The API of 2023, with a client that knows its description and nothing else of this server.

use karaoke_tests::program::root;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// A client as somebody writes it who has read: `POST /music` (octet-stream) → `{music_id, name, band, tracks:[{name,
/// track_id}]}`; `GET /music`; `POST /music/{id}` with a JSON array of track_ids to keep; `GET /music/{id}` →
/// `{progress, instruments:[{name, track}], final}`; `GET /job` → `[id]`; `GET /job/{id}` → `{job_id, size, time,
/// music_id, track_id}`; `POST /reset`.
struct Classic {
    client: Client,
    base: String,
}

impl Classic {
    fn of(program: &Program) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        Self { client, base: program.url.trim_end_matches('/').to_owned() }
    }

    async fn get(&self, path: &str) -> Value {
        json_of(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    async fn send(&self, bytes: Vec<u8>) -> Response {
        let request = self.client.post(format!("{}/music", self.base));
        request.header("content-type", "application/octet-stream").body(bytes).send().await.unwrap()
    }

    async fn add(&self, bytes: Vec<u8>) -> Value {
        json_of(self.send(bytes).await).await
    }

    async fn choose(&self, music: &Value, tracks: &Value) -> Response {
        let path = format!("{}/music/{}", self.base, music["music_id"]);
        self.client.post(path).json(tracks).send().await.unwrap()
    }

    async fn keep(&self, music: &Value, names: &[&str]) {
        let ids: Vec<i64> = names.iter().map(|name| track_id(music, name)).collect();
        json_of(self.choose(music, &json!(ids)).await).await;
    }

    async fn until_final(&self, music: &Value) -> Value {
        until("the final mix", || async {
            let status = self.get(&format!("/music/{}", music["music_id"])).await;
            let progress = status["progress"].as_u64().expect("a whole number");
            assert!(progress <= 100);
            (status["final"].is_string() && progress == 100).then_some(status)
        })
        .await
    }

    async fn download(&self, address: &Value) -> Vec<u8> {
        let answer = self.client.get(address.as_str().expect("an address")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }

    async fn reset(&self) {
        json_of(self.client.post(format!("{}/reset", self.base)).send().await.unwrap()).await;
    }
}

async fn json_of(answer: Response) -> Value {
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(status, 200, "{body}");
    body
}

fn track_id(music: &Value, name: &str) -> i64 {
    let tracks = music["tracks"].as_array().unwrap();
    tracks.iter().find(|track| track["name"] == name).expect(name)["track_id"].as_i64().unwrap()
}

fn with_classic() -> Settings {
    Settings::default().set("http.classic_api", true)
}

fn six() -> Settings {
    with_classic().models(&root().join("tests/models")).set("models.default", "six")
}

/// Samples as the integers that a file of 16 bits holds.
fn integers(wav: &[u8]) -> Vec<i32> {
    hound::WavReader::new(wav).unwrap().into_samples::<i32>().map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_final_mix_is_the_sum_of_the_kept_tracks_to_the_bit() {
    let program = Program::start(six());
    let (classic, api) = (Classic::of(&program), program.api());
    let wav = song(25.0, 44_100).wav_16();
    let music = classic.add(wav.clone()).await;
    assert!(music["name"].is_string() && music["band"].is_string(), "{music}");
    let names: Vec<_> = music["tracks"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
    assert_eq!(json!(names), json!(["vocals", "drums", "bass", "guitar", "piano", "other"]));
    let before = classic.get(&format!("/music/{}", music["music_id"])).await;
    assert_eq!(before["final"], Value::Null, "nothing was chosen yet");
    // The last one takes what the others leave of the song.
    for kept in [&["drums", "bass", "guitar"][..], &["vocals", "other"], &["piano"]] {
        classic.keep(&music, kept).await;
        let status = classic.until_final(&music).await;
        let instruments = status["instruments"].as_array().unwrap();
        let shown: Vec<_> = instruments.iter().map(|i| i["name"].as_str().unwrap()).collect();
        assert_eq!(shown, kept);
        // The same song by the other API, whose stems are the judge.
        let track = api.accepted("song.wav", wav.clone(), "six").await;
        api.until_state(&track, "done").await;
        let mut sum = vec![0; 25 * 44_100 * 2];
        for (name, instrument) in kept.iter().zip(instruments) {
            let stem = api.stem(&track, &format!("{name}.wav")).await;
            assert!(classic.download(&instrument["track"]).await == stem, "{name} is another");
            integers(&stem).iter().zip(&mut sum).for_each(|(sample, sum)| *sum += sample);
        }
        assert!(integers(&classic.download(&status["final"]).await) == sum, "{kept:?} do not add up");
    }
    // All of them are the song.
    classic.keep(&music, &["other", "vocals", "drums", "guitar", "bass", "piano", "bass"]).await;
    let whole = classic.until_final(&music).await;
    assert_eq!(integers(&classic.download(&whole["final"]).await), integers(&wav));
    let float = json!(format!("{}?bits=float", whole["final"].as_str().unwrap()));
    assert!(Sound::from_wav(&classic.download(&float).await).bits() == Sound::from_wav(&wav).bits());
}

#[tokio::test]
async fn name_and_band_are_those_of_the_tags() {
    let program = Program::start(with_classic());
    let dir = tempfile::tempdir().unwrap();
    let [plain, tagged] = ["plain.wav", "tagged.flac"].map(|name| dir.path().join(name));
    std::fs::write(&plain, song(2.0, 44_100).wav_16()).unwrap();
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&plain)
        .args(["-metadata", "title=Blau", "-metadata", "artist=Die Töne"])
        .arg(&tagged)
        .status()
        .expect("ffmpeg (make test installs it)");
    assert!(status.success());
    let music = Classic::of(&program).add(std::fs::read(tagged).unwrap()).await;
    assert_eq!((&music["name"], &music["band"]), (&json!("Blau"), &json!("Die Töne")));
}

#[tokio::test]
async fn jobs_tell_what_they_are_of_and_reset_clears_classic_songs_alone() {
    let program = Program::start(with_classic());
    let (classic, api) = (Classic::of(&program), program.api());
    let others = api.accepted("private.wav", song(3.0, 44_100).wav_16(), "identity").await;
    let [first, second] =
        [classic.add(song(3.0, 44_100).wav_16()).await, classic.add(song(12.0, 44_100).wav_16()).await];
    let all = classic.get("/music").await;
    assert_eq!(all, json!([first, second]), "the songs of others are not listed");
    for music in [&first, &second] {
        classic.keep(music, &["instrumental"]).await;
        classic.until_final(music).await;
    }
    let jobs: Vec<u64> = serde_json::from_value(classic.get("/job").await).unwrap();
    let mut bytes = 0;
    for id in &jobs {
        assert!(*id < 1 << 53);
        let job = classic.get(&format!("/job/{id}")).await;
        assert_eq!(job["job_id"], json!(id));
        assert!(job["time"].as_f64().expect("a number") >= 0.0, "{job}");
        let music =
            [&first, &second].into_iter().find(|m| m["music_id"] == job["music_id"]).expect("its song");
        assert!(
            music["tracks"].as_array().unwrap().iter().any(|t| t["track_id"] == job["track_id"]),
            "{job}"
        );
        bytes += job["size"].as_u64().unwrap();
    }
    // Two tracks of each song, in frames of two floats.
    assert_eq!(bytes, (3 + 12) * 44_100 * 8 * 2);
    assert_eq!(jobs.iter().collect::<std::collections::HashSet<_>>().len(), jobs.len(), "no number twice");

    let sound = classic.get(&format!("/music/{}", first["music_id"])).await["final"].clone();
    classic.reset().await;
    assert_eq!((classic.get("/music").await, classic.get("/job").await), (json!([]), json!([])));
    for path in [&format!("/music/{}", first["music_id"]), &format!("/job/{}", jobs[0])] {
        let answer = api.request(Method::GET, path).send().await.unwrap();
        assert_eq!(Api::problem(answer).await.0, 404, "{path}");
    }
    let answer = classic.client.get(sound.as_str().unwrap()).send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 404);
    assert_eq!(api.until_state(&others, "done").await["state"], "done", "the songs of others stay");
    let third = classic.add(song(2.0, 44_100).wav_16()).await;
    assert!(third["music_id"].as_u64() > second["music_id"].as_u64(), "no number is given again");
}

#[tokio::test]
async fn numbers_and_choices_survive_a_kill() {
    let program = Program::start(with_classic());
    let classic = Classic::of(&program);
    let wav = song(8.0, 44_100).wav_16();
    let music = classic.add(wav.clone()).await;
    classic.keep(&music, &["vocals", "instrumental"]).await;
    let program = program.kill_and_restart();
    let classic = Classic::of(&program);
    assert_eq!(classic.get("/music").await, json!([music]));
    let status = classic.until_final(&music).await;
    assert_eq!(integers(&classic.download(&status["final"]).await), integers(&wav));
}

#[tokio::test]
async fn what_cannot_be_is_a_problem_and_leaves_nothing() {
    let program = Program::start(with_classic());
    let (classic, api) = (Classic::of(&program), program.api());
    for (bytes, want) in [(b"no music at all".to_vec(), 415), (Vec::new(), 422)] {
        assert_eq!(Api::problem(classic.send(bytes).await).await.0, want);
    }
    assert_eq!(classic.get("/music").await, json!([]));
    assert!(program.audio_files().is_empty());
    let music = classic.add(song(2.0, 44_100).wav_16()).await;
    for tracks in [json!([]), json!([0]), json!([3]), json!(["vocals"]), json!({}), json!([1, -1])] {
        assert_eq!(Api::problem(classic.choose(&music, &tracks).await).await.0, 422, "{tracks}");
    }
    let id = &music["music_id"];
    for path in [
        "/music/99",
        "/music/x",
        "/music/4294967297",
        "/job/7",
        "/job/x",
        &format!("/music/{id}/9.wav"),
        &format!("/music/{id}/2-1.wav"),
        &format!("/music/{id}/1-1.wav"),
        &format!("/music/{id}/01-.wav"),
        &format!("/music/{id}/1.mp3"),
        &format!("/music/{id}/vocals.wav"),
    ] {
        let answer = api.request(Method::GET, path).send().await.unwrap();
        assert_eq!(Api::problem(answer).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn it_is_off_unless_it_is_switched_on() {
    let program = Program::start(Settings::default());
    for (method, path) in
        [(Method::GET, "/music"), (Method::GET, "/job"), (Method::POST, "/reset"), (Method::POST, "/music")]
    {
        let answer = program.api().request(method.clone(), path).send().await.unwrap();
        assert!([404, 405].contains(&Api::problem(answer).await.0), "{method} {path}");
    }
}

#[tokio::test]
async fn the_other_api_still_asks_for_a_passcode() {
    let program = Program::start(with_classic().set("http.admin_key", "key"));
    let (classic, api) = (Classic::of(&program), program.api());
    classic.add(song(2.0, 44_100).wav_16()).await;
    let all = api.json(api.request(Method::GET, "/api/v1/tracks").header("X-Admin-Key", "key")).await;
    let id = all["tracks"][0]["id"].as_str().unwrap();
    let answer = api.request(Method::GET, &format!("/api/v1/tracks/{id}")).send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 401);
}
