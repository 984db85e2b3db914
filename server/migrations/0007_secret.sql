-- What the server keeps to itself, such as the secret from which the passcodes of repeated requests are made.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
