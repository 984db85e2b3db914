//! What handlers say of their answers in the description of the API.

use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::{
    ContentBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, SchemaFormat,
    Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// Bytes of a file.
pub(super) struct Binary;

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Binary {
    fn name() -> Cow<'static, str> {
        "Binary".into()
    }
}

/// One of the events of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes lines of text")]
pub(super) struct ServerSentEvent {
    /// What it is.
    event: String,
    /// JSON.
    data: String,
    /// Where a reconnect goes on (`Last-Event-ID`).
    #[schema(nullable = false)]
    id: Option<String>,
}

/// A refusal of that status: a problem document.
pub(super) struct Refusal<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refusal<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [(STATUS.to_string(), problem(meaning(STATUS)).into())].into()
    }
}

/// A problem document as an answer.
pub(super) fn problem(meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(meaning).content("application/problem+json", content).build()
}

/// What refusals of a status have in common.
pub(super) fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is broken off, or a header of it cannot be read.",
        401 => "A passcode or a key is missing, or the key is none of this server's.",
        403 => "The operator of this server does not offer this.",
        404 => "There is nothing of that name, or what was sent does not open it.",
        408 => "Nothing of the file came for a minute.",
        409 => "Not in this state: the title says what is in the way.",
        412 => "Another version of tus than 1.0.0, or something else than `If-Match` names.",
        413 => "Larger or longer than this server takes.",
        415 => "Not sound, or a codec that cannot be decoded.",
        422 => "It was understood, and cannot be; the detail says what to change.",
        423 => "Another connection is writing to this upload.",
        429 => "A quota is used up; Retry-After says when to come again.",
        460 => "The checksum of this part is wrong.",
        500 => "The server failed; its log says why.",
        503 => "The server has as much to do as it takes; Retry-After says when to come again.",
        507 => "The server's disk is full.",
        _ => "Refused.",
    }
}
