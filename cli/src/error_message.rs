//! What a user reads of an error.

/// An error and its causes in one line; causes that an error already tells of are not told twice.
pub(crate) fn one_sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |message, cause| {
        match message.contains(&cause) {
            true => message,
            false if message.is_empty() => cause,
            false => format!("{message}: {cause}"),
        }
    })
}
