"""What each route asks for: the permission, and how far somebody who is bound to sites gets. By name of the route.

A route that stands not here does not come up: `declared` refuses the application. So nothing is ever open because
somebody forgot it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from starlette.routing import BaseRoute

from domain.access import Permission


class Reach(Enum):
    """What somebody may reach who is bound to sites, as school officers are."""

    ANY = auto()  # nothing in it belongs to a site
    DISTRICT = auto()  # it is about the whole district: refused
    SITE = auto()  # what belongs to the site in the path, if it is one of his
    INCIDENT = auto()  # the incident in the path, if it is at one of his
    WITHIN = auto()  # the route itself cuts what it shows or changes to his sites (`dashboards.people.sites`)


class Rule(NamedTuple):
    """``permission`` None: nobody has to sign in; the route looks itself at who asks (a signature, a password).
    ``local``: whoever asks from this machine does not have to either.
    """

    permission: Permission | None
    reach: Reach
    local: bool = False


OPEN = Rule(None, Reach.ANY)

RULES: dict[str, Rule] = {
    # signing in
    "get_session": OPEN,
    "begin_session": OPEN,
    "begin_at_provider": OPEN,
    "finish_at_provider": OPEN,
    "sign_out": Rule(Permission.SELF, Reach.ANY),
    "change_password": Rule(Permission.SELF, Reach.ANY),
    "list_own_sessions": Rule(Permission.SELF, Reach.ANY),
    "end_own_sessions": Rule(Permission.SELF, Reach.ANY),
    "end_own_session": Rule(Permission.SELF, Reach.ANY),
    "list_own_tokens": Rule(Permission.SELF, Reach.ANY),
    "add_own_token": Rule(Permission.SELF, Reach.ANY),
    "revoke_own_token": Rule(Permission.SELF, Reach.ANY),
    # accounts
    "list_roles": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "list_accounts": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "add_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "get_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "change_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "disable_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "enable_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "unlock_account": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "reset_password": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "list_account_sessions": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "end_account_sessions": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "end_account_session": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "list_tokens": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "add_token": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    "revoke_token": Rule(Permission.ACCOUNTS, Reach.DISTRICT),
    # signed by their links
    "show": OPEN,
    "act": OPEN,
    "key_pressed": OPEN,
    "answer_delivery": OPEN,
    # this server
    "get_health": OPEN,
    "get_metrics": Rule(Permission.WATCH, Reach.DISTRICT, local=True),  # Prometheus
    # the wall
    "get_wall": Rule(Permission.SEE, Reach.WITHIN),
    "explain_stream": Rule(Permission.SEE, Reach.ANY),
    "stream": Rule(Permission.SEE, Reach.WITHIN),
    # sites
    "list_sites": Rule(Permission.SEE, Reach.WITHIN),
    "get_site": Rule(Permission.SEE, Reach.SITE),
    "list_devices": Rule(Permission.SEE, Reach.SITE),
    "get_device": Rule(Permission.SEE, Reach.SITE),
    "get_device_past": Rule(Permission.SEE, Reach.SITE),
    "list_all_devices": Rule(Permission.SEE, Reach.WITHIN),
    # incidents
    "list_incidents": Rule(Permission.SEE, Reach.WITHIN),
    "get_incident": Rule(Permission.SEE, Reach.INCIDENT),
    "get_attachment": Rule(Permission.SEE, Reach.INCIDENT),
    "get_response": Rule(Permission.SEE, Reach.INCIDENT),
    "list_verification_reasons": Rule(Permission.SEE, Reach.ANY),
    "acknowledge_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "reset_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "close_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "verify_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "reclassify_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "merge_incident": Rule(Permission.HANDLE, Reach.DISTRICT),  # names a second incident
    "split_incident": Rule(Permission.HANDLE, Reach.DISTRICT),
    "shelve_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "unshelve_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "assign_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "unassign_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "take_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "decline_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "grade_incident": Rule(Permission.HANDLE, Reach.INCIDENT),
    "tick_item": Rule(Permission.HANDLE, Reach.INCIDENT),
    "add_note": Rule(Permission.NOTE, Reach.INCIDENT),
    "attach_file": Rule(Permission.NOTE, Reach.INCIDENT),
    # maintenance
    "list_windows": Rule(Permission.SEE, Reach.WITHIN),
    "list_held": Rule(Permission.SEE, Reach.WITHIN),
    "open_window": Rule(Permission.MAINTAIN, Reach.DISTRICT),
    "end_window": Rule(Permission.MAINTAIN, Reach.DISTRICT),
    # what came in
    "get_ledger": Rule(Permission.WATCH, Reach.DISTRICT),
    "get_journals": Rule(Permission.WATCH, Reach.DISTRICT),
    "list_quarantine": Rule(Permission.WATCH, Reach.DISTRICT),
    "list_unregistered_devices": Rule(Permission.WATCH, Reach.DISTRICT),
    "replay_quarantine": Rule(Permission.INTAKE, Reach.DISTRICT),
    "adopt_device": Rule(Permission.INTAKE, Reach.DISTRICT),
    "get_registry_template": Rule(Permission.IMPORT, Reach.DISTRICT),
    "import_registry": Rule(Permission.IMPORT, Reach.DISTRICT),
    # duty and response
    "who": Rule(Permission.SEE, Reach.WITHIN),
    "list_people": Rule(Permission.SEE, Reach.DISTRICT),
    "list_shifts": Rule(Permission.SEE, Reach.DISTRICT),
    "audit": Rule(Permission.SEE, Reach.DISTRICT),
    "get_duty_calendar": Rule(Permission.SEE, Reach.DISTRICT),
    "add_duty_shift": Rule(Permission.ROSTER, Reach.DISTRICT),
    "remove_duty_shift": Rule(Permission.ROSTER, Reach.DISTRICT),
    "add_duty_pattern": Rule(Permission.ROSTER, Reach.DISTRICT),
    "remove_duty_pattern": Rule(Permission.ROSTER, Reach.DISTRICT),
    "void_override": Rule(Permission.ROSTER, Reach.DISTRICT),
    "put_duty_requirements": Rule(Permission.ROSTER, Reach.DISTRICT),
    "add_override": Rule(Permission.ROSTER, Reach.DISTRICT),
    "add_swap": Rule(Permission.ROSTER, Reach.DISTRICT),
    "add_handover": Rule(Permission.ROSTER, Reach.DISTRICT),
    "test_contact": Rule(Permission.ROSTER, Reach.DISTRICT),
    "get_plan": Rule(Permission.SEE, Reach.DISTRICT),
    "get_templates": Rule(Permission.SEE, Reach.DISTRICT),
    "put_plan": Rule(Permission.PLAN, Reach.DISTRICT),
    # the registry
    "get_guards": Rule(Permission.STAFF, Reach.WITHIN),
    "get_guard": Rule(Permission.STAFF, Reach.WITHIN),
    "put_guard": Rule(Permission.REGISTER, Reach.WITHIN),
    "remove_guard": Rule(Permission.REGISTER, Reach.WITHIN),
    "reveal_phone": Rule(Permission.PHONE, Reach.WITHIN),
    "get_shifts": Rule(Permission.STAFF, Reach.WITHIN),
    "plan_shifts": Rule(Permission.REGISTER, Reach.WITHIN),
    "cancel_shift": Rule(Permission.REGISTER, Reach.WITHIN),
    "get_check_ins": Rule(Permission.STAFF, Reach.WITHIN),
    "check_in": Rule(Permission.PRESENCE, Reach.WITHIN),
    "get_posts": Rule(Permission.SEE, Reach.WITHIN),
    "put_post": Rule(Permission.REGISTER, Reach.SITE),
    "remove_post": Rule(Permission.REGISTER, Reach.SITE),
    "report": Rule(Permission.PRESENCE, Reach.SITE),
    "get_post_reports": Rule(Permission.SEE, Reach.WITHIN),
    "get_officers": Rule(Permission.STAFF, Reach.WITHIN),
    "put_officer": Rule(Permission.REGISTER, Reach.SITE),
    "remove_officer": Rule(Permission.REGISTER, Reach.SITE),
    "get_gates": Rule(Permission.SEE, Reach.WITHIN),
    "put_gate": Rule(Permission.REGISTER, Reach.SITE),
    "give_up_gate": Rule(Permission.REGISTER, Reach.SITE),
    "get_barriers": Rule(Permission.SEE, Reach.WITHIN),
    "put_barrier": Rule(Permission.REGISTER, Reach.SITE),
    "remove_barrier": Rule(Permission.REGISTER, Reach.SITE),
    "get_inspections": Rule(Permission.SEE, Reach.SITE),
    "record_inspection": Rule(Permission.REGISTER, Reach.SITE),
    "get_bells": Rule(Permission.SEE, Reach.SITE),
    "put_bells": Rule(Permission.REGISTER, Reach.SITE),
    "remove_bells": Rule(Permission.REGISTER, Reach.SITE),
    "get_enrolment": Rule(Permission.SEE, Reach.SITE),
    "put_enrolment": Rule(Permission.YEARBOOK, Reach.SITE),
    "get_calendar": Rule(Permission.SEE, Reach.ANY),
    "put_year": Rule(Permission.YEARBOOK, Reach.DISTRICT),
    "remove_year": Rule(Permission.YEARBOOK, Reach.DISTRICT),
    # targets
    "list_targets": Rule(Permission.SEE, Reach.ANY),
    "get_target": Rule(Permission.SEE, Reach.ANY),
    "define_target": Rule(Permission.TARGETS, Reach.DISTRICT),
    "get_compliance": Rule(Permission.SEE, Reach.WITHIN),
    "get_rates": Rule(Permission.SEE, Reach.WITHIN),
    "get_days": Rule(Permission.SEE, Reach.WITHIN),
    "get_site_compliance": Rule(Permission.SEE, Reach.SITE),
    "get_site_history": Rule(Permission.SEE, Reach.SITE),
    "list_self_tests": Rule(Permission.SEE, Reach.WITHIN),
    "get_compliance_report": Rule(Permission.SEE, Reach.WITHIN),
    # reports up the line, warnings, links
    "list_clocks": Rule(Permission.SEE, Reach.DISTRICT),
    "get_clock": Rule(Permission.SEE, Reach.DISTRICT),
    "start_clock": Rule(Permission.REPORT, Reach.DISTRICT),
    "draft_report": Rule(Permission.REPORT, Reach.DISTRICT),
    "edit_report": Rule(Permission.REPORT, Reach.DISTRICT),
    "approve_report": Rule(Permission.APPROVE, Reach.DISTRICT),
    "waive_clock": Rule(Permission.APPROVE, Reach.DISTRICT),
    "list_warnings": Rule(Permission.SEE, Reach.WITHIN),
    "get_warning": Rule(Permission.SEE, Reach.WITHIN),
    "issue_warning": Rule(Permission.WARN, Reach.DISTRICT),
    "cancel_warning": Rule(Permission.WARN, Reach.DISTRICT),
    "read_warning": Rule(Permission.READ_WARNING, Reach.WITHIN),
    "list_deliveries": Rule(Permission.SEE, Reach.DISTRICT),
    "list_links": Rule(Permission.SEE, Reach.DISTRICT),
    "resend_delivery": Rule(Permission.LINKS, Reach.DISTRICT),
    "test_link": Rule(Permission.LINKS, Reach.DISTRICT),
    "pause_link": Rule(Permission.LINKS, Reach.DISTRICT),
    "resume_link": Rule(Permission.LINKS, Reach.DISTRICT),
    # rules
    "list_rules": Rule(Permission.SEE, Reach.DISTRICT),
    "rule_schema": Rule(Permission.SEE, Reach.ANY),
    "check_rule": Rule(Permission.SEE, Reach.DISTRICT),
    "get_rule": Rule(Permission.SEE, Reach.DISTRICT),
    "put_rule": Rule(Permission.RULES, Reach.DISTRICT),
    "disable_rule": Rule(Permission.RULES, Reach.DISTRICT),
    "enable_rule": Rule(Permission.RULES, Reach.DISTRICT),
    "list_trials": Rule(Permission.SEE, Reach.DISTRICT),
    "get_trial": Rule(Permission.SEE, Reach.DISTRICT),
    "start_trial": Rule(Permission.RULES, Reach.DISTRICT),
    "cancel_trial": Rule(Permission.RULES, Reach.DISTRICT),
    # cameras and the patrol
    "get_patrol": Rule(Permission.SEE, Reach.DISTRICT),
    "get_cameras": Rule(Permission.SEE, Reach.WITHIN),
    "get_camera": Rule(Permission.SEE, Reach.SITE),
    "get_camera_picture": Rule(Permission.SEE, Reach.SITE),
    "get_camera_reference": Rule(Permission.SEE, Reach.SITE),
    "get_camera_evidence": Rule(Permission.SEE, Reach.SITE),
    "teach_camera": Rule(Permission.PATROL, Reach.SITE),
    "get_camera_availability": Rule(Permission.SEE, Reach.WITHIN),
    "list_patrol_rounds": Rule(Permission.SEE, Reach.DISTRICT),
    "get_patrol_round": Rule(Permission.SEE, Reach.DISTRICT),
    "start_patrol_round": Rule(Permission.PATROL, Reach.DISTRICT),
    "judge_patrol_item": Rule(Permission.PATROL, Reach.DISTRICT),
    "end_patrol_round": Rule(Permission.PATROL, Reach.DISTRICT),
    "get_patrol_round_report": Rule(Permission.SEE, Reach.DISTRICT),
    "get_patrol_report": Rule(Permission.SEE, Reach.DISTRICT),
    "list_camera_hazards": Rule(Permission.SEE, Reach.WITHIN),
    "strike_off_camera_hazard": Rule(Permission.PATROL, Reach.DISTRICT),
    # looking back
    "get_audit": Rule(Permission.AUDIT, Reach.DISTRICT),
    "get_load": Rule(Permission.LOAD, Reach.DISTRICT),
}


class UndeclaredRoute(Exception):
    """A route says nowhere who may use it."""


def declared(routes: Iterable[BaseRoute]) -> None:
    """:raises UndeclaredRoute: one of ``routes`` has no rule."""
    for route in routes:
        name = getattr(route, "name", "")
        if name not in RULES:
            raise UndeclaredRoute(f"{getattr(route, 'path', route)}: no rule for {name!r} in dashboards/permissions.py")
