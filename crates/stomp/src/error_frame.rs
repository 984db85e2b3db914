//! Errors that the broker reports by an ERROR frame.

use crate::{Error, Frame};

/// Bytes of an ERROR frame's body that are kept.
const DETAIL: usize = 1024;

/// The error that an ERROR frame reports.
pub(crate) fn broker_error(frame: &Frame) -> Error {
    let message = frame.headers.get("message").unwrap_or("no message").to_owned();
    let body = &frame.body[..frame.body.len().min(DETAIL)];
    Error::Broker { message, detail: String::from_utf8_lossy(body).trim().to_owned() }
}

/// The error that an ERROR frame reports in answer to a login.
pub(crate) fn login_error(frame: &Frame) -> Error {
    let error = broker_error(frame);
    let Error::Broker { message, detail } = &error else { return error };
    let said = format!("{message}: {detail}");
    let lower = said.to_lowercase();
    if ["bad connect", "access refused", "access_refused", "access denied"].iter().any(|s| lower.contains(s))
    {
        return Error::Authentication(said);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Command;
    use crate::Headers;
    use bytes::Bytes;

    fn reported(message: &str, detail: impl Into<Bytes>) -> Error {
        let headers = Headers::new().with("message", message);
        broker_error(&Frame { command: Command::Error, headers, body: detail.into() })
    }

    #[test]
    fn what_will_fail_again_is_not_worth_trying_again() {
        let permanent = [
            ("precondition_failed", "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue 'a'"),
            (
                "precondition_failed",
                "PRECONDITION_FAILED - message size 9 is larger than configured max size 1",
            ),
            ("access_refused", "ACCESS_REFUSED - read access to queue 'a' refused"),
        ];
        let passing = [
            ("precondition_failed", "PRECONDITION_FAILED - unknown delivery tag 1"),
            ("precondition_failed", "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out"),
            ("not_found", "NOT_FOUND - no queue 'a' in vhost '/'"),
            ("connection_forced", "CONNECTION_FORCED - broker forced connection closure"),
        ];
        assert!(permanent.iter().all(|(message, detail)| !reported(message, *detail).retryable()));
        assert!(passing.iter().all(|(message, detail)| reported(message, *detail).retryable()));
    }

    #[test]
    fn a_long_or_binary_detail_is_cut() {
        let Error::Broker { detail, .. } = reported("x", vec![0xff; 5000]) else { panic!("no report") };
        assert_eq!(detail.chars().count(), DETAIL);
    }
}
