-- Finds deliveries that wait for a customer's signup by the customer's key. The index conversions_by_sale finds those that
-- wait for a sale.
CREATE INDEX conversions_by_customer ON conversions (site, customer_key, kind) WHERE customer_key IS NOT NULL;
