//! The server is killed and comes back: nothing accepted is lost, and no bit changes.

use karaoke_tests::program::can_have_own_disk;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};

fn settings() -> Settings {
    Settings::default().set("simulation.window_seconds", 0.15).set("chunking.windows_per_chunk", 1)
}

#[tokio::test]
async fn killed_in_the_middle_it_finishes_from_what_it_has() {
    let song = song(60.0, 48_000);
    let undisturbed = {
        let program = Program::start(Settings::default());
        let api = program.api();
        let track = api.accepted("song.wav", song.wav_16(), "centre").await;
        api.until_state(&track, "done").await;
        api.stem(&track, "vocals.wav?bits=float").await
    };
    let mut program = Program::start(settings());
    let track = program.api().accepted("song.wav", song.wav_16(), "centre").await;
    for wanted in [2, 5, 8] {
        let api = program.api();
        let before = until("some chunks are done", || async {
            api.show(&track).await["chunks_done"].as_u64().filter(|done| *done >= wanted)
        })
        .await;
        program = program.kill_and_restart();
        let after = program.api().show(&track).await["chunks_done"].as_u64().unwrap();
        assert!(after >= before, "{after} chunks after the restart, {before} before");
    }
    let api = program.api();
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == undisturbed, "the stem has changed");
}

#[tokio::test]
async fn killed_while_decoding_it_decodes_again() {
    let program = Program::start(Settings::default().set("limits.decode_wait_s", 0));
    // Ten minutes that have to be resampled: seconds of decoding, so that the kill falls into it.
    let song = Sound { rate: 48_000, samples: (0..600 * 96_000).map(|i| (i % 99) as f32 / 200.0).collect() };
    let track = program.api().accepted("song.wav", song.wav_16(), "identity").await;
    until("decoding has begun", || async {
        program.audio_files().iter().any(|p| p.ends_with("mix.f32")).then_some(())
    })
    .await;
    let program = program.kill_and_restart();
    let api = program.api();
    assert!(program.log().contains("state=decoding"), "the kill came too late to show anything");
    let view = api.until_state(&track, "done").await;
    assert_eq!(view["samples"], song.frames());
}

#[tokio::test]
async fn asked_to_stop_it_stops_and_goes_on_later() {
    let program = Program::start(settings());
    let track = program.api().accepted("song.wav", song(60.0, 44_100).wav_16(), "identity").await;
    program.api().until_state(&track, "separating").await;
    let (status, program) = program.terminate_and_restart();
    assert!(status.success(), "{status}");
    program.api().until_state(&track, "done").await;
}

#[tokio::test]
async fn what_a_dead_server_left_half_way_is_cleared() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let track = api.accepted("song.wav", song(2.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    let store = program.store();
    let orphan = store.join("tracks/orphan");
    std::fs::create_dir(&orphan).unwrap();
    std::fs::write(orphan.join("mix.f32"), b"x").unwrap();
    std::fs::write(store.join("incoming/half"), b"x").unwrap();
    std::fs::write(store.join("tracks").join(&track.id).join("vocals-320.mp3.part"), b"x").unwrap();
    let program = program.kill_and_restart();
    let names: Vec<String> = program.audio_files().iter().map(|p| p.display().to_string()).collect();
    assert!(names.iter().all(|n| n.contains(&track.id) && !n.ends_with(".part")), "{names:?}");
    assert!(!orphan.exists());
}

#[tokio::test]
async fn a_full_disk_fails_the_song_that_met_it_and_no_other() {
    if !can_have_own_disk() {
        eprintln!("skipped: this machine gives no process a disk of its own");
        return;
    }
    let program = Program::start(Settings::default().disk_mb(24));
    let api = program.api();
    let too_large = song(60.0, 44_100).wav_float();
    assert_eq!(Api::problem(api.upload_raw("large.wav", too_large, "centre").await).await.0, 507);
    // Upload and mix fit, the layers do not: known once it is decoded.
    let middle = song(40.0, 44_100).wav_16();
    assert_eq!(Api::problem(api.upload_raw("middle.wav", middle, "centre").await).await.0, 507);
    let small = api.accepted("small.wav", song(10.0, 44_100).wav_16(), "centre").await;
    api.until_state(&small, "done").await;
}
