"""Kinds of links, their supervision and what starts the two-hour clock, as settings have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from campuswatch.roles.links import cap_address, supervision_plan, what_starts
from campuswatch.settings import Settings, load_settings
from domain.errors import SettingsError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text.replace("SECRET", f'secret = "{SECRET}"'), "utf-8")
    return load_settings(file, {})


def test_a_link_is_a_webhook_that_hears_of_drills_unless_it_is_said(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[links.police]\nurl = "https://a.example/x"\nSECRET\ndrills = false\n'
        '[links.education]\nkind = "cap"\nurl = "https://b.example/x"\nSECRET\n',
    )
    assert settings.links["police"].kind == "webhook"
    assert settings.drill_links() == ("education",)
    address = cap_address("education", settings.links["education"])
    assert (address.scope, address.addresses) == ("Private", ("education",))


def test_a_restricted_document_needs_no_addresses(tmp_path: Path) -> None:
    settings = read(
        tmp_path, '[links.police]\nkind = "cap"\nurl = "https://a.example/x"\nSECRET\nrestriction = "公安内部"\n'
    )
    address = cap_address("police", settings.links["police"])
    assert (address.scope, address.restriction, address.addresses) == ("Restricted", "公安内部", ())


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ('kind = "mqtt"\nurl = "https://a.example/x"', "links.police.url: expected mqtts://"),
        ('kind = "mqtt"\nurl = "mqtt://a.example"', "links.police.url: expected mqtts://"),
        ('kind = "mqtt"\nurl = "mqtts://user:sesame@a.example"', "links.police.url: expected mqtts://"),
        ('kind = "mqtt"\nurl = "mqtts://a.example"\ntopic = "a/#"', "links.police.topic"),
        ('kind = "cap"\nurl = "https://a.example/x"\nsender = "a b"', "links.police.sender: expected no space"),
        ('kind = "fax"\nurl = "https://a.example/x"', "links.police.kind"),
    ],
)
def test_what_a_link_cannot_be_is_refused_by_its_field(tmp_path: Path, more: str, fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, f"[links.police]\n{more}\nSECRET\n")
    assert any(fault in one for one in refused.value.faults), refused.value.faults
    assert "sesame" not in str(refused.value)


def test_a_silent_link_is_noticed_within_200_s_whatever_is_set(tmp_path: Path) -> None:
    plan = supervision_plan(read(tmp_path, "[supervision]\nheartbeat_s = 60\nsilent_s = 120\ntest_hours = 12\n"))
    assert (plan.heartbeat_s, plan.silent_s, plan.test_s) == (60.0, 120.0, 43_200.0)
    with pytest.raises(SettingsError, match="180"):
        read(tmp_path, "[supervision]\nheartbeat_s = 60\nsilent_s = 130\n")


def test_what_starts_the_clock_is_said_by_rule_category_and_severity(tmp_path: Path) -> None:
    usual = what_starts(read(tmp_path, ""))
    assert {(one.category, one.severity, one.unverified) for one in usual} == {
        ("panic", "critical", False),
        ("fire", "critical", False),
    }
    (one,) = what_starts(read(tmp_path, '[[reporting.starts]]\nrule = "gas_alarm"\nunverified = true\n'))
    assert (one.rule, one.category, one.unverified) == ("gas_alarm", "", True)
