BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'tracks','2026-11-29 09:30:22',1,X'6C72D9DB5D5B72B25C96134CE5D896ECC4CB7A39C279663F2DF3705878DF9EE3329E261533BCF60540246BA552DDD9B3',285616);
INSERT INTO "_sqlx_migrations" VALUES(2,'providers','2026-11-29 09:30:22',1,X'BB4CC497F537F931ACEDD41F2261F3B517126DABE1D2E3A215C86F5EBC9923402041923E8E2FCA623412E4A69AC371F1',249842);
INSERT INTO "_sqlx_migrations" VALUES(4,'lyrics','2026-11-29 09:30:22',1,X'28BB69F5149E53DE64C2CB580E4D9CEBE83BEC0F254CAE85D92046BF0FF18D400C01650496FD48FB7A2B3578F037C040',326807);
INSERT INTO "_sqlx_migrations" VALUES(5,'uploads','2026-11-29 09:30:22',1,X'AE802CB48F8707CA044A63FF7E77CE78A3D4803754B77BB018D96DC2FC89457CD041204DB59E3516D8857608E815E526',104185);
CREATE TABLE chunks (
    track    TEXT NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    chunk    INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    worker   TEXT,
    seconds  REAL,
    PRIMARY KEY (track, chunk)
) STRICT, WITHOUT ROWID;
INSERT INTO "chunks" VALUES('34q56tnf3ezmuq2v',0,1,1,'w1',0.002898819);
INSERT INTO "chunks" VALUES('7dkc7v9a52v7gxbs',0,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('927igh95k4affn9f',0,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('uad65ruqapxnsstz',0,1,1,'w1',1.000792085);
INSERT INTO "chunks" VALUES('uad65ruqapxnsstz',1,1,1,'w1',1.002717431);
INSERT INTO "chunks" VALUES('uad65ruqapxnsstz',2,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('uad65ruqapxnsstz',3,0,1,NULL,NULL);
INSERT INTO "chunks" VALUES('zzvcrfwn2x9du3da',0,0,1,NULL,NULL);
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
INSERT INTO "tracks" VALUES('34q56tnf3ezmuq2v','e066c3c807d16bc57b82b38b480ad088e88a9ea105c4f0fe4800d387db88d106','done',1795944622380,1795944622390,NULL,'done.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,NULL,NULL,NULL,'cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('7dkc7v9a52v7gxbs','96ea238db045911a72143f1b230cd7383345a12aa5c46c18aa0064ea08bf3d34','failed',1795944622445,1795944622452,NULL,'identity.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,500,'Separation failed','Chunk 0 could not be separated: 1 attempts failed; the last was w1''s: the worker simulates the fault `nack`. Try another model, or another file.','cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('zzvcrfwn2x9du3da','48e2d2f73c9f8bb37a98a845de7beeb70674d227f8a6596e7f9620d4813ea141','failed',1795944622470,1795944622976,NULL,'centre.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','centre','{"name":"centre","title":"Centre extraction","description":"Takes out what sits in the middle of the stereo image, sounds like a held note and does not repeat: mostly the lead voice. A formula, not a neural network: expect a quieter voice rather than none, and little from a mono recording.","hidden":false,"kind":"mdx","file":"centre.onnx","networks":[],"sha256":"549655520b5392615e5ce14442cf777d9d364da45789cf1345c0b462de08d8bd","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository; coefficients fitted to the CC0 album Everything is Free by Software-Entwicklungskit","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["vocals"],"complement":"instrumental","sums":{},"compensation":1.0,"peak":null,"mdx":{"n_fft":4096,"hop":1024,"dim_f":2048,"dim_t":256},"waveform":null,"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,500,'Separation failed','Chunk 0 could not be separated: 1 attempts failed; the last was w1''s: the worker simulates the fault `nack`. Try another model, or another file.','cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('927igh95k4affn9f','1eb30dc9ce70acc0ab56138014463ecb0ee5fff9bf3b6af051b0e7e0bbf1250e','failed',1795944622995,1795944624009,NULL,'builtin.wav',176444,'57d77e2fa6b03dda2f45c9fa4988ccf2ddfb868a6af0f7518df9c952f5957f93','builtin','{"name":"builtin","title":"Built-in","description":"A small neural network made by this project: takes the voice out of most songs in seconds, with nothing to download.","hidden":false,"kind":"mdx","file":"builtin.onnx","networks":[],"sha256":"d02b7da702a78d5ea43f532961350d72af490ef8b74f4ad39f71cdfa9d4331c1","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository; trained on the sound that models/DATA_CARD.md credits","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["vocals"],"complement":"instrumental","sums":{},"compensation":1.0,"peak":null,"mdx":{"n_fft":4096,"hop":1024,"dim_f":2048,"dim_t":256},"waveform":null,"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,44100,44100,1.0,0.25,1,500,'Separation failed','Chunk 0 could not be separated: 1 attempts failed; the last was w1''s: the worker simulates the fault `nack`. Try another model, or another file.','cpu-avx512',NULL,NULL);
INSERT INTO "tracks" VALUES('uad65ruqapxnsstz','b92b790bc72c85ba5ccff70ea8d18fdc52c7737e8e0f2e1989a8cff7bd5b9440','separating',1795944624086,NULL,NULL,'half.wav',705644,'749bf39f2bd3e1759ff3e625de76a077364be6e291eb58516f390cb1af056b4d','identity','{"name":"identity","title":"Identity","description":"Separates nothing: the instrumental is the song itself, bit for bit, and the vocals are silence. For tests and demonstrations.","hidden":true,"kind":"waveform","file":"identity.onnx","networks":[],"sha256":"12f64372a2bd597b2d2e6a8dcb968c8c628c7417abae17fc554db23f4780fe95","uvr_md5":"","bytes":null,"url":"","licence":"MIT OR Apache-2.0","restriction":"","attribution":"The authors of this repository","exact":true,"sample_rate":44100,"overlap":0.25,"stems":["instrumental"],"complement":"vocals","sums":{},"compensation":1.0,"peak":null,"mdx":null,"waveform":{"segment":65536,"normalise":false,"tail":"silent","spectrum":null},"spleeter":null,"umx":null,"roformer":null,"ensemble":null}',NULL,NULL,NULL,NULL,44100,2,176400,176400,1.0,0.25,1,NULL,NULL,NULL,'cpu-avx512',NULL,NULL);
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
INSERT INTO "uploads" VALUES('99kkr4k7hmhbxjei',176444,88222,'filename dXBsb2FkLndhdg==,model aWRlbnRpdHk=',NULL,1796031024057,NULL,NULL,NULL);
CREATE INDEX tracks_by_state ON tracks (state);
COMMIT;
