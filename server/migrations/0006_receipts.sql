-- When each step of a track began, Unix milliseconds: the first time, where it was begun again after a crash.
ALTER TABLE tracks ADD COLUMN decoding_ms INTEGER;
ALTER TABLE tracks ADD COLUMN separating_ms INTEGER;
ALTER TABLE tracks ADD COLUMN first_chunk_ms INTEGER;  -- a worker began with a chunk
ALTER TABLE tracks ADD COLUMN finishing_ms INTEGER;

-- Bytes of stems that were sent to listeners.
ALTER TABLE tracks ADD COLUMN bytes_down INTEGER NOT NULL DEFAULT 0;

-- Attempts at chunks that brought nothing, and why.
CREATE TABLE failed_attempts (
    track   TEXT NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    chunk   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker  TEXT NOT NULL,
    outcome TEXT NOT NULL,              -- 'lost', 'returned', 'refused' or 'spare'
    why     TEXT NOT NULL,
    seconds REAL,                       -- how long the worker computed, where it said so
    at_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX failed_attempts_by_chunk ON failed_attempts (track, chunk);
-- A reply that comes twice is one.
CREATE UNIQUE INDEX spares ON failed_attempts (track, chunk, attempt, worker) WHERE outcome = 'spare';
