-- The ledger, first version: touches, conversions, who is credited, and the progress of each delivery.
-- Site id leads every primary key, unique key and foreign key, so that rows and queries stay within one site. Times are
-- milliseconds since 1970 in UTC. Words (kind, status, state, ...) are listed only by the Rust types: a new word needs no
-- new table. Only conversion_payloads has names, addresses or free text of persons.

CREATE TABLE signing_keys (
  site        TEXT    NOT NULL,
  kid         TEXT    NOT NULL,
  public_key  BLOB    NOT NULL CHECK (length(public_key) = 32),
  private_key TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  signs_from  INTEGER NOT NULL,
  last_expiry INTEGER,
  retired_at  INTEGER,
  revoked_at  INTEGER,
  PRIMARY KEY (site, kid)
) STRICT, WITHOUT ROWID;

CREATE TABLE visitors (
  site       TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;

-- One arrival id may belong to several visitors: a repeat without the first visitor's cookie or key is a new visitor.
CREATE TABLE arrivals (
  site        TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  visitor     TEXT    NOT NULL,
  jkt         TEXT,
  recorded_at INTEGER NOT NULL,
  PRIMARY KEY (site, id, visitor),
  FOREIGN KEY (site, visitor) REFERENCES visitors (site, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE touches (
  site         TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  visitor      TEXT    NOT NULL,
  program      TEXT    NOT NULL,
  arrival      TEXT    NOT NULL,
  click_id     TEXT,
  partner      TEXT,
  raw_partner  TEXT,
  source       TEXT    NOT NULL,
  twins_differ INTEGER NOT NULL,
  -- Why the vendor could not use the link's key; such a touch is never credited.
  unusable     TEXT    CHECK ((unusable IS NULL) = (click_id IS NOT NULL OR partner IS NOT NULL)),
  landing_url  TEXT    NOT NULL,
  at           INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  recorded_at  INTEGER NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, arrival, visitor) REFERENCES arrivals (site, id, visitor)
) STRICT;
-- A repeated arrival returns the same touch.
CREATE UNIQUE INDEX touches_of_visitor ON touches (site, visitor, program, arrival);
-- The same click is the same touch, in any arrival.
CREATE UNIQUE INDEX touches_of_click ON touches (site, visitor, program, click_id) WHERE click_id IS NOT NULL;
-- For lists, newest first.
CREATE INDEX touches_by_time ON touches (site, recorded_at);

CREATE TABLE conversions (
  site         TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  visitor      TEXT    NOT NULL,
  jti          TEXT    NOT NULL,
  content_hash BLOB    NOT NULL CHECK (length(content_hash) = 32),
  kind         TEXT    NOT NULL,
  external_id  TEXT,
  customer_key TEXT,
  order_key    TEXT,
  amount_minor INTEGER,
  currency     TEXT,
  refund_of    TEXT,
  assurance    TEXT    NOT NULL,
  status       TEXT    NOT NULL,
  code         TEXT,
  -- The first receipt; a replay returns it unchanged, whatever happened to the conversion later.
  receipt      TEXT    NOT NULL,
  occurred_at  INTEGER NOT NULL,
  received_at  INTEGER NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, visitor) REFERENCES visitors (site, id)
) STRICT;
-- The permanent replay key.
CREATE UNIQUE INDEX conversions_replayed ON conversions (site, visitor, jti);
CREATE INDEX conversions_by_time ON conversions (site, received_at);
CREATE INDEX conversions_by_page_id ON conversions (site, jti);

-- Personal data, in a separate table, so that it can be expunged while ledger and hashes stay.
CREATE TABLE conversion_payloads (
  site            TEXT NOT NULL,
  conversion      TEXT NOT NULL,
  email           TEXT,
  name            TEXT,
  data            TEXT NOT NULL,
  items           TEXT NOT NULL,
  signed_customer TEXT,
  signed_order    TEXT,
  PRIMARY KEY (site, conversion),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id)
) STRICT;
-- Operators find a conversion by its customer's e-mail address.
CREATE INDEX payloads_by_email ON conversion_payloads (site, lower(email)) WHERE email IS NOT NULL;

CREATE TABLE decisions (
  site          TEXT    NOT NULL,
  conversion    TEXT    NOT NULL,
  rules_version INTEGER NOT NULL,
  decision      TEXT    NOT NULL,
  PRIMARY KEY (site, conversion),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id)
) STRICT;

