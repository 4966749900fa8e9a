-- The queue in its own order, so that a page of it reads a page and not the whole queue.
CREATE INDEX incident_queue_order ON incident
    ((state NOT IN ('raised', 'returned')), severity_rank, raised_at DESC, number DESC)
    WHERE state IN ('raised', 'acknowledged', 'returned', 'normal');
-- Load on operators: what was open at a moment, and what was answered when.
CREATE INDEX incident_by_acknowledgement ON incident (acknowledged_at) WHERE acknowledged_at IS NOT NULL;

-- What a request that carried an Idempotency-Key made, so that the same one again is answered alike.
ALTER TABLE action_key ADD COLUMN result text NOT NULL DEFAULT '';
