//! How a caller follows a download.

use std::sync::Arc;

/// Called with the bytes that are there, and with the bytes there will be where that is known.
pub type Progress = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;
