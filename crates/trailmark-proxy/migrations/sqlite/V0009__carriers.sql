-- Carriers: what a link to another host of the site carries, so that the visit is known there without a shared cookie. A row
-- counts for half an hour and once; later ones remove it. An older binary ignores this.
CREATE TABLE carriers (
  site        TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  visitor     TEXT    NOT NULL,
  recorded_at INTEGER NOT NULL,
  used_at     INTEGER,
  -- The browser key of the page that used it; NULL if that page had none.
  used_by     TEXT    CHECK (used_by IS NULL OR used_at IS NOT NULL),
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, visitor) REFERENCES visitors (site, id)
) STRICT, WITHOUT ROWID;
-- For removal, the oldest first.
CREATE INDEX carriers_by_time ON carriers (site, recorded_at);
