-- A clock that was waived because a matter was taken for false goes on when it turns out to be true: with its old times,
-- so that a wrong word hides no late report. Everything else stays as it ended.
DROP TRIGGER report_clock_end_stands ON report_clock;
CREATE TRIGGER report_clock_end_stands BEFORE UPDATE ON report_clock
    FOR EACH ROW WHEN (
        (OLD.state <> 'running' AND (NEW.state, NEW.ended_at, NEW.ended_by, NEW.end_reason)
            IS DISTINCT FROM (OLD.state, OLD.ended_at, OLD.ended_by, OLD.end_reason)
            AND NOT (OLD.state = 'waived' AND NEW.state = 'running' AND NEW.ended_at IS NULL))
        OR (NEW.clock_id, NEW.incident_id, NEW.started_at, NEW.started_by, NEW.due_at)
            IS DISTINCT FROM (OLD.clock_id, OLD.incident_id, OLD.started_at, OLD.started_by, OLD.due_at))
    EXECUTE FUNCTION report_refuse_change();
-- Of what was approved nothing changes any more, whose it was included.
DROP TRIGGER report_approved_stands ON report;
CREATE TRIGGER report_approved_stands BEFORE UPDATE ON report
    FOR EACH ROW WHEN (OLD.state = 'approved' AND NEW IS DISTINCT FROM OLD)
    EXECUTE FUNCTION report_refuse_change();
CREATE INDEX report_clock_waived ON report_clock (incident_id) WHERE state = 'waived';
