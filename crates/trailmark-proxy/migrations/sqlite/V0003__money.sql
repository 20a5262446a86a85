-- For money and claims: indexes to find a conversion by its business key and refunds by their sale, and a record of changes
-- after the receipt. An older binary ignores this.

-- Finds earlier conversions with the same key; used with every conversion.
CREATE INDEX conversions_by_key ON conversions (site, kind, external_id) WHERE external_id IS NOT NULL;
-- Finds refunds of a sale, accepted or waiting.
CREATE INDEX conversions_by_sale ON conversions (site, refund_of) WHERE refund_of IS NOT NULL;

CREATE TABLE conversion_changes (
  site       TEXT    NOT NULL,
  conversion TEXT    NOT NULL,
  number     INTEGER NOT NULL,
  change     TEXT    NOT NULL,
  -- An operator's reason.
  reason     TEXT,
  -- The conversion that closed it or that it waited for.
  cause      TEXT,
  status     TEXT    NOT NULL,
  code       TEXT,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (site, conversion, number),
  FOREIGN KEY (site, conversion) REFERENCES conversions (site, id),
  FOREIGN KEY (site, cause) REFERENCES conversions (site, id)
) STRICT;
