-- Who holds the lease of a delivery: a process that is started anew gives back what the one before it held, instead of
-- letting an alarm wait until the lease has run out.
ALTER TABLE delivery ADD COLUMN leased_by text;
CREATE INDEX delivery_leased ON delivery (leased_by) WHERE state = 'queued' AND leased_by IS NOT NULL;
