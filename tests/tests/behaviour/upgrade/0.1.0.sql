BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'tracks','2026-11-29 09:04:10',1,X'6C72D9DB5D5B72B25C96134CE5D896ECC4CB7A39C279663F2DF3705878DF9EE3329E261533BCF60540246BA552DDD9B3',284164);
INSERT INTO "_sqlx_migrations" VALUES(2,'providers','2026-11-29 09:04:10',1,X'BB4CC497F537F931ACEDD41F2261F3B517126DABE1D2E3A215C86F5EBC9923402041923E8E2FCA623412E4A69AC371F1',248490);
INSERT INTO "_sqlx_migrations" VALUES(4,'lyrics','2026-11-29 09:04:10',1,X'28BB69F5149E53DE64C2CB580E4D9CEBE83BEC0F254CAE85D92046BF0FF18D400C01650496FD48FB7A2B3578F037C040',324804);
INSERT INTO "_sqlx_migrations" VALUES(5,'uploads','2026-11-29 09:04:10',1,X'AE802CB48F8707CA044A63FF7E77CE78A3D4803754B77BB018D96DC2FC89457CD041204DB59E3516D8857608E815E526',127149);
CREATE TABLE chunks (
    track    TEXT NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    chunk    INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    worker   TEXT,
    seconds  REAL,
    PRIMARY KEY (track, chunk)
) STRICT, WITHOUT ROWID;
INSERT INTO "chunks" VALUES('dzeau6a7gmud7ej3',0,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('nm7iwev992kxukg4',0,1,1,'w1',0.002247923);
INSERT INTO "chunks" VALUES('rqx8prchskft9nat',0,1,1,'w1',1.001952484);
INSERT INTO "chunks" VALUES('rqx8prchskft9nat',1,1,1,'w1',1.000513334);
INSERT INTO "chunks" VALUES('rqx8prchskft9nat',2,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('rqx8prchskft9nat',3,0,1,NULL,NULL);
CREATE TABLE lyrics (
    track  TEXT PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    source TEXT NOT NULL,                   -- 'tags' or 'user'
    lrc    TEXT NOT NULL
) STRICT;
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
, providers TEXT NOT NULL DEFAULT '', lyrics TEXT, lyrics_ms INTEGER) STRICT;
INSERT INTO "tracks" VALUES('nm7iwev992kxukg4','e103b557f48204c521a45719d743bf3a702a8cd194a83f8236a88b8dd190b921','done',1795943050795,1795943050803,NULL,'done.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,NULL,NULL,NULL,'cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('dzeau6a7gmud7ej3','debd3df94c6ad74748cccb740c6127274a246250d4f2e9f9dd86aff664d975ab','failed',1795943050845,1795943050850,NULL,'failed.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,500,'Separation failed','Chunk 0 could not be separated: 1 attempts failed; the last was w1''s: the worker simulates the fault `nack`. Try another model, or another file.','cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('rqx8prchskft9nat','cf927f499c19e38d4bc40f145a8ea2f3aa894a4e9bb693c6424dab3582e13f0c','separating',1795943050915,NULL,NULL,'half.wav',705644,'749bf39f2bd3e1759ff3e625de76a077364be6e291eb58516f390cb1af056b4d','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,176400,176400,1.0,0.25,1,NULL,NULL,NULL,'cpu-avx512',NULL,NULL);
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
CREATE INDEX tracks_by_state ON tracks (state);
COMMIT;
