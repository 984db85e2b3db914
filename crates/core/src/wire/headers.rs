//! Reads and writes the headers that jobs and replies share, and checks bodies against them.

use super::{SCHEMA, WireError};
use crate::id::TrackId;
use crate::units::ChunkIndex;
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

/// Headers of a message.
pub type Headers = HashMap<String, String>;

pub(super) fn common(track: &TrackId, chunk: ChunkIndex, attempt: u32) -> Headers {
    let mut headers = Headers::new();
    put(&mut headers, "schema", SCHEMA);
    put(&mut headers, "track", track);
    put(&mut headers, "chunk", chunk);
    put(&mut headers, "attempt", attempt);
    headers
}

pub(super) fn parse_common(headers: &Headers) -> Result<(TrackId, ChunkIndex, u32), WireError> {
    let schema = number(headers, "schema")?;
    if schema != SCHEMA {
        return Err(WireError::Schema(schema));
    }
    let track = TrackId::parse(&text(headers, "track")?).map_err(|_| WireError::Bad("track"))?;
    Ok((track, number(headers, "chunk")?, number(headers, "attempt")?))
}

pub(super) fn put(headers: &mut Headers, key: &str, value: impl Display) {
    headers.insert(key.to_owned(), value.to_string());
}

pub(super) fn text(headers: &Headers, key: &'static str) -> Result<String, WireError> {
    headers.get(key).cloned().ok_or(WireError::Missing(key))
}

pub(super) fn number<T: FromStr>(headers: &Headers, key: &'static str) -> Result<T, WireError> {
    text(headers, key)?.parse().map_err(|_| WireError::Bad(key))
}

pub(super) fn check_length(body: &Bytes, want: Option<usize>) -> Result<(), WireError> {
    let want = want.ok_or(WireError::Bad("window"))?;
    if body.len() == want { Ok(()) } else { Err(WireError::Length { got: body.len(), want }) }
}

pub(super) fn check_sum(headers: &Headers, body: &Bytes) -> Result<(), WireError> {
    let (want, got) = (number(headers, "crc32")?, crc32fast::hash(body));
    if got == want { Ok(()) } else { Err(WireError::Checksum { got, want }) }
}
