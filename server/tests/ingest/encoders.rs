//! What the encoders write, decoded by ffmpeg and by our own ingest.

use crate::{
    clip::{Clip, lag, snr},
    ffmpeg,
    formats::ingest,
};
use karaoke_server::{
    encode::{Encoding, Format, encode, wav},
    ingest::{FrameSource, Tags, tags},
};
use std::{fs::File, io, path::Path, time::Instant};

struct Memory(Vec<f32>);

impl FrameSource for Memory {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        for (i, sample) in out.iter_mut().enumerate() {
            let at = start * 2 + i as i64;
            *sample = usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied().unwrap_or(0.0);
        }
        Ok(())
    }
}

fn write(clip: &Clip, format: Format, path: &Path) -> f64 {
    let labels = Tags { title: Some("Größe".into()), artist: Some("Wir".into()), ..Tags::default() };
    let mut file = File::create(path).unwrap();
    let (frames, start) = (clip.frames() as u64, Instant::now());
    let encoding = Encoding { frames, rate: clip.rate, format, tags: &labels, cancelled: &|| false };
    encode(&mut Memory(clip.samples.clone()), encoding, &mut file).unwrap();
    clip.frames() as f64 / f64::from(clip.rate) / start.elapsed().as_secs_f64()
}

#[test]
fn lossless_formats_come_back_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    for (rate, frames) in [(44100, 100_000), (48000, 4096 * 3), (96000, 50_001), (192000, 9), (22050, 1)] {
        let clip = Clip::song(rate, 2, frames);
        for format in [Format::Wav16, Format::Wav24, Format::WavFloat, Format::Flac16, Format::Flac24] {
            let path = dir.path().join(format!("out.{}", format.extension()));
            let speed = write(&clip, format, &path);
            println!("{format:?} {rate} Hz, {frames} frames: {speed:.0} x real time");
            assert_eq!(ffmpeg::decode(&path, false), clip.samples, "{format:?} {rate}");
            let (decoded, ours) = ingest(&path).unwrap();
            assert_eq!((decoded.sample_rate.get(), ours), (rate, clip.samples.clone()), "{format:?} {rate}");
            if format.extension() == "wav" {
                assert_eq!(
                    path.metadata().unwrap().len(),
                    wav::Spec::stereo(frames as u64, rate, format).total_len()
                );
            } else {
                // ffmpeg checks each frame's CRC and, with this, STREAMINFO's MD5 through the decode.
                ffmpeg::run(&[
                    "-err_detect",
                    "crccheck+explode",
                    "-i",
                    path.to_str().unwrap(),
                    "-f",
                    "null",
                    "-",
                ]);
                assert_eq!(tags(&path, "x").title.as_deref(), Some("Größe"));
            }
        }
    }
}

#[test]
fn mp3_is_aligned_exact_in_length_and_as_good_as_lame() {
    let dir = tempfile::tempdir().unwrap();
    for (rate, frames, least) in [
        (44100, 200_000, 25.0),
        (48000, 100_001, 25.0),
        (22050, 60_000, 20.0),
        (96000, 200_000, 0.0),
        (44100, 1, -99.0),
    ] {
        let clip = Clip::song(rate, 2, frames);
        let path = dir.path().join("out.mp3");
        let speed = write(&clip, Format::Mp3, &path);
        let (decoded, ours) = ingest(&path).unwrap();
        let theirs = ffmpeg::decode(&path, false);
        let expected = if rate == 96000 { frames as u64 / 2 } else { frames as u64 };
        let db = snr(&ours, &clip.samples);
        println!(
            "{rate} Hz, {frames} frames: {speed:.0} x real time, SNR {db:.1} dB, {} frames, ffmpeg {}",
            decoded.frames,
            theirs.len() / 2
        );
        assert_eq!((decoded.frames.get(), theirs.len() as u64 / 2), (expected, expected), "{rate}");
        assert_eq!(tags(&path, "x").artist.as_deref(), Some("Wir"));
        if rate != 96000 && frames > 1 {
            let wav = dir.path().join("clip.wav");
            clip.write(&wav);
            let lame = dir.path().join("lame.mp3");
            ffmpeg::make(
                &wav,
                &lame,
                &["-c:a", "libmp3lame", "-b:a", if rate > 32000 { "320k" } else { "160k" }],
            );
            println!(
                "    LAME at the same rate: SNR {:.1} dB",
                snr(&ffmpeg::decode(&lame, false), &clip.samples)
            );
            assert!(lag(&ours, &clip.samples) == 0 && db > least, "{rate}: {db:.1} dB");
        }
    }
}
