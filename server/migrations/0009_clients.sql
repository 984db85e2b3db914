-- Keys of clients of the API; of the key itself only its hash is kept.
CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL UNIQUE,
    quotas     TEXT NOT NULL,       -- JSON
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;

-- Who handed it in: 'key:<id>', 'address:<keyed hash>', or NULL where nobody counts.
ALTER TABLE tracks ADD COLUMN client TEXT;
ALTER TABLE uploads ADD COLUMN client TEXT;
-- What its files take on the disk, as last measured.
ALTER TABLE tracks ADD COLUMN disk_bytes INTEGER NOT NULL DEFAULT 0;
-- Its owner wants it kept: it is not removed by age or for room.
ALTER TABLE tracks ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tracks_of_clients ON tracks (client) WHERE client IS NOT NULL;

-- What clients handed in lately, also of tracks that are deleted.
CREATE TABLE usage (
    track   TEXT PRIMARY KEY,
    client  TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    audio_s REAL NOT NULL DEFAULT 0     -- once it is decoded
) STRICT;
CREATE INDEX usage_of_clients ON usage (client, at_ms);
