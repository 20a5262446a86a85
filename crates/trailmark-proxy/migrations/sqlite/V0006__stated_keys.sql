-- Whether a key stands is asked before every conversion, and anybody may have any number held under one key: they must not
-- be gone through each time. The condition is that of the query, to the letter. An older binary does not notice.
CREATE INDEX conversions_stated ON conversions (site, kind, external_id)
  WHERE status = 'accepted' OR (assurance = 'server' AND status IN ('unattributed', 'held'));
