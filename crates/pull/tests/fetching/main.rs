//! Pulls from servers that misbehave: each ends as it should, and nothing broken is left in place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation fails a test"
)]

mod fixture;
mod server;

use fixture::{Fixture, SIZE, error_text, file};
use karaoke_core::manifest::{Conversion, SourceFormat};
use karaoke_pull::{Outcome, Progress, PullError, Puller};
use server::{Answer, Server, answer, good, redirect};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[tokio::test]
async fn a_file_comes_whole_and_only_once() {
    let body = file(1);
    let served = body.clone();
    let server = Server::start(move |r, _| good(&served, "\"1\"", r));
    let fixture = Fixture::new(&server.url, &body);
    let most = Arc::new(AtomicU64::new(0));
    let seen = most.clone();
    let progress: Progress = Arc::new(move |have, total| {
        assert_eq!(total, Some(SIZE as u64));
        seen.fetch_max(have, Ordering::Relaxed);
    });
    assert_eq!(fixture.pull_with(progress).await.unwrap(), Outcome::Fetched);
    assert_eq!(most.load(Ordering::Relaxed), SIZE as u64);
    fixture.assert_whole(&body);
    assert_eq!(fixture.pull().await.unwrap(), Outcome::Already);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn cut_off_ten_times_it_is_finished_by_resuming() {
    let body = file(2);
    let served = body.clone();
    let server = Server::start(move |r, number| {
        let cut = (number < 10).then_some(15_000);
        Answer { cut, ..good(&served, "\"1\"", r) }
    });
    let fixture = Fixture::new(&server.url, &body);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    let requests = server.requests();
    assert_eq!(requests.len(), 11);
    for (number, request) in requests.iter().enumerate().skip(1) {
        assert_eq!(request.from(), 15_000 * number);
        assert_eq!(request.header("if-range"), Some("\"1\""));
    }
}

#[tokio::test]
async fn another_pull_goes_on_where_one_gave_up() {
    let body = file(3);
    let served = body.clone();
    let server = Server::start(move |r, number| match number {
        0 => Answer { cut: Some(50_000), ..good(&served, "\"1\"", r) },
        1..4 => answer("503 Service Unavailable", b""),
        _ => good(&served, "\"1\"", r),
    });
    let fixture = Fixture::new(&server.url, &body);
    let error = error_text(fixture.pull().await);
    assert!(error.contains("503") && error.contains("4 tries"), "{error}");
    assert_eq!(fixture.files(), ["x.onnx.part", "x.onnx.part.json"]);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests().last().unwrap().from(), 50_000);
}

