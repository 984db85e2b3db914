//! Standard output and standard error, without a panic when nobody reads them.

use std::fmt::Display;
use std::io::{self, Write};

/// Standard output could not be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whoever read the output has closed it, as `head` does when it has enough.
    pub fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Writes text to standard output, as it is, and at once.
pub fn print(text: impl Display) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Writes a line to standard output.
pub fn print_line(text: impl Display) -> Result<(), OutputError> {
    print(format_args!("{text}\n"))
}

/// Writes text to standard error, as it is.
pub fn note(text: impl Display) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// Writes a line to standard error. When that fails there is nowhere left to say so.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "karaoke: {text}");
}
