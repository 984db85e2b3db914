//! Reads title, artist, album, lyrics and cover.

use super::container::{open, open_whole};
use super::container_tags::{self, Name};
use crate::ingest::lyrics;
use crate::ingest::tags::{Tags, clean, cover};
use karaoke_core::lyrics::Lyrics;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::meta::{MetadataContainer, RawTag, RawValue, StandardTag, StandardVisualKey};

/// Reads the tags of `source`. Never fails: what cannot be read is `None`.
///
/// `name` is the uploaded file's name, a hint.
pub fn tags(source: &Path, name: &str) -> Tags {
    let mut tags = read_tags(source, name);
    // A parser that panics costs what it would have found, and nothing else.
    let found = catch_unwind(|| container_texts(source)).unwrap_or_default();
    fill(found, &mut tags);
    if tags.artist.is_none() {
        tags.artist.clone_from(&tags.album_artist);
    }
    tags
}

/// Reads the tags of `source`; what cannot be read is left out.
fn read_tags(source: &Path, name: &str) -> Tags {
    catch_unwind(AssertUnwindSafe(|| {
        // As it is, with all tags; where that cannot be opened, what is left once damaged ones are left out.
        let reader = open_whole(source, name).or_else(|| open(source, name).ok());
        let Some(mut reader) = reader else { return Tags::default() };
        let mut tags = Tags::default();
        let rate = sample_rate(reader.as_ref());
        let mut metadata = reader.metadata();
        // Oldest first; what is set stays, so that ID3v2 (read before the container) wins over ID3v1.
        while let Some(revision) = metadata.current() {
            collect(&revision.media, rate, &mut tags);
            revision.per_track.iter().for_each(|track| collect(&track.metadata, rate, &mut tags));
            if metadata.pop().is_none() {
                break;
            }
        }
        tags
    }))
    .unwrap_or_default()
}

/// What symphonia does not read of the container, and whether that goes before what it reads.
fn container_texts(source: &Path) -> (Vec<(Name, String)>, bool) {
    let Ok(mut file) = File::open(source) else { return Default::default() };
    // The texts in AIFF's chunks symphonia takes for Latin-1, whatever they are.
    let is_aiff = container_tags::is_aiff(&mut file);
    (container_tags::read(&mut file), is_aiff)
}

fn fill((found, is_better): (Vec<(Name, String)>, bool), tags: &mut Tags) {
    for (name, text) in found {
        let slot = match name {
            Name::Title => &mut tags.title,
            Name::Artist => &mut tags.artist,
            Name::Album => &mut tags.album,
        };
        if is_better {
            *slot = None;
        }
        set(slot, clean(&text));
    }
}

/// Hz of the first track that is sound, as its header has it.
fn sample_rate(reader: &dyn FormatReader) -> Option<u32> {
    let track = reader.default_track(TrackType::Audio)?;
    track.codec_params.as_ref()?.audio()?.sample_rate
}

/// Lyrics in a tag that symphonia does not map, or passes on as it stands in the file.
fn lyrics_of(tag: &RawTag, sample_rate: Option<u32>) -> Option<Lyrics> {
    let names = tag.sub_fields.iter().flatten().filter_map(|field| match &field.value {
        RawValue::String(name) => Some(name.as_str()),
        _ => None,
    });
    let named = names.chain([tag.key.as_str()]).any(lyrics::is_name);
    match &tag.value {
        RawValue::Binary(body) if matches!(tag.key.as_str(), "SYLT" | "SLT") => {
            lyrics::of_frame(body, sample_rate)
        }
        RawValue::String(text) if named => lyrics::of_text(text),
        RawValue::StringList(texts) if named => lyrics::of_text(&texts.join("\n")),
        _ => None,
    }
}

fn collect(container: &MetadataContainer, sample_rate: Option<u32>, tags: &mut Tags) {
    for tag in &container.tags {
        match &tag.std {
            Some(StandardTag::TrackTitle(s)) => set(&mut tags.title, clean(s)),
            Some(StandardTag::Artist(s)) => set(&mut tags.artist, clean(s)),
            Some(StandardTag::AlbumArtist(s)) => set(&mut tags.album_artist, clean(s)),
            Some(StandardTag::Album(s)) => set(&mut tags.album, clean(s)),
            Some(StandardTag::Lyrics(s)) => lyrics::keep(&mut tags.lyrics, lyrics::of_text(s)),
            _ if unnamed(&tag.raw, tags) => {}
            _ => lyrics::keep(&mut tags.lyrics, lyrics_of(&tag.raw, sample_rate)),
        }
    }
    // The front cover if it is marked, else the first picture.
    let front = container.visuals.iter().filter(|v| v.usage == Some(StandardVisualKey::FrontCover));
    let found = front.chain(&container.visuals).find_map(|visual| cover(&visual.data));
    set(&mut tags.cover, found);
}

/// Tags that symphonia leaves unnamed: text frames of several values, as ID3v2.4 has them, and names that programs give
/// without regard to a standard. Says whether it was one.
fn unnamed(tag: &RawTag, tags: &mut Tags) -> bool {
    let text = match &tag.value {
        RawValue::String(value) => value.as_str().to_owned(),
        RawValue::StringList(values) => values.join("; "),
        _ => return false,
    };
    let slot = match tag.key.to_ascii_uppercase().as_str() {
        "TIT2" | "TITLE" => &mut tags.title,
        "TPE1" | "ARTIST" => &mut tags.artist,
        "TPE2" | "ALBUMARTIST" | "ALBUM_ARTIST" => &mut tags.album_artist,
        "TALB" | "ALBUM" => &mut tags.album,
        _ => return false,
    };
    set(slot, clean(&text));
    true
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}
