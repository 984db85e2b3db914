//! How received bytes are shown in an error.

/// The beginning of what was received, fit for a message.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let shown = bytes.len().min(40);
    format!("\"{}\"", bytes[..shown].escape_ascii())
}
