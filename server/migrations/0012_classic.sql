-- Songs that came by the classic API: the number that it knows them by, which no other song ever gets.
CREATE TABLE classic_songs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    track  TEXT NOT NULL UNIQUE REFERENCES tracks (id) ON DELETE CASCADE,
    kept   TEXT                         -- places of the parts that its final mix holds, JSON; NULL before they are chosen
) STRICT;
