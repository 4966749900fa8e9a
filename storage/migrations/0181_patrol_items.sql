-- A camera may be taken out of a round, with a reason: it is not counted as looked at.
ALTER TABLE patrol_item DROP CONSTRAINT patrol_item_verdict_check;
ALTER TABLE patrol_item ADD CONSTRAINT patrol_item_verdict_check
    CHECK (verdict IN ('confirmed', 'rejected', 'good', 'missed', 'unseen', 'removed'));
ALTER TABLE patrol_item ADD CONSTRAINT patrol_item_removed_check CHECK (verdict <> 'removed' OR note <> '');
