//! A manifest to start from: what the file tells, and marks where somebody must know more.

use super::family::Numbers;
use super::{Facts, Family};
use std::fmt::Write;

/// The mark of what somebody must fill in or confirm.
pub const FILL_IN: &str = "# FILL IN: ";

/// A manifest for the file `file` that has this SHA-256 and so many bytes.
pub fn draft(facts: &Facts, file: &str, sha256: &str, bytes: u64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, facts, file, sha256, bytes);
    text
}

fn write(out: &mut String, facts: &Facts, file: &str, sha256: &str, bytes: u64) -> std::fmt::Result {
    let Family { numbers, why } = &facts.family;
    let kind = numbers.map_or_else(String::new, |n| format!("{:?}", n.kind()).to_lowercase());
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    writeln!(out, "name = {}", quoted(&name(stem)))?;
    writeln!(out, "title = {}", quoted(stem))?;
    writeln!(out, "description = \"\"  {FILL_IN}what it does well and badly")?;
    match numbers {
        Some(_) => writeln!(out, "kind = \"{kind}\"  # {why}")?,
        None => writeln!(out, "kind = \"{kind}\"  {FILL_IN}{why}")?,
    }
    writeln!(out, "file = {}", quoted(file))?;
    writeln!(out, "sha256 = \"{sha256}\"\nbytes = {bytes}")?;
    writeln!(out, "url = \"\"  {FILL_IN}where others can fetch it")?;
    writeln!(out, "licence = \"unknown\"  {FILL_IN}the licence of the weights")?;
    writeln!(out, "restriction = \"\"  {FILL_IN}what the licence forbids or asks for, if anything")?;
    writeln!(out, "attribution = \"\"  {FILL_IN}whom to credit")?;
    writeln!(out, "sample_rate = 44100  {FILL_IN}the rate it was trained at")?;
    write_rest(out, numbers.as_ref())
}

fn write_rest(out: &mut String, numbers: Option<&Numbers>) -> std::fmt::Result {
    let overlap = if matches!(numbers, Some(Numbers::Roformer { .. })) { 0.5 } else { 0.25 };
    writeln!(out, "overlap = {overlap}")?;
    match numbers {
        Some(Numbers::Mdx { dim_f, dim_t }) => {
            write_one_stem(out)?;
            writeln!(out, "compensation = 1.0  {FILL_IN}the factor that its authors give")?;
            writeln!(out, "peak = 0.9\n\n[mdx]")?;
            let n_fft = if *dim_f > 2048 { 7680 } else { 6144 }.max(2 * dim_f);
            writeln!(out, "n_fft = {n_fft}  {FILL_IN}5120, 6144 or 7680 with most; the file does not tell")?;
            writeln!(out, "hop = 1024  {FILL_IN}1024 with most; the file does not tell")?;
            writeln!(out, "dim_f = {dim_f}")?;
            write_frames(out, *dim_t, 256)
        }
        Some(Numbers::Waveform { segment, stems, spectrum }) => {
            write_stems(out, *stems)?;
            writeln!(out, "\n[waveform]\nsegment = {segment}")?;
            writeln!(out, "normalise = true  {FILL_IN}true with Demucs")?;
            writeln!(out, "tail = \"centred\"  {FILL_IN}centred with Demucs, else silent")?;
            if let Some(branch) = spectrum {
                writeln!(out, "spectrum = {{ n_fft = {}, hop = {} }}", branch.n_fft, branch.hop)?;
            }
            Ok(())
        }
        Some(Numbers::Spleeter { dim_f, dim_t, stems }) => {
            match stems {
                1 => {
                    writeln!(out, "stems = [\"vocals\", \"instrumental\"]  {FILL_IN}one for each network")?;
                    writeln!(
                        out,
                        "# {FILL_IN}pack its networks into a .zip: networks = [\"vocals\", \"accompaniment\"]"
                    )?;
                }
                2 => writeln!(
                    out,
                    "stems = [\"vocals\", \"instrumental\"]  {FILL_IN}in the order of its outputs"
                )?,
                more => write_stems(out, *more)?,
            }
            writeln!(out, "\n[spleeter]\nn_fft = 4096  {FILL_IN}the file does not tell")?;
            writeln!(out, "hop = 1024  {FILL_IN}the file does not tell")?;
            writeln!(out, "dim_f = {dim_f}\ndim_t = {dim_t}\nframes = {}", dim_t - dim_t / 16)
        }
        Some(Numbers::Umx { n_fft, dim_t }) => {
            write_one_stem(out)?;
            writeln!(out, "\n[umx]\nn_fft = {n_fft}\nhop = {}  {FILL_IN}n_fft / 4 with most", n_fft / 4)?;
            write_frames(out, *dim_t, 480)
        }
        Some(Numbers::Roformer { n_fft, dim_t, stems }) => {
            match stems {
                1 => write_one_stem(out)?,
                more => write_stems(out, *more)?,
            }
            writeln!(out, "\n[roformer]\nn_fft = {n_fft}")?;
            writeln!(out, "hop = 441  {FILL_IN}441 or 512 with most; the file does not tell")?;
            writeln!(out, "dim_t = {dim_t}")
        }
        None => writeln!(out, "stems = []  {FILL_IN}what it gives, in order"),
    }
}

fn write_frames(out: &mut String, dim_t: Option<u64>, usual: u64) -> std::fmt::Result {
    match dim_t {
        Some(dim_t) => writeln!(out, "dim_t = {dim_t}"),
        None => writeln!(out, "dim_t = {usual}  {FILL_IN}any number will do"),
    }
}

fn write_one_stem(out: &mut String) -> std::fmt::Result {
    writeln!(out, "stems = [\"vocals\"]  {FILL_IN}or what else it predicts")?;
    writeln!(out, "complement = \"instrumental\"  {FILL_IN}and what is then left")
}

/// The stems of Demucs, in its order, for as many as there are.
fn write_stems(out: &mut String, count: u64) -> std::fmt::Result {
    const USUAL: [&str; 6] = ["drums", "bass", "other", "vocals", "guitar", "piano"];
    let count = usize::try_from(count).unwrap_or(0).clamp(1, 64);
    let (names, instrumental): (Vec<String>, _) = match count {
        4 | 6 => {
            let names: Vec<_> = USUAL[..count].iter().map(|name| (*name).to_owned()).collect();
            let rest: Vec<_> =
                names.iter().filter(|name| *name != "vocals").map(|name| quoted(name)).collect();
            (names, Some(rest.join(", ")))
        }
        _ => ((1..=count).map(|number| format!("stem-{number}")).collect(), None),
    };
    let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    writeln!(out, "stems = [{}]  {FILL_IN}in the network's order", quoted.join(", "))?;
    match instrumental {
        Some(rest) => writeln!(out, "sums = {{ instrumental = [{rest}] }}"),
        None => Ok(()),
    }
}

/// A model's name made of a file's.
fn name(stem: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "model".to_owned() } else { name.to_owned() }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
