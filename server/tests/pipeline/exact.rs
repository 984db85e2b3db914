//! The stems of a track add up to its song: as floats, and in integers to the bit, whatever a network makes of it.

use super::fixture::{Fixture, samples, separated_as, within};
use karaoke_core::quantise::quantise;
use karaoke_server::active_track::ActiveTrack;

/// Multiples of the mix, in the stems' order: far beyond full scale, and not adding up to it.
const WILD: [f32; 4] = [1.7, -0.9, 3.1, 0.2];

async fn read(fixture: &Fixture, track: &ActiveTrack, stem: &str, bits: Option<u32>) -> Vec<f32> {
    let reader = fixture.pipeline.stem(&track.id, stem, bits).await.unwrap();
    // In pieces that no block is a multiple of.
    let mut all = Vec::new();
    for start in (0..reader.frames).step_by(3001) {
        all.extend(within(reader.read(start..reader.frames.min(start + 3001))).await.unwrap());
    }
    all
}

async fn integers(fixture: &Fixture, track: &ActiveTrack, stem: &str, bits: u32) -> Vec<i32> {
    let samples = read(fixture, track, stem, Some(bits)).await;
    samples.iter().map(|s| quantise(*s, bits)).collect()
}

fn added(stems: &[Vec<i32>]) -> Vec<i32> {
    (0..stems[0].len()).map(|at| stems.iter().map(|stem| stem[at]).sum()).collect()
}

#[tokio::test]
async fn integer_stems_add_up_to_the_bit_where_they_would_clip() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    fixture.do_the_rest_as("cpu", &track, |job| separated_as(job, &WILD)).await;
    assert_eq!(track.state().name(), "done");
    for bits in [16, 24] {
        let song: Vec<i32> = samples().iter().map(|s| quantise(*s, bits)).collect();
        let mut stems = Vec::new();
        for stem in ["drums", "bass", "other", "vocals"] {
            stems.push(integers(&fixture, &track, stem, bits).await);
        }
        assert!(added(&stems) == song, "{bits} bits: four stems");
        let instrumental = integers(&fixture, &track, "instrumental", bits).await;
        assert!(added(&stems[..3]) == instrumental, "{bits} bits: what the instrumental is the sum of");
        assert!(added(&[instrumental, stems[3].clone()]) == song, "{bits} bits: voice and band");
        let clipped = samples().iter().filter(|s| (*s * WILD[0]).abs() > 1.0).count();
        assert!(clipped > 1000, "there is something that would clip");
    }
}

#[tokio::test]
async fn what_no_network_predicts_is_in_the_stem_that_takes_the_rest() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    fixture.do_the_rest_as("cpu", &track, |job| separated_as(job, &[0.25, 0.25, 0.0, 0.0])).await;
    let song = samples();
    for (stem, fraction) in [("vocals", 0.25), ("bass", 0.0), ("other", 0.5), ("instrumental", 0.75)] {
        let got = read(&fixture, &track, stem, None).await;
        let same = got.iter().zip(&song).all(|(got, s)| *got == s * fraction);
        assert!(same, "{stem} is not {fraction} of the song");
    }
}
