-- Far ends that cannot call back are asked what a person there says of what they were given.
CREATE TABLE delivery_poll (
    delivery_id uuid PRIMARY KEY REFERENCES delivery ON DELETE CASCADE,
    recipient text NOT NULL,
    polls integer NOT NULL DEFAULT 0 CHECK (polls >= 0),
    next_at timestamptz NOT NULL
);
CREATE INDEX delivery_poll_due ON delivery_poll (recipient, next_at);
-- What waits for a person's answer; the condition is that of storage/link_polls.py.
CREATE INDEX delivery_unanswered ON delivery (recipient, sent_at)
    WHERE state = 'received' AND channel = 'webhook' AND notice IN ('raised', 'report');
