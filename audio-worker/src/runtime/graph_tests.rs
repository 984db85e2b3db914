//! What is changed in a network before it is opened does not change what it gives.

use super::network::Network;
use super::session::{self, Setting};
use crate::provider::Provider;
use crate::tests::{noise, root, runtime};
use karaoke_models::{Weights, graph};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const SHAPE: &[usize] = &[1, 4, 24, 16];

/// What the file gives for noise, as it is: without `graph::prepared`.
fn plain(bytes: &[u8]) -> Vec<f32> {
    let runtime = runtime();
    // Inputs that no network has: its dimensions stay as they are.
    let setting = Setting { provider: Provider::Cpu, threads: 1, inputs: &[] };
    let builder = session::builder(runtime.environment(), setting);
    run(builder.and_then(|mut builder| builder.commit_from_memory(bytes)).unwrap())
}

fn run(session: session::Session) -> Vec<f32> {
    let session = Arc::new(Mutex::new(session));
    let mut network = Network::on(session, None, &[SHAPE], &[SHAPE], &PathBuf::new()).unwrap();
    network.input(0).copy_from_slice(&noise(1, SHAPE.iter().product()));
    network.run().unwrap().samples(0).unwrap().to_vec()
}

/// The largest difference, as a share of the largest number.
fn difference(got: &[f32], want: &[f32]) -> f32 {
    let peak = want.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    assert!(peak > 0.01, "the network gives {peak}: nothing is compared");
    got.iter().zip(want).fold(0.0f32, |most, (got, want)| most.max((got - want).abs())) / peak
}

#[test]
fn changed_networks_give_what_the_files_give() {
    let folder = root().join("crates/models/src/graph/tests");
    let runtime = runtime();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let expected = plain(&read("training.onnx"));
    for name in ["old.onnx", "training.onnx", "new.onnx"] {
        let bytes = read(name);
        let error = difference(&plain(&bytes), &expected);
        assert!(error < 1e-5, "{name} is not the network that it is meant to be: {error}");
        for flat_products in [false, true] {
            let changed = graph::prepared(&bytes, &[SHAPE], flat_products).unwrap();
            let error = difference(&plain(&changed), &expected);
            assert!(error < 1e-5, "{name}, flat products {flat_products}: {error}");
        }
        let setting = Setting { provider: Provider::Cpu, threads: 1, inputs: &[SHAPE] };
        let opened =
            session::open(runtime.environment(), &Weights::File(folder.join(name)), setting).unwrap();
        let error = difference(&run(opened), &expected);
        assert!(error < 1e-5, "{name}, opened: {error}");
    }
}
