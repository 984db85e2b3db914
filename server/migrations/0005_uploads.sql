-- An upload that can go on after its connection was lost. Its bytes lie in partial/<id>; once all are there, a track
-- of the same id takes its place.
CREATE TABLE uploads (
    id            TEXT PRIMARY KEY,
    length        INTEGER NOT NULL,     -- bytes in all
    received      INTEGER NOT NULL,     -- bytes that are safe on disk
    metadata      TEXT NOT NULL,        -- as the client gave it
    deadline_ms   INTEGER,              -- wished end, Unix milliseconds
    expires_ms    INTEGER NOT NULL,     -- when it is forgotten, unless more of it comes
    -- Why it was refused, as a problem document; its bytes are gone then:
    error_status  INTEGER,
    error_title   TEXT,
    error_detail  TEXT
) STRICT;
