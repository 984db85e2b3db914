-- A track: one uploaded song and what is known of it.
CREATE TABLE tracks (
    id                TEXT PRIMARY KEY,
    passcode_sha256   TEXT NOT NULL,
    state             TEXT NOT NULL,
    created_ms        INTEGER NOT NULL,
    finished_ms       INTEGER,
    deadline_ms       INTEGER,              -- wished end, Unix milliseconds
    file_name         TEXT NOT NULL,
    size_bytes        INTEGER NOT NULL,
    upload_sha256     TEXT NOT NULL,
    model             TEXT NOT NULL,
    manifest          TEXT NOT NULL,        -- of the model as it was then, JSON
    title             TEXT,
    artist            TEXT,
    album             TEXT,
    cover_mime        TEXT,
    -- Known once decoded:
    source_rate       INTEGER,              -- Hz
    source_channels   INTEGER,
    frames            INTEGER,              -- at source_rate
    model_frames      INTEGER,              -- at the model's rate
    gain              REAL,                 -- on the mix before the model
    overlap           REAL,
    windows_per_chunk INTEGER,
    -- Why it failed, as a problem document:
    error_status      INTEGER,
    error_title       TEXT,
    error_detail      TEXT
) STRICT;

-- The chunks of a track that is being separated, and who did them. Written when the plan is made.
CREATE TABLE chunks (
    track    TEXT NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    chunk    INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    worker   TEXT,
    seconds  REAL,
    PRIMARY KEY (track, chunk)
) STRICT, WITHOUT ROWID;

CREATE INDEX tracks_by_state ON tracks (state);