-- Which conversion owns a business key in a program. Never expires; freed only if every delivery was rejected and no
-- outcome is unknown.
CREATE TABLE claims (
  site        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  external_id TEXT NOT NULL,
  program     TEXT NOT NULL,
  conversion  TEXT NOT NULL,
  PRIMARY KEY (site, kind, external_id, program),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
  site        TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  conversion  TEXT    NOT NULL,
  program     TEXT    NOT NULL,
  vendor      TEXT    NOT NULL,
  touch       TEXT    NOT NULL,
  generation  INTEGER NOT NULL DEFAULT 1,
  state       TEXT    NOT NULL,
  reason      TEXT,
  due_at      INTEGER,
  attempts    INTEGER NOT NULL DEFAULT 0,
  look_ups    INTEGER NOT NULL DEFAULT 0,
  rounds      INTEGER NOT NULL DEFAULT 0,
  doubt       TEXT,
  settles_at  INTEGER,
  reference   TEXT,
  -- The setting of the refused credential that it waits for.
  paused_by   TEXT,
  -- What the vendor got otherwise than reported: field and reason, as JSON.
  notes       TEXT    NOT NULL DEFAULT '[]',
  lease       BLOB    CHECK (length(lease) = 16),
  lease_until INTEGER CHECK ((lease IS NULL) = (lease_until IS NULL)),
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id),
  FOREIGN KEY (site, touch) REFERENCES touches (site, id)
) STRICT;
CREATE UNIQUE INDEX deliveries_of_conversion ON deliveries (site, conversion, program);
-- A lane's queue.
CREATE INDEX deliveries_due ON deliveries (site, program, due_at, id)
  WHERE lease IS NULL AND due_at IS NOT NULL AND paused_by IS NULL;
-- Deliveries that wait for a credential.
CREATE INDEX deliveries_paused ON deliveries (site, program, paused_by, due_at, id) WHERE paused_by IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (site, program, lease_until) WHERE lease IS NOT NULL;
-- Lists of one state by age, and counts for each lane.
CREATE INDEX deliveries_by_state ON deliveries (site, state, id, program);

CREATE TABLE attempts (
  site        TEXT    NOT NULL,
  delivery    TEXT    NOT NULL,
  generation  INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  lease       BLOB    NOT NULL CHECK (length(lease) = 16),
  purpose     TEXT    NOT NULL,
  class       TEXT,
  request     TEXT    NOT NULL,
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  http_status INTEGER,
  outcome     TEXT,
  message     TEXT,
  PRIMARY KEY (site, delivery, generation, number),
  FOREIGN KEY (site, delivery) REFERENCES deliveries (site, id)
) STRICT;
-- At most one attempt for each lease.
CREATE UNIQUE INDEX attempts_of_lease ON attempts (site, delivery, lease);

CREATE TABLE lanes (
  site            TEXT    NOT NULL,
  program         TEXT    NOT NULL,
  spent_milli     INTEGER NOT NULL,
  counted_at      INTEGER,
  failures        INTEGER NOT NULL,
  broken_until    INTEGER,
  throttled_until INTEGER,
  down_probe_at   INTEGER,
  -- Refused credentials: setting, reason, start, and time of the next try, as JSON.
  pauses          TEXT    NOT NULL,
  PRIMARY KEY (site, program)
) STRICT, WITHOUT ROWID;

-- Operators' changes.
CREATE TABLE operator_changes (
  site         TEXT    NOT NULL,
  delivery     TEXT    NOT NULL,
  number       INTEGER NOT NULL,
  change       TEXT    NOT NULL,
  state_before TEXT    NOT NULL,
  state_after  TEXT    NOT NULL,
  changed_at   INTEGER NOT NULL,
  PRIMARY KEY (site, delivery, number),
  FOREIGN KEY (site, delivery) REFERENCES deliveries (site, id)
) STRICT;

-- Numbers of rows by word, updated by the triggers below: intake reads the backlog with every conversion and metrics read it
-- every few seconds, so counting all rows would be too slow. `store check` compares them with a full count.
CREATE TABLE tallies (
  site    TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  word    TEXT    NOT NULL,
  number  INTEGER NOT NULL,
  PRIMARY KEY (site, subject, word)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER touches_counted AFTER INSERT ON touches BEGIN
  INSERT INTO tallies VALUES (NEW.site, 'touch', NEW.source, 1)
    ON CONFLICT (site, subject, word) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER conversions_counted AFTER INSERT ON conversions BEGIN
  INSERT INTO tallies VALUES (NEW.site, 'conversion', NEW.status, 1)
    ON CONFLICT (site, subject, word) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER conversions_recounted AFTER UPDATE OF status ON conversions WHEN OLD.status <> NEW.status BEGIN
  UPDATE tallies SET number = number - 1 WHERE site = OLD.site AND subject = 'conversion' AND word = OLD.status;
  INSERT INTO tallies VALUES (NEW.site, 'conversion', NEW.status, 1)
    ON CONFLICT (site, subject, word) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER deliveries_counted AFTER INSERT ON deliveries BEGIN
  INSERT INTO tallies VALUES (NEW.site, 'delivery', NEW.state, 1)
    ON CONFLICT (site, subject, word) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER deliveries_recounted AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN
  UPDATE tallies SET number = number - 1 WHERE site = OLD.site AND subject = 'delivery' AND word = OLD.state;
  INSERT INTO tallies VALUES (NEW.site, 'delivery', NEW.state, 1)
    ON CONFLICT (site, subject, word) DO UPDATE SET number = number + 1;
END;
