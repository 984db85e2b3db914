//! The commands in docs/API.md do what is said of them.

use karaoke_tests::program::{binary, root};
use karaoke_tests::python::succeeds;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Program, Settings};
use std::process::Command;

/// The blocks of shell commands of a text, in order.
fn blocks(text: &str) -> Vec<&str> {
    let begun = text.split("\n```sh\n").skip(1);
    begun.map(|rest| rest.split_once("\n```").expect("the end of a block").0).collect()
}

#[tokio::test]
async fn every_example_of_the_api_can_be_typed() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    let manual = std::fs::read_to_string(root().join("docs/API.md")).unwrap();
    let blocks = blocks(&manual);
    assert!(blocks.len() >= 10, "{blocks:?}");
    // One shell, because each goes on with what the one before has found.
    let numbered = blocks.iter().enumerate().map(|(n, block)| format!("echo '== {n}'\n{block}\n"));
    let script: String = numbered.collect();

    let dir = tempfile::tempdir().unwrap();
    let (file, input) = (dir.path().join("song.wav"), song(6.0, 44_100));
    std::fs::write(&file, input.wav_16()).unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary().parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir.path())
        .env("PATH", path.unwrap())
        .env("BASE", &program.url)
        .env("SONG", &file)
        .env("KARAOKE__STORE__DIR", program.store())
        .env("NO_PROXY", "*");
    let said = succeeds(&mut shell);
    let of = |text: &str| {
        let block = blocks.iter().position(|block| block.contains(text)).expect(text);
        let (_, rest) = said.split_once(&format!("== {block}\n")).expect(text);
        rest.split_once("\n== ").map_or(rest, |(own, _)| own).trim().to_owned()
    };
    assert!(of("/events").contains("event: end"), "{said}");
    assert!(of("format=lrc").contains("[00:03.50]and the second"), "{said}");
    assert!(
        of("/notifications").starts_with("whsec_") && of("/notifications").contains("hooks.example"),
        "{said}"
    );
    let orders: Vec<String> = of("Idempotency-Key").lines().map(str::to_owned).collect();
    assert_eq!(orders.len(), 2, "{said}");
    assert_eq!(orders[0].split(' ').next(), orders[1].split(' ').next(), "{said}");
    assert_eq!(of("Tus-Resumable").len(), 16, "the id of a track: {said}");
    assert!(of("keys create").ends_with('1'), "{said}");

    let file = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    let out = Sound::from_wav(&file("instrumental.wav"));
    assert!(out.bits() == Sound::from_wav(&input.wav_16()).bits(), "the stem differs from the song");
    assert_eq!(file("beginning.part").len(), 1024);
    assert!(file("vocals.mp3").len() > 1000);
    let zip = zip::ZipArchive::new(std::io::Cursor::new(file("songs.zip"))).unwrap();
    assert_eq!(zip.file_names().count(), 1);
}
