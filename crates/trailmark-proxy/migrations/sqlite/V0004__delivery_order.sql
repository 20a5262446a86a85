-- What is held back for a customer's signup is found by the customer's key once that signup is settled. Those held back for
-- a sale are found by the index that counts a sale's refunds.
CREATE INDEX conversions_by_customer ON conversions (site, customer_key, kind) WHERE customer_key IS NOT NULL;
