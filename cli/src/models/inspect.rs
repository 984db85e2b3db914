//! `karaoke models inspect`: what an ONNX file is, as comments, above a manifest to start from.

use anyhow::{Context, ensure};
use karaoke_models::inspect::{Cost, Facts, draft, inspect};
use std::path::Path;

/// ONNX files end here, in bytes: Protocol Buffers know no larger messages.
const LARGEST: u64 = 1 << 31;

/// The output as a whole is a manifest: it can be sent into a file as it is.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let facts = read(path).with_context(|| path.display().to_string())?;
    let sha256 = karaoke_models::sha256(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = path.metadata()?.len();
    crate::console::print(format_args!("{}\n{}", report(&facts), draft(&facts, &file, &sha256, bytes)))?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Facts> {
    let file = path.metadata()?;
    ensure!(file.is_file(), "is not a file");
    ensure!(file.len() <= LARGEST, "is larger than an ONNX file can be (2 GiB)");
    Ok(inspect(&std::fs::read(path)?)?)
}

/// The facts, each line a comment.
fn report(facts: &Facts) -> String {
    let mut lines = Vec::new();
    lines.extend(facts.inputs.iter().map(|port| format!("takes {port}")));
    lines.extend(facts.outputs.iter().map(|port| format!("gives {port}")));
    let opset = if facts.opset == 0 { "unknown".to_owned() } else { facts.opset.to_string() };
    let producer = if facts.producer.is_empty() { "an unknown program" } else { &facts.producer };
    lines.push(format!("operator set {opset}, written by {producer}"));
    lines.push(format!("{} parameters", grouped(facts.parameters)));
    if facts.external {
        lines.push("its weights lie in files of their own, which must lie beside it".to_owned());
    }
    lines.push(cost(&facts.cost));
    let operators = facts.operators.iter().map(|(name, count)| format!("{count} {name}"));
    lines.push(format!("operators: {}", operators.collect::<Vec<_>>().join(", ")));
    lines.push(match &facts.family.numbers {
        Some(numbers) => {
            let kind = format!("{:?}", numbers.kind()).to_lowercase();
            format!("looks like kind {kind}: {}", facts.family.why)
        }
        None => format!("looks like no kind known here: {}", facts.family.why),
    });
    // What a file says of itself may hold line breaks.
    lines.iter().map(|line| format!("# {}\n", line.replace(char::is_control, " "))).collect()
}

fn cost(cost: &Cost) -> String {
    let Cost { flop, counted, unknown } = *cost;
    let gflop = flop / 1e9;
    match (counted, unknown) {
        (0, 0) => "cost: no products and no convolutions".to_owned(),
        (0, _) => {
            format!("cost: unknown, for the shapes of its {unknown} products and convolutions cannot be told")
        }
        (_, 0) => format!("cost: {gflop:.2} GFLOP a run (products and convolutions, a batch of one)"),
        _ => format!(
            "cost: unknown, at least {gflop:.2} GFLOP a run; {unknown} of {} products and convolutions have shapes that cannot be told",
            counted + unknown
        ),
    }
}

/// A number with a comma every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let said: Vec<_> = [0, 999, 1000, 13_200_000].map(grouped).into();
        assert_eq!(said, ["0", "999", "1,000", "13,200,000"]);
    }

    #[test]
    fn a_cost_that_is_not_known_is_not_told() {
        assert!(cost(&Cost { flop: 0.0, counted: 0, unknown: 3 }).contains("unknown"));
        assert!(cost(&Cost { flop: 2e9, counted: 1, unknown: 3 }).contains("at least 2.00 GFLOP"));
        assert!(cost(&Cost { flop: 2e9, counted: 1, unknown: 0 }).starts_with("cost: 2.00 GFLOP"));
    }
}
