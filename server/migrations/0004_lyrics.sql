-- The lyrics of a track, as LRC (plain text where nobody knows the times); apart, because they are long.
CREATE TABLE lyrics (
    track  TEXT PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    source TEXT NOT NULL,                   -- 'tags' or 'user'
    lrc    TEXT NOT NULL
) STRICT;

-- Whether there are any, 'synced' or 'plain', and since when they are these, Unix milliseconds.
ALTER TABLE tracks ADD COLUMN lyrics TEXT;
ALTER TABLE tracks ADD COLUMN lyrics_ms INTEGER;
