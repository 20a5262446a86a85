-- What it takes that the backend's word wins over a page's claim, that no step holds the writer long, and that no network takes
-- a whole site's budget. An older binary does not notice.

-- A page's claims that a backend has overruled: asked with every new delivery. The condition is that of the query, to the letter.
CREATE INDEX conversions_overruled ON conversions (site, kind, external_id) WHERE code = 'overruled_by_server';
-- Disputes, for the metric. Of the same condition, likewise.
CREATE INDEX conversions_claimed_by_page ON conversions (site, received_at) WHERE code = 'claimed_by_page';

-- What an accepted conversion still has to do for others, in steps of their own: the refunds that waited for a sale, the sales
-- that were held for a customer, what was held under its key. Written in the transaction that made it so, and taken away in the
-- one that does the last of it. `after` is the id of the last one that was done.
CREATE TABLE owed (
  site  TEXT NOT NULL,
  cause TEXT NOT NULL,
  what  TEXT NOT NULL,
  after TEXT NOT NULL,
  PRIMARY KEY (site, cause, what),
  FOREIGN KEY (site, cause) REFERENCES conversions (site, id)
) STRICT, WITHOUT ROWID;

-- How much was written in each minute, of a whole site (`who` is empty) and of one client network. `who` is a hash under a key
-- that no file holds and that ends with its process, so no row leads back to an address. Minutes that count no more are removed.
CREATE TABLE budget_minutes (
  site    TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  who     BLOB    NOT NULL,
  minute  INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  PRIMARY KEY (site, subject, who, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_minutes_by_age ON budget_minutes (site, minute);

-- Whoever repeats an arrival by its key is found without looking at the others who repeated it.
CREATE INDEX arrivals_by_key ON arrivals (site, id, jkt) WHERE jkt IS NOT NULL;
-- A visitor's newest touch is found without looking at the others, of whom one may have any number.
CREATE INDEX touches_newest ON touches (site, visitor, at, id);
