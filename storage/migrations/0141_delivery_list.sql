-- The page of deliveries: the newest first, and those that were given up.
CREATE INDEX delivery_newest ON delivery (created_at DESC, delivery_id DESC);
CREATE INDEX delivery_given_up ON delivery (created_at DESC, delivery_id DESC) WHERE state = 'failed';
