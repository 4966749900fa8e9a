-- What a month's report asks of 200,000 intervals, written down with each: whether the site dropped off with it, and the
-- requirements that it did not meet.
ALTER TABLE compliance_interval
    ADD COLUMN drops boolean NOT NULL DEFAULT false,
    ADD COLUMN requirements text[] NOT NULL DEFAULT '{}';
UPDATE compliance_interval AS c SET
    drops = c.standing = 'dropped' AND NOT EXISTS (
        SELECT FROM compliance_interval AS b WHERE b.site_no = c.site_no AND b.target_id = c.target_id
        AND b.until = c.since AND b.standing = 'dropped'),
    requirements = ARRAY(SELECT DISTINCT one ->> 'requirement' FROM jsonb_array_elements(c.causes) AS one
        WHERE (one -> 'known')::boolean);
