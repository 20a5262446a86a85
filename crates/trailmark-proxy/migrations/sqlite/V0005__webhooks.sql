-- Webhooks from vendors, and commissions. A webhook is stored unchanged before it is answered and interpreted afterwards; its
-- state is the Rust type's word. An older binary ignores this.

CREATE TABLE webhooks (
  site           TEXT    NOT NULL,
  id             TEXT    NOT NULL,
  program        TEXT    NOT NULL,
  body_hash      BLOB    NOT NULL CHECK (length(body_hash) = 32),
  body_bytes     INTEGER NOT NULL,
  state          TEXT    NOT NULL,
  -- The event's name, once read.
  event          TEXT,
  reason         TEXT,
  -- How many deliveries it concerned.
  deliveries     INTEGER NOT NULL DEFAULT 0,
  -- How often the same body came.
  times          INTEGER NOT NULL DEFAULT 1,
  received_at    INTEGER NOT NULL,
  last_at        INTEGER NOT NULL,
  interpreted_at INTEGER,
  PRIMARY KEY (site, id)
) STRICT;
CREATE UNIQUE INDEX webhooks_by_body ON webhooks (site, program, body_hash);
CREATE INDEX webhooks_to_read ON webhooks (site, program, id) WHERE state = 'received';
-- Lists of one state, counts, and the oldest finished webhook, which is deleted when there are too many.
CREATE INDEX webhooks_by_state ON webhooks (site, state, id);

-- Bodies may have personal data, so they are in a separate table, like conversions' payloads.
CREATE TABLE webhook_payloads (
  site    TEXT NOT NULL,
  webhook TEXT NOT NULL,
  body    BLOB NOT NULL,
  PRIMARY KEY (site, webhook),
  FOREIGN KEY (site, webhook) REFERENCES webhooks (site, id) ON DELETE CASCADE
) STRICT;

-- What an unmatched webhook names: it is interpreted again when a matching delivery is recorded.
CREATE TABLE webhook_subjects (
  site    TEXT NOT NULL,
  program TEXT NOT NULL,
  kind    TEXT NOT NULL,
  key     TEXT NOT NULL,
  webhook TEXT NOT NULL,
  PRIMARY KEY (site, program, kind, key, webhook),
  FOREIGN KEY (site, webhook) REFERENCES webhooks (site, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_of_webhook ON webhook_subjects (site, webhook);

ALTER TABLE deliveries ADD COLUMN commission TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE deliveries ADD COLUMN commission_reason TEXT;
-- The amount, if the vendor tells it.
ALTER TABLE deliveries ADD COLUMN commission_minor INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_currency TEXT;
-- When the vendor last told about it, and when it is asked next.
ALTER TABLE deliveries ADD COLUMN commission_at INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_due_at INTEGER;
-- Queries are numbered: an earlier query's answer never overwrites a later one's, whatever the clock does.
ALTER TABLE deliveries ADD COLUMN commission_asked INTEGER NOT NULL DEFAULT 0;
-- The last query and its answer, for people.
ALTER TABLE deliveries ADD COLUMN commission_said TEXT;
ALTER TABLE deliveries ADD COLUMN commission_asked_at INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_told INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_to_ask ON deliveries (site, program, commission_due_at, id) WHERE commission_due_at IS NOT NULL;
-- Finds the deliveries that a change of a partner concerns.
CREATE INDEX touches_of_partner ON touches (site, partner, program) WHERE partner IS NOT NULL;
CREATE INDEX deliveries_of_touch ON deliveries (site, touch);
-- Finds a delivery by the vendor's reference.
CREATE INDEX deliveries_by_reference ON deliveries (site, program, reference) WHERE reference IS NOT NULL;

CREATE TABLE commission_changes (
  site       TEXT    NOT NULL,
  delivery   TEXT    NOT NULL,
  number     INTEGER NOT NULL,
  commission TEXT    NOT NULL,
  reason     TEXT,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (site, delivery, number),
  FOREIGN KEY (site, delivery) REFERENCES deliveries (site, id)
) STRICT;

-- Also query deliveries once that were recorded before this migration.
UPDATE deliveries SET commission_due_at = 0 WHERE state = 'recorded';
