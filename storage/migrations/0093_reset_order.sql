-- Reset incidents that wait to be closed, the newest first: the wall follows these beside the open ones.
CREATE INDEX incident_reset_order ON incident (changed_at DESC) WHERE state = 'reset';
