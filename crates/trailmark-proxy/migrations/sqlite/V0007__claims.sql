-- Lets the backend overrule a page's claim, keeps each transaction short, and limits one network's share of a site's budget.
-- An older binary ignores this.

-- Pages' overruled claims; read with every new delivery. The condition must equal the query's literally.
CREATE INDEX conversions_overruled ON conversions (site, kind, external_id) WHERE code = 'overruled_by_server';
-- Disputes, for the metric. The same holds for its condition.
CREATE INDEX conversions_claimed_by_page ON conversions (site, received_at) WHERE code = 'claimed_by_page';

-- Follow-up work of an accepted conversion, done in separate transactions: refunds that waited for a sale, sales that were
-- held for a customer, held conversions with its key. Written in the conversion's transaction, deleted in the last step.
-- `after` is the id of the last finished follower.
CREATE TABLE owed (
  site  TEXT NOT NULL,
  cause TEXT NOT NULL,
  what  TEXT NOT NULL,
  after TEXT NOT NULL,
  PRIMARY KEY (site, cause, what),
  FOREIGN KEY (site, cause) REFERENCES conversions (site, id)
) STRICT, WITHOUT ROWID;

-- Number of writes in each minute, for a whole site (`who` is empty) and for one client network. `who` is a hash with a key
-- that is never stored and ends with its process, so no row leads back to an address. Old minutes are deleted.
CREATE TABLE budget_minutes (
  site    TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  who     BLOB    NOT NULL,
  minute  INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  PRIMARY KEY (site, subject, who, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_minutes_by_age ON budget_minutes (site, minute);

-- Finds the visitor who repeats an arrival by its key, without reading other repeats.
CREATE INDEX arrivals_by_key ON arrivals (site, id, jkt) WHERE jkt IS NOT NULL;
-- Finds a visitor's newest touch without reading the others, of which there may be any number.
CREATE INDEX touches_newest ON touches (site, visitor, at, id);
