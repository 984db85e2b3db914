//! Encodes stems for download.
