-- Programs with the same account at a vendor share the lane of the account's first program. The proxy writes this at each start
-- from its configuration and joins the programs' rows of `lanes`; nothing that is made from a credential is stored. The lane may
-- be another site's: a lane belongs to the operator's account at the vendor and has no data of a site. An older binary
-- ignores this.
CREATE TABLE shared_lanes (
  site         TEXT NOT NULL,
  program      TEXT NOT NULL,
  lane_site    TEXT NOT NULL,
  lane_program TEXT NOT NULL,
  PRIMARY KEY (site, program)
) STRICT, WITHOUT ROWID;
