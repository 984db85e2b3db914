//! Tests of the worker as a whole; they need ONNX Runtime (`make runtime`) and the models in `models/`.

mod converted;
pub(crate) mod fake;
mod faults;
mod fixture;
mod kinds;
mod models;
mod pool;
mod presence;
mod result_publisher;
mod stft;

use crate::provider::Wanted;
use crate::runtime::Runtime;
use karaoke_models::Catalogue;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The library that `make runtime` fetched, wherever the test binary lies.
pub(crate) fn runtime() -> Runtime {
    let fetched = root().join(".runtime/onnxruntime");
    let named = std::env::var_os("ORT_DYLIB_PATH").is_some() || !fetched.is_dir();
    let loaded = Runtime::load(if named { None } else { Some(&fetched) }, Wanted::Cpu);
    loaded.unwrap_or_else(|e| panic!("{e}"))
}

/// The models of the repository.
fn catalogue() -> Catalogue {
    Catalogue::open(&root().join("models")).unwrap()
}

/// White noise of a seed, between −1 and 1.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|s| s.to_bits()).collect()
}
