//! Why an upload is refused, in the words that its sender gets.

use crate::problem::Problem;

/// 404: also what a forgotten one answers.
pub(crate) fn no_such_upload() -> Problem {
    Problem::new(
        404,
        "No such upload",
        "There is no upload of that name, or it was given up; begin a new one.",
    )
}

pub(super) fn in_use() -> Problem {
    Problem::new(423, "Upload in use", "Another connection is writing to this upload; try again in a moment.")
}

pub(super) fn elsewhere() -> Problem {
    let detail = "The upload does not stand where Upload-Offset says; ask with HEAD where it stands.";
    Problem::new(409, "Wrong offset", detail)
}

pub(super) fn silent() -> Problem {
    Problem::new(408, "Upload stalled", "Nothing of the file came for a minute; go on with the upload.")
}

pub(super) fn overtaken() -> Problem {
    let detail = "Another connection goes on with this upload.";
    Problem::new(423, "Upload in use", detail)
}

pub(super) fn longer_than_said() -> Problem {
    let detail = "More came than Upload-Length says; begin a new upload with the file's true length.";
    Problem::new(413, "Longer than announced", detail)
}
