-- Load on operators: what called them, by time, without reading whole timelines.
CREATE INDEX incident_entry_calls ON incident_entry (at, incident_id) WHERE kind IN ('raised', 'raised_again', 'repeated');
