-- What vendors send by themselves, and what became of commissions. A webhook is kept as it came before it is answered, and
-- interpreted afterwards; its state is the Rust type's word. An older binary does not notice.

CREATE TABLE webhooks (
  site           TEXT    NOT NULL,
  id             TEXT    NOT NULL,
  program        TEXT    NOT NULL,
  body_hash      BLOB    NOT NULL CHECK (length(body_hash) = 32),
  body_bytes     INTEGER NOT NULL,
  state          TEXT    NOT NULL,
  -- The event's name, once it is read.
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
-- Lists of one state, counts, and which settled one leaves first when there are too many.
CREATE INDEX webhooks_by_state ON webhooks (site, state, id);

-- Vendors write personal data into them, so bodies stand apart, as those of conversions do.
CREATE TABLE webhook_payloads (
  site    TEXT NOT NULL,
  webhook TEXT NOT NULL,
  body    BLOB NOT NULL,
  PRIMARY KEY (site, webhook),
  FOREIGN KEY (site, webhook) REFERENCES webhooks (site, id) ON DELETE CASCADE
) STRICT;

-- Whom an unmatched one is about: it is read again when a delivery of theirs is recorded.
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
-- How much it is, where the vendor tells.
ALTER TABLE deliveries ADD COLUMN commission_minor INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_currency TEXT;
-- When the vendor was last heard of it, and when it is asked next.
ALTER TABLE deliveries ADD COLUMN commission_at INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_due_at INTEGER;
-- Questions are numbered: an answer to an earlier one never overwrites an answer to a later one, whatever the clock does.
ALTER TABLE deliveries ADD COLUMN commission_asked INTEGER NOT NULL DEFAULT 0;
-- What the last question was and what was answered, for people.
ALTER TABLE deliveries ADD COLUMN commission_said TEXT;
ALTER TABLE deliveries ADD COLUMN commission_asked_at INTEGER;
ALTER TABLE deliveries ADD COLUMN commission_told INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_to_ask ON deliveries (site, program, commission_due_at, id) WHERE commission_due_at IS NOT NULL;
-- What a partner's change concerns.
CREATE INDEX touches_of_partner ON touches (site, partner, program) WHERE partner IS NOT NULL;
CREATE INDEX deliveries_of_touch ON deliveries (site, touch);
-- Whose a vendor's own key is.
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

-- What was recorded before this is asked for once, too.
UPDATE deliveries SET commission_due_at = 0 WHERE state = 'recorded';
