-- What retention looks for (storage/retention.py): deliveries of no incident by their age, and the report of a delivery.
CREATE INDEX delivery_apart ON delivery (created_at) WHERE incident_id IS NULL;
CREATE INDEX report_delivery ON report (delivery_id) WHERE delivery_id IS NOT NULL;
