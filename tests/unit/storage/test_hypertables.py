from __future__ import annotations

import re

from storage.hypertables import HYPERTABLES, RETENTION_DAYS, TimescaleLevel, level_statements
from storage.observations import storable_text


def _text(level: TimescaleLevel) -> str:
    return "\n".join(level_statements(level))


def test_plain_postgresql_is_asked_for_nothing_that_it_has_not() -> None:
    assert not re.search("hypertable|timescaledb|time_bucket|policy", _text(TimescaleLevel.NONE))
    assert "CREATE OR REPLACE VIEW reading_hourly" in _text(TimescaleLevel.NONE)


def test_the_apache_licence_is_asked_for_hypertables_and_nothing_of_the_community_licence() -> None:
    text = _text(TimescaleLevel.APACHE)
    assert text.count("create_hypertable(") == len(HYPERTABLES)
    assert not re.search("compress|policy|continuous|time_bucket", text)


def test_the_full_level_compresses_and_drops_every_hypertable_and_aggregates_readings() -> None:
    text = _text(TimescaleLevel.FULL)
    for table, (segment_by, order_by) in HYPERTABLES.items():
        assert f"create_hypertable('{table}', 'ts'" in text
        assert f"add_compression_policy('{table}', INTERVAL '7 days', if_not_exists => true)" in text
        assert f"add_retention_policy('{table}', make_interval(days => {RETENTION_DAYS[table]})" in text
        assert f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segment_by}'" in text
        assert f"timescaledb.compress_orderby = '{order_by}'" in text
    assert "timescaledb.continuous" in text
    assert "materialized_only = false" in text, "the newest hour is seen too"


def test_compression_comes_before_retention_or_there_would_be_nothing_to_compress() -> None:
    assert all(days > 7 for days in RETENTION_DAYS.values())
    assert RETENTION_DAYS.keys() == HYPERTABLES.keys()


def test_the_full_level_can_run_again() -> None:
    """Every statement says what to do where it is done already."""
    for statement in level_statements(TimescaleLevel.FULL):
        again = ("if_not_exists => true", "IF NOT EXISTS", "ALTER TABLE", "DO $$")
        assert any(words in statement for words in again), statement


def test_hourly_rows_have_the_same_columns_on_every_level() -> None:
    columns = [set(re.findall(r"\bAS (\w+)", _text(level).partition("reading_hourly")[2])) for level in TimescaleLevel]
    for found in columns:
        assert {"hour", "mean", "low", "high", "samples"} <= found


def test_text_is_made_storable_without_getting_longer() -> None:
    assert storable_text("a\x00b", 10) == "a\ufffdb"
    assert storable_text("\ud800x", 10) == "?x"
    assert storable_text("烟感" * 10, 3) == "烟感烟"
