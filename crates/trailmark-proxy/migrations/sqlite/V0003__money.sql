-- What money and claims need: a conversion is found by its business key, refunds by their sale, and what became of a held
-- conversion after its receipt is on record. An older binary does not notice.

-- Who stated a key before: asked with every conversion.
CREATE INDEX conversions_by_key ON conversions (site, kind, external_id) WHERE external_id IS NOT NULL;
-- What was refunded of a sale, and what waits for it.
CREATE INDEX conversions_by_sale ON conversions (site, refund_of) WHERE refund_of IS NOT NULL;

CREATE TABLE conversion_changes (
  site       TEXT    NOT NULL,
  conversion TEXT    NOT NULL,
  number     INTEGER NOT NULL,
  change     TEXT    NOT NULL,
  -- An operator's, for the record.
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
