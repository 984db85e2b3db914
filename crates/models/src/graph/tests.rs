//! One network as PyTorch's exporters write it, and files that nobody should trust. What comes out of the changed networks
//! is compared where there is something to run them: in the worker.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const OLD: &[u8] = include_bytes!("tests/old.onnx");
const TRAINING: &[u8] = include_bytes!("tests/training.onnx");
const NEW: &[u8] = include_bytes!("tests/new.onnx");
const SHAPE: &[usize] = &[1, 4, 24, 16];

fn operators(model: &[u8]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for node in &Graph::parse(model).unwrap().nodes {
        *found.entry(node.op.to_owned()).or_insert(0) += 1;
    }
    found
}

fn count(model: &[u8], operator: &str) -> usize {
    operators(model).get(operator).copied().unwrap_or(0)
}

#[test]
fn files_of_every_exporter_become_the_same_operators() {
    let changed = |model| operators(&prepared(model, &[SHAPE], true).unwrap());
    let of_old = changed(OLD);
    assert_eq!(changed(TRAINING), of_old);
    assert_eq!(changed(NEW), of_old);
    let plain = |operator: &str| of_old.get(operator).copied().unwrap_or(0);
    // Two products a block, each of which a norm follows; every other norm is in a convolution.
    assert_eq!([plain("MatMul"), plain("BatchNormalization"), plain("Reshape")], [6, 6, 12], "{of_old:?}");
    assert_eq!([plain("Conv"), plain("ConvTranspose"), plain("Transpose")], [6, 1, 2], "{of_old:?}");
    assert_eq!([plain("Identity"), plain("Constant")], [0, 0]);
}

#[test]
fn the_files_are_as_wild_as_they_are_meant_to_be() {
    assert!(count(OLD, "Identity") > 0 && count(OLD, "BatchNormalization") > 6);
    assert!(count(TRAINING, "BatchNormalization") > count(OLD, "BatchNormalization"));
    assert!(count(TRAINING, "Transpose") > 2);
}

#[test]
fn free_dimensions_are_fixed_by_the_shapes() {
    let ports = |model: &[u8]| -> Vec<Vec<Option<u64>>> {
        let graph = Graph::parse(model).unwrap();
        let size = |d: &Dimension<'_>| if let Dimension::Fixed(size) = d { Some(*size) } else { None };
        graph.ports().iter().map(|(_, dims)| dims.iter().map(size).collect()).collect()
    };
    for model in [OLD, NEW] {
        assert_eq!(ports(model), [[None, Some(4), Some(24), Some(16)]]);
        let fixed = prepared(model, &[&[2, 4, 24, 16]], false).unwrap();
        assert_eq!(ports(&fixed), [[2, 4, 24, 16].map(Some)]);
        // With flat products the batch stays free, or becomes it.
        let single = prepared(model, &[SHAPE], false).unwrap();
        assert_eq!(ports(&single), [[1, 4, 24, 16].map(Some)]);
        for model in [model, &single] {
            assert_eq!(
                ports(&prepared(model, &[SHAPE], true).unwrap()),
                [[None, Some(4), Some(24), Some(16)]]
            );
        }
        // For shapes that the network does not take, its dimensions stay as they are; opening it says why.
        let other = prepared(model, &[&[1, 5, 24, 16]], false);
        assert!(other.is_none_or(|other| ports(&other) == ports(model)));
    }
}

#[test]
fn what_is_changed_is_changed_once() {
    for model in [OLD, TRAINING, NEW] {
        let once = prepared(model, &[SHAPE], false).unwrap();
        assert!(prepared(&once, &[SHAPE], false).is_none());
        let flat = prepared(model, &[SHAPE], true).unwrap();
        assert!(prepared(&flat, &[SHAPE], true).is_none_or(|again| operators(&again) == operators(&flat)));
    }
}

#[test]
fn other_networks_are_left_alone() {
    let identity = include_bytes!("../../../../models/identity.onnx");
    let fixed = prepared(identity, &[&[1, 2, 65_536]], true).unwrap();
    assert_eq!(operators(&fixed).keys().filter(|op| *op != "Constant").collect::<Vec<_>>(), ["Unsqueeze"]);
    assert!(prepared(&fixed, &[&[1, 2, 65_536]], true).is_none());
    assert!(prepared(b"no model", &[SHAPE], true).is_none());
    assert!(prepared(b"", &[SHAPE], true).is_none());
}

#[test]
fn what_a_norm_shares_with_others_stays() {
    // The convolution's result is also the network's: its norm must not be multiplied into it.
    let mut graph = Graph::parse(OLD).unwrap();
    resolve(&mut graph);
    let norms = graph.nodes.iter().filter(|n| n.op == "BatchNormalization").count();
    let makers: Vec<Text<'_>> =
        graph.nodes.iter().filter(|n| n.op == "ConvTranspose").map(|n| n.outputs[0].clone()).collect();
    let [made] = makers.as_slice() else { panic!("{makers:?}") };
    graph.nodes.push(Node::new("Relu", vec![made.clone()], "more".into()));
    norms::fold(&mut graph);
    assert_eq!(graph.nodes.iter().filter(|n| n.op == "BatchNormalization").count(), norms);
}

proptest! {
    #[test]
    fn damaged_files_never_panic(
        which in 0..3usize,
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut model = [OLD, TRAINING, NEW][which].to_vec();
        // The structure is what matters, so most of the damage is done outside the weights, which come in long runs.
        let at = at.index(model.len() - bytes.len());
        model[at..at + bytes.len()].copy_from_slice(&bytes);
        if let Some(cut) = cut {
            model.truncate(cut.index(model.len()) + 1);
        }
        if let Some(changed) = prepared(&model, &[SHAPE], true) {
            prop_assert!(Graph::parse(&changed).is_some());
        }
    }
}
