//! How large and how long an upload's sound may be.

/// How much sound an upload may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest recording in seconds.
    pub max_duration_s: u64,
    /// Largest decoded file in bytes (8 a frame at the source's rate).
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_duration_s: 12 * 3600, max_bytes: 32 << 30 }
    }
}
