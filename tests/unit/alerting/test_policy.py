from __future__ import annotations

import pytest

from alerting.policy import tells_duty_leader, tells_links
from tests.unit.alerting.findings import finding


@pytest.mark.parametrize(
    ("rule", "links", "leader"),
    [
        ("one_key_alarm", True, True),
        ("smoke_alarm", True, True),
        ("temperature_rise", False, True),
        ("intrusion_alarm", False, True),
        ("tamper", False, True),
        ("heartbeat_lost", False, False),
        ("doubtful_alarm", False, True),
    ],
)
def test_who_is_told_of_what(rule: str, links: bool, leader: bool) -> None:
    found = finding(rule)
    assert (tells_links(found), tells_duty_leader(found)) == (links, leader)
    drill = finding(rule, drill=True)
    assert (tells_links(drill), tells_duty_leader(drill)) == (links, leader), "a drill goes the same way"
    test = finding(rule, test=True)
    assert (tells_links(test), tells_duty_leader(test)) == (links, False), "a test disturbs no leader"
