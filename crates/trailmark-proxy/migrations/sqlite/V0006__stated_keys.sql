-- Whether a key is taken is checked before every conversion. One key may have any number of held conversions, which must not
-- be read each time. The condition must equal the query's literally. An older binary ignores this.
CREATE INDEX conversions_stated ON conversions (site, kind, external_id)
  WHERE status = 'accepted' OR (assurance = 'server' AND status IN ('unattributed', 'held'));
