-- Server callers: the API keys of each site, and which Idempotency-Key of theirs made which conversion. Of both keys only
-- SHA-256 is kept: whoever reads the ledger cannot call with it, and learns nothing of what callers write into their keys.

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

-- Written with its conversion, for ever. Content and receipt are the conversion's.
CREATE TABLE idempotency_keys (
  site       TEXT NOT NULL,
  api_key    TEXT NOT NULL,
  hash       BLOB NOT NULL CHECK (length(hash) = 32),
  conversion TEXT NOT NULL,
  PRIMARY KEY (site, api_key, hash),
  FOREIGN KEY (site, api_key) REFERENCES api_keys (site, id),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id)
) STRICT, WITHOUT ROWID;