#[tokio::test]
async fn a_server_without_ranges_begins_anew() {
    let body = file(4);
    let served = body.clone();
    let server = Server::start(move |_, number| {
        let cut = (number < 2).then_some(90_000);
        Answer { cut, ..answer("200 OK", &served) }
    });
    let fixture = Fixture::new(&server.url, &body);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_always_begins_anew_and_is_always_cut_off_is_given_up() {
    let body = file(5);
    let served = body.clone();
    let server = Server::start(move |_, _| Answer { cut: Some(90_000), ..answer("200 OK", &served) });
    let fixture = Fixture::new(&server.url, &body);
    assert!(matches!(fixture.pull().await, Err(PullError::GaveUp { .. })));
    assert!(!fixture.target().exists());
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_file_that_changed_between_two_tries_is_begun_anew() {
    for honours_if_range in [true, false] {
        let (old, body) = (file(6), file(7));
        let served = body.clone();
        let server = Server::start(move |request, number| match number {
            0 => Answer { cut: Some(80_000), ..good(&old, "\"old\"", request) },
            // A server that takes no notice of If-Range.
            1 if !honours_if_range => {
                let mut answer = answer("206 Partial Content", &served[80_000..]);
                answer.headers.push(format!("Content-Range: bytes 80000-{}/{SIZE}", SIZE - 1));
                answer.headers.push("ETag: \"new\"".into());
                answer
            }
            _ => good(&served, "\"new\"", request),
        });
        let fixture = Fixture::new(&server.url, &body);
        fixture.pull().await.unwrap();
        fixture.assert_whole(&body);
    }
}

#[tokio::test]
async fn pieces_that_do_not_belong_together_are_fetched_anew_once() {
    let (old, body) = (file(8), file(9));
    let (served, first) = (body.clone(), old.clone());
    // No ETag, no date: nothing tells that the file is another now.
    let plain = |file: &[u8], from: usize| match from {
        0 => answer("200 OK", file),
        _ => {
            let mut answer = answer("206 Partial Content", &file[from..]);
            answer.headers.push(format!("Content-Range: bytes {from}-{}/{SIZE}", SIZE - 1));
            answer
        }
    };
    let server = Server::start(move |request, number| match number {
        0 => Answer { cut: Some(80_000), ..plain(&first, 0) },
        _ => plain(&served, request.from()),
    });
    let fixture = Fixture::new(&server.url, &body);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn wrong_bytes_leave_nothing_behind() {
    let server = Server::start(|request, _| good(&file(10), "\"1\"", request));
    let fixture = Fixture::new(&server.url, &file(11));
    let error = error_text(fixture.pull().await);
    assert!(error.contains("sha256") && error.contains(&fixture.manifest.sha256), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_right_file_takes_the_place_of_a_wrong_one_and_never_the_other_way_round() {
    let body = file(12);
    let served = body.clone();
    let server = Server::start(move |request, number| match number {
        0 => answer("200 OK", b"wrong"),
        _ => good(&served, "\"1\"", request),
    });
    let fixture = Fixture::new(&server.url, &body);
    std::fs::write(fixture.target(), b"what was there before").unwrap();
    error_text(fixture.pull().await);
    assert_eq!(std::fs::read(fixture.target()).unwrap(), b"what was there before");
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
}

#[tokio::test]
async fn a_file_of_another_size_is_not_even_fetched() {
    let server = Server::start(|request, _| good(&file(13), "\"1\"", request));
    let mut fixture = Fixture::new(&server.url, &file(13));
    fixture.manifest.bytes = Some(17);
    let error = error_text(fixture.pull().await);
    assert!(error.contains("200000 bytes where 17 belong"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_without_a_length_has_its_bounds() {
    let body = file(14);
    let served = body.clone();
    let server = Server::start(move |_, _| Answer { headers: Vec::new(), ..answer("200 OK", &served) });
    let mut fixture = Fixture::new(&server.url, &body);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    std::fs::remove_file(fixture.target()).unwrap();
    fixture.manifest.bytes = Some(1000);
    let error = error_text(fixture.pull().await);
    assert!(error.contains("where 1000 belong"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_404_tells_which_address_and_is_not_asked_again() {
    let server = Server::start(|request, _| match request.target.as_str() {
        "/gone" => answer("404 Not Found", b"<html>gone"),
        _ => redirect("/gone"),
    });
    let fixture = Fixture::new(&format!("{}/file", server.url), &file(15));
    let error = error_text(fixture.pull().await);
    assert!(error.contains("/gone") && error.contains("404"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn redirects_are_followed_also_when_resuming_but_not_for_ever() {
    let body = file(16);
    let served = body.clone();
    let server = Server::start(move |request, number| match request.target.as_str() {
        "/loop" => redirect("/loop"),
        "/elsewhere" => {
            let cut = (number < 2).then_some(60_000);
            Answer { cut, ..good(&served, "\"1\"", request) }
        }
        _ => redirect("/elsewhere"),
    });
    let fixture = Fixture::new(&format!("{}/file", server.url), &body);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests().last().unwrap().from(), 60_000);
    let fixture = Fixture::new(&format!("{}/loop", server.url), &body);
    let before = server.requests().len();
    let error = error_text(fixture.pull().await);
    assert!(error.contains("redirect not followed"), "{error}");
    assert!(server.requests().len() - before <= 12);
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_stalls_is_left_and_come_back_to() {
    let body = file(17);
    let served = body.clone();
    let server = Server::start(move |request, number| match number {
        0 => Answer { cut: Some(70_000), stall: true, ..good(&served, "\"1\"", request) },
        _ => good(&served, "\"1\"", request),
    });
    let mut fixture = Fixture::new(&server.url, &body);
    fixture.options.stall = Duration::from_millis(200);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests()[1].from(), 70_000);
}

#[tokio::test]
async fn nobody_there_is_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fixture = Fixture::new(&format!("http://{port}/x"), &file(18));
    let error = error_text(fixture.pull().await);
    assert!(error.contains("cannot connect") && error.contains("refused"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_former_life_left_whole_is_only_proven() {
    let body = file(19);
    let served = body.clone();
    let server = Server::start(move |request, number| match (number, request.from()) {
        (0, _) => Answer { cut: Some(SIZE - 1), ..good(&served, "\"1\"", request) },
        (1..4, _) => answer("500 Internal Server Error", b""),
        (_, SIZE) => {
            let mut answer = answer("416 Range Not Satisfiable", b"");
            answer.headers.push(format!("Content-Range: bytes */{SIZE}"));
            answer
        }
        _ => answer("500 Internal Server Error", b""),
    });
    let fixture = Fixture::new(&server.url, &body);
    error_text(fixture.pull().await);
    // As if the process had been killed between the last byte and the renaming.
    let mut part =
        std::fs::OpenOptions::new().append(true).open(fixture.dir.path().join("x.onnx.part")).unwrap();
    std::io::Write::write_all(&mut part, &body[SIZE - 1..]).unwrap();
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
}

#[tokio::test]
async fn a_part_of_elsewhere_is_not_gone_on_with() {
    let body = file(20);
    let served = body.clone();
    let server = Server::start(move |request, _| good(&served, "\"1\"", request));
    let fixture = Fixture::new(&server.url, &body);
    std::fs::write(fixture.dir.path().join("x.onnx.part"), b"rubbish").unwrap();
    std::fs::write(fixture.dir.path().join("x.onnx.part.json"), b"rubbish too").unwrap();
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
    assert_eq!(server.requests()[0].from(), 0);
}

#[tokio::test]
async fn two_pulls_at_once_do_not_meet() {
    let body = file(21);
    let served = body.clone();
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(receive);
    let server = Server::start(move |request, _| {
        let _ = gate.lock().unwrap().recv();
        good(&served, "\"1\"", request)
    });
    let fixture = Fixture::new(&server.url, &body);
    let first = fixture.pull();
    let second = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let error = error_text(fixture.pull().await);
        drop(send);
        error
    };
    let (first, error) = tokio::join!(first, second);
    first.unwrap();
    assert!(error.contains("another process"), "{error}");
    fixture.assert_whole(&body);
}

#[tokio::test]
async fn a_mirror_is_asked_instead() {
    let body = file(22);
    let served = body.clone();
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/all/x.onnx" => good(&served, "\"1\"", request),
        _ => answer("404 Not Found", b""),
    });
    let mut fixture = Fixture::new("https://nowhere.invalid/y.onnx", &body);
    fixture.options.mirror = format!("{}/all", server.url);
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
}

#[tokio::test]
async fn a_folder_can_be_the_mirror() {
    let (mirror, body) = (tempfile::tempdir().unwrap(), file(23));
    let mut fixture = Fixture::new("https://nowhere.invalid/y.onnx", &body);
    fixture.options.mirror = mirror.path().display().to_string();
    let error = error_text(fixture.pull().await);
    assert!(error.contains("mirror") && error.contains("x.onnx"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
    std::fs::write(mirror.path().join("x.onnx"), b"wrong").unwrap();
    let error = error_text(fixture.pull().await);
    assert!(error.contains("sha256"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
    std::fs::write(mirror.path().join("x.onnx"), &body).unwrap();
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
}

/// What the tiny checkpoint of the converter's tests becomes.
fn converted(wheel: &Path) -> (Conversion, Vec<u8>) {
    let conversion = Conversion {
        format: SourceFormat::SpleeterCheckpoint,
        file: "tiny.whl".into(),
        sha256: hex::encode(Sha256::digest(std::fs::read(wheel).unwrap())),
        bytes: None,
        member: "spleeter/pretrained_models/2stems/model".into(),
        frames: 64,
    };
    let mut onnx = Vec::new();
    karaoke_models::convert(&conversion, wheel, &mut onnx).unwrap();
    (conversion, onnx)
}

#[tokio::test]
async fn a_file_that_has_to_be_made_is_made_of_what_was_fetched() {
    let wheel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/src/convert/tests/tiny.whl");
    let (body, (conversion, onnx)) = (std::fs::read(&wheel).unwrap(), converted(&wheel));
    let served = body.clone();
    let server = Server::start(move |r, number| match number {
        0 => Answer { cut: Some(5000), ..good(&served, "\"1\"", r) },
        _ => good(&served, "\"1\"", r),
    });
    let mut fixture = Fixture::new(&format!("{}/pkg/tiny.whl", server.url), &onnx);
    fixture.manifest.conversion = Some(conversion);
    assert_eq!(fixture.pull().await.unwrap(), Outcome::Fetched);
    fixture.assert_whole(&onnx);
    assert_eq!(server.requests().len(), 2, "cut off once, and gone on with");
    assert_eq!(fixture.pull().await.unwrap(), Outcome::Already);

    // Where nothing can be reached: from a folder that holds what lies at the address.
    let mirror = tempfile::tempdir().unwrap();
    std::fs::write(mirror.path().join("tiny.whl"), &body).unwrap();
    std::fs::remove_file(fixture.target()).unwrap();
    fixture.options.mirror = mirror.path().display().to_string();
    assert_eq!(fixture.pull().await.unwrap(), Outcome::Fetched);
    fixture.assert_whole(&onnx);

    // What comes out is another file than the manifest means.
    std::fs::remove_file(fixture.target()).unwrap();
    fixture.manifest.sha256 = "0".repeat(64);
    let error = error_text(fixture.pull().await);
    assert!(error.contains("cannot be made of tiny.whl") && error.contains("sha256"), "{error}");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_is_gone_through() {
    let body = file(24);
    let served = body.clone();
    let proxy = Server::start(move |request, _| match request.target.as_str() {
        "http://nowhere.invalid/x.onnx" => good(&served, "\"1\"", request),
        _ => answer("404 Not Found", b""),
    });
    let mut fixture = Fixture::new("http://nowhere.invalid/x.onnx", &body);
    fixture.options.proxy = proxy.url.clone();
    fixture.pull().await.unwrap();
    fixture.assert_whole(&body);
}

#[tokio::test]
async fn without_an_address_it_says_what_to_do() {
    let fixture = Fixture::new("", &file(25));
    let error = error_text(fixture.pull().await);
    assert!(error.contains("`x`") && error.contains("x.onnx"), "{error}");
}

#[tokio::test]
async fn where_nothing_can_be_written_it_is_told() {
    let server = Server::start(|request, _| good(&file(26), "\"1\"", request));
    let fixture = Fixture::new(&server.url, &file(26));
    let nowhere = fixture.dir.path().join("no/such/folder/x.onnx");
    let puller = Puller::new(&fixture.options).unwrap();
    let error = puller.pull(&fixture.manifest, &nowhere, Arc::new(|_, _| {})).await;
    assert!(error_text(error).contains("cannot write"));
    assert!(!Path::new(&nowhere).exists());
}
