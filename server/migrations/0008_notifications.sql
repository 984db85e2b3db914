-- Who is told what happens to tracks.
CREATE TABLE notifications (
    id         TEXT PRIMARY KEY,
    track      TEXT REFERENCES tracks (id) ON DELETE CASCADE,   -- NULL: every track
    target     TEXT NOT NULL,       -- https://… or mailto:…
    secret     TEXT NOT NULL,       -- what signs it; of mail, the address of the song's page
    events     TEXT NOT NULL,       -- comma between them
    created_ms INTEGER NOT NULL,
    disabled   TEXT                 -- why nothing more is sent to it
) STRICT;

CREATE UNIQUE INDEX notifications_of_tracks ON notifications (track, target);

-- What has been, or is to be, sent. It outlives track and notification, so that who waits for the end of a song that
-- is deleted hears of it all the same.
CREATE TABLE deliveries (
    id           TEXT PRIMARY KEY,
    notification TEXT NOT NULL,
    track        TEXT,
    event        TEXT NOT NULL,
    target       TEXT NOT NULL,
    secret       TEXT NOT NULL,
    body         TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    next_ms      INTEGER,           -- when it is tried (again), Unix milliseconds; NULL: no more
    leased_ms    INTEGER,           -- it is on its way, and due again then if nothing is heard of it
    delivered_ms INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX deliveries_due ON deliveries (next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_of ON deliveries (notification, created_ms);

CREATE TABLE delivery_attempts (
    delivery TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    status   INTEGER,               -- of the HTTP answer
    error    TEXT,                  -- NULL: it arrived
    seconds  REAL NOT NULL
) STRICT;

CREATE INDEX delivery_attempts_of ON delivery_attempts (delivery);

-- When it was seen that a track misses its deadline, Unix milliseconds.
ALTER TABLE tracks ADD COLUMN missed_ms INTEGER;
