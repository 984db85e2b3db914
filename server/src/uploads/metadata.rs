//! What goes along with an upload: `Upload-Metadata`, pairs of a key and a value in base64 (tus 1.0.0, "Creation").

use crate::notification::Asked;
use crate::problem::Problem;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Longer metadata are refused.
pub(crate) const LONGEST: usize = 4096;

/// What is understood of it; unknown keys are left alone.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Metadata {
    /// The file's name, for display only.
    pub file_name: String,
    /// The model (or preset) asked for.
    pub model: Option<String>,
    /// Seconds from now by which it should be done.
    pub deadline_s: Option<u32>,
    /// Who is to be told.
    pub asked: Asked,
}

impl Metadata {
    /// Reads the header; an empty one is fine.
    pub(crate) fn parse(header: &str) -> Result<Self, Problem> {
        let broken = || {
            let detail =
                "Upload-Metadata holds pairs of a key and a value in base64, with commas between them.";
            Problem::new(400, "Unreadable metadata", detail)
        };
        if header.len() > LONGEST {
            return Err(broken());
        }
        let mut read = Self { file_name: display_name(""), ..Self::default() };
        for pair in header.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let value = BASE64_STANDARD.decode(value.trim()).map_err(|_| broken())?;
            let value = String::from_utf8(value).map_err(|_| broken())?;
            match key {
                "filename" | "name" => read.file_name = display_name(&value),
                "model" => read.model = Some(value).filter(|m| !m.is_empty()),
                "deadline_s" => read.deadline_s = Some(value.trim().parse().map_err(|_| bad_deadline())?),
                "webhook" => read.asked.webhook = Some(value),
                "email" => read.asked.email = Some(value),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// 422: the deadline is no number.
pub(crate) fn bad_deadline() -> Problem {
    Problem::new(422, "Bad deadline", "deadline_s is a number of seconds from now.")
}

/// The last part of the name the client gave, without control characters: for display, never for a path.
pub(crate) fn display_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    if clean.trim().is_empty() { "upload".into() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lose_what_could_hurt() {
        for (name, want) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\song.mp3", "song.mp3"),
            ("a\r\nb", "ab"),
            ("", "upload"),
        ] {
            assert_eq!(display_name(name), want);
        }
        assert_eq!(display_name(&"ä".repeat(900)).chars().count(), 200);
    }

    #[test]
    fn what_clients_send_is_understood() {
        let read = Metadata::parse(
            "filename R3LDtsOfZS5tcDM=,filetype YXVkaW8=, model Y2VudHJl,lonely,deadline_s OTA=",
        );
        let want = Metadata {
            file_name: "Größe.mp3".into(),
            model: Some("centre".into()),
            deadline_s: Some(90),
            asked: Asked::default(),
        };
        assert_eq!(read.unwrap(), want);
        assert_eq!(Metadata::parse("").unwrap().file_name, "upload");
        assert_eq!(Metadata::parse("filename ???").unwrap_err().status, 400);
        assert_eq!(Metadata::parse("filename /w==").unwrap_err().status, 400);
        assert_eq!(Metadata::parse("deadline_s c29vbg==").unwrap_err().status, 422);
        assert_eq!(Metadata::parse(&"a".repeat(LONGEST + 1)).unwrap_err().status, 400);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(header in ".{0,300}") {
            if let Ok(read) = Metadata::parse(&header) {
                prop_assert!(!read.file_name.is_empty());
            }
        }
    }
}
