-- Every worker that was ever heard of, until it has been silent for long.
CREATE TABLE workers (
    id            TEXT PRIMARY KEY,
    host          TEXT NOT NULL,
    provider      TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    health        TEXT NOT NULL,        -- when it was last written
    note          TEXT,
    runs          INTEGER NOT NULL,     -- how often it joined
    crashes       INTEGER NOT NULL,
    failures      INTEGER NOT NULL,     -- chunks that it failed with, for any server
    served        INTEGER NOT NULL,     -- chunks that it did for this one
    refused       INTEGER NOT NULL,     -- replies of it that were corrupt
    lost          INTEGER NOT NULL,     -- chunks that it took and never ended
    away          TEXT                  -- 'drain' or 'stop': it is to take no jobs until it is restarted
) STRICT;
