//! Places between two steps that belong together, where a test lets the process die (debug builds only).

/// Aborts the process if `KARAOKE_FAULT_POINT` is the name of this place.
#[cfg(debug_assertions)]
pub(crate) fn reach(name: &str) {
    if std::env::var_os("KARAOKE_FAULT_POINT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

/// Nothing: a release has no such places.
#[cfg(not(debug_assertions))]
pub(crate) fn reach(_name: &str) {}
