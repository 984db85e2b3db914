//! What an ensemble takes from its members: identity, windowing, licence.

use karaoke_core::plan::Windowing;
use karaoke_core::{Manifest, ModelName};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Fills in what an ensemble takes from the models in `manifests`, or says why they do not go together.
pub(crate) fn resolve(
    ensemble: &mut Manifest,
    manifests: &BTreeMap<ModelName, Manifest>,
) -> Result<(), String> {
    let Some(numbers) = &ensemble.ensemble else { return Ok(()) };
    let members = numbers.members.iter().map(|name| {
        let member =
            manifests.get(name).ok_or_else(|| format!("there is no manifest of its member `{name}`"))?;
        if member.ensemble.is_some() || member.refined.is_some() {
            Err(format!("its member `{name}` stands on other models itself"))
        } else {
            Ok(member)
        }
    });
    let members: Vec<&Manifest> = members.collect::<Result<_, _>>()?;
    let first = *members.first().ok_or("it has no members")?;
    let [stem] = ensemble.stems.as_slice() else { return Err("it must predict one stem, no more".into()) };
    for member in &members {
        check(member, first, stem)?;
    }
    if ensemble.sample_rate != first.sample_rate {
        return Err(format!("its sample_rate must be that of its members, {}", first.sample_rate));
    }
    let (identity, windowing) = (identity(&members, &numbers.weights), first.windowing(ensemble.overlap));
    ensemble.sha256 = identity;
    // A job has one gain for all members: the one that brings the mix below the lowest peak.
    let peaks = members.iter().filter_map(|m| m.peak).chain(ensemble.peak);
    ensemble.peak = peaks.reduce(f32::min);
    inherit(&mut ensemble.licence, members.iter().map(|m| &m.licence));
    inherit(&mut ensemble.restriction, members.iter().map(|m| &m.restriction));
    inherit(&mut ensemble.attribution, members.iter().map(|m| &m.attribution));
    set_windowing(ensemble, windowing);
    Ok(())
}

fn set_windowing(ensemble: &mut Manifest, windowing: Windowing) {
    if let Some(numbers) = &mut ensemble.ensemble {
        numbers.windowing = Some(windowing);
    }
}

fn check(member: &Manifest, first: &Manifest, stem: &String) -> Result<(), String> {
    let (name, other) = (&member.name, &first.name);
    if member.sample_rate != first.sample_rate {
        let (a, b) = (member.sample_rate, first.sample_rate);
        return Err(format!("`{name}` works at {a} Hz and `{other}` at {b} Hz: they cannot be joined"));
    }
    let (a, b) = (member.windowing(0.0).window, first.windowing(0.0).window);
    if a != b {
        return Err(format!(
            "the windows of `{name}` have {a} frames and those of `{other}` {b}: they cannot be joined"
        ));
    }
    if !member.stems.contains(stem) && member.complement.as_ref() != Some(stem) {
        return Err(format!("`{name}` neither predicts `{stem}` nor has it as its complement"));
    }
    Ok(())
}

/// SHA-256 over the members' identities, in their order, and over their weights, where they have any.
fn identity(members: &[&Manifest], weights: &[f32]) -> String {
    let mut hash = Sha256::new();
    for member in members {
        hash.update(member.identity().to_ascii_lowercase());
        hash.update(b"\n");
    }
    weights.iter().for_each(|weight| hash.update(weight.to_le_bytes()));
    hex::encode(hash.finalize())
}

/// Joins what the members say, each thing once, where the ensemble says nothing.
fn inherit<'m>(own: &mut String, of_members: impl Iterator<Item = &'m String>) {
    if !own.is_empty() {
        return;
    }
    let mut said: Vec<&str> = Vec::new();
    for text in of_members.filter(|text| !text.is_empty()) {
        if !said.contains(&text.as_str()) {
            said.push(text);
        }
    }
    *own = match said.iter().all(|text| text.ends_with('.')) {
        true => said.join(" "),
        false => said.join("; "),
    };
}
