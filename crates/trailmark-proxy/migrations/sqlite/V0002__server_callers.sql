-- Server callers: the API keys of each site, and the conversion of each Idempotency-Key. Only SHA-256 of both keys is kept:
-- a reader of the ledger cannot use them for calls and does not learn what callers put into their Idempotency-Keys.

CREATE TABLE api_keys (
  site         TEXT    NOT NULL,
  -- The beginning of the hash, for people.
  id           TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  hash         BLOB    NOT NULL CHECK (length(hash) = 32),
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at   INTEGER,
  PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_shown ON api_keys (site, hash);

-- Written together with the conversion, which has content and receipt. Kept forever.
CREATE TABLE idempotency_keys (
  site       TEXT NOT NULL,
  api_key    TEXT NOT NULL,
  hash       BLOB NOT NULL CHECK (length(hash) = 32),
  conversion TEXT NOT NULL,
  PRIMARY KEY (site, api_key, hash),
  FOREIGN KEY (site, api_key) REFERENCES api_keys (site, id),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id)
) STRICT, WITHOUT ROWID;
