-- When the receipt of a delivery was here, by our time. It decides whether a report was in time: that the other side's
-- broker had it, or that it was sent, does not.
ALTER TABLE delivery ADD COLUMN receipted_at timestamptz;
UPDATE delivery SET receipted_at = sent_at WHERE notice = 'report' AND state IN ('received', 'accepted', 'refused');

-- What proves that something arrived, and when, is written once.
CREATE FUNCTION delivery_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'delivery %: when it was sent and receipted stands', coalesce(OLD.delivery_id, NEW.delivery_id)
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER delivery_proof_stands BEFORE UPDATE ON delivery
    FOR EACH ROW WHEN (
        (OLD.sent_at IS NOT NULL AND NEW.sent_at IS DISTINCT FROM OLD.sent_at)
        OR (OLD.receipted_at IS NOT NULL AND NEW.receipted_at IS DISTINCT FROM OLD.receipted_at)
        OR (OLD.receipt_id IS NOT NULL AND NEW.receipt_id IS DISTINCT FROM OLD.receipt_id))
    EXECUTE FUNCTION delivery_refuse_change();

-- The receipt of a report goes to the lines that stay, and to the chain, in the transaction that writes it down, with
-- the database's own time and who wrote it. The clock of the report goes by this line. A receipt from before something
-- that is on record already (a minute is for clocks of several machines) was made up.
CREATE FUNCTION report_receipted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    receipted record;
    evidence jsonb;
BEGIN
    FOR receipted IN SELECT r.clock_id, r.report_id FROM report AS r WHERE r.delivery_id = NEW.delivery_id LOOP
        IF NEW.receipted_at < (
            SELECT max(e.at) FROM report_event AS e WHERE e.clock_id = receipted.clock_id) - interval '1 minute'
        THEN
            RAISE EXCEPTION 'a receipt of % is older than what is on record of this report', NEW.receipted_at
                USING ERRCODE = 'restrict_violation';
        END IF;
        evidence := jsonb_build_object(
            'receipt_id', NEW.receipt_id, 'written_at', clock_timestamp(), 'written_by', session_user,
            'program', current_setting('application_name'));
        INSERT INTO report_event (clock_id, report_id, at, kind, actor, detail)
            VALUES (receipted.clock_id, receipted.report_id, NEW.receipted_at, 'receipted', NEW.recipient, evidence);
        INSERT INTO audit_entry (at, actor, action, subject, detail)
            VALUES (NEW.receipted_at, 'system', 'report.receipted', receipted.report_id::text,
                evidence || jsonb_build_object('link', NEW.recipient));
        PERFORM pg_notify('campuswatch_report', receipted.clock_id::text);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER report_receipted AFTER UPDATE ON delivery
    FOR EACH ROW WHEN (NEW.notice = 'report' AND OLD.receipted_at IS NULL AND NEW.receipted_at IS NOT NULL)
    EXECUTE FUNCTION report_receipted();

-- What was receipted before there was such a line.
INSERT INTO report_event (clock_id, report_id, at, kind, actor, detail)
    SELECT r.clock_id, r.report_id, d.receipted_at, 'receipted', d.recipient, '{}'
    FROM report AS r JOIN delivery AS d USING (delivery_id) WHERE d.receipted_at IS NOT NULL;

-- Nobody writes such a line beside the receipt.
CREATE FUNCTION report_refuse_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a receipt is written with its delivery alone' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER report_receipt_by_delivery BEFORE INSERT ON report_event
    FOR EACH ROW WHEN (NEW.kind = 'receipted') EXECUTE FUNCTION report_refuse_receipt();
-- A delivery comes into the world unreceipted.
CREATE TRIGGER delivery_begins_unreceipted BEFORE INSERT ON delivery
    FOR EACH ROW WHEN (NEW.receipted_at IS NOT NULL) EXECUTE FUNCTION delivery_refuse_change();
