"""Who may do what: roles of people, what each of them may do, and who it is that asks. Pure.

A role is a set of permissions and nothing more. Which permission a route asks for stands in `dashboards.permissions`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

#: Sites that somebody may see; None = every site.
Sites = frozenset[str] | None


class Role(StrEnum):
    OPERATOR = "operator"  # 值班员
    DUTY_LEADER = "duty_leader"  # 带班领导
    PATROL_OFFICER = "patrol_officer"  # 网上巡查
    SCHOOL_OFFICER = "school_officer"  # 安全干部: own sites only
    BUREAU = "bureau"  # 区教育局
    INTEGRATOR = "integrator"  # 集成商
    AUDITOR = "auditor"  # 审计
    ADMINISTRATOR = "administrator"  # 管理员


class Permission(StrEnum):
    SELF = "self"  # one's own session and password
    SEE = "see"  # the wall, incidents, sites, devices, targets, duty, links, rules
    STAFF = "staff"  # see guards and safety officers, their shifts and where they were seen
    HANDLE = "handle"  # acknowledge, verify, dispatch, reset and close incidents
    NOTE = "note"  # add notes and files to incidents
    MAINTAIN = "maintain"  # open and end maintenance windows
    WATCH = "watch"  # see the books, the journals, the quarantine, unknown devices, metrics
    INTAKE = "intake"  # replay the quarantine, adopt devices
    PRESENCE = "presence"  # say who stands at a post or has come
    PHONE = "phone"  # see telephone numbers whole; each look is in the audit
    REGISTER = "register"  # change guards, shifts, posts, gates, barriers, bells, safety officers
    YEARBOOK = "yearbook"  # change the calendar and the numbers of pupils
    ROSTER = "roster"  # change who is on duty
    PLAN = "plan"  # change the plan of the graded response
    REPORT = "report"  # start clocks and draft reports up the line
    APPROVE = "approve"  # approve reports, and answer for it that nothing is reported
    WARN = "warn"  # issue and lift early warnings
    READ_WARNING = "read_warning"  # say that a site has read a warning
    TARGETS = "targets"  # change targets
    RULES = "rules"  # change rules, but for those of life safety
    LIFE_SAFETY = "life_safety"  # change rules of life safety
    PATROL = "patrol"  # work through patrol rounds
    LINKS = "links"  # test and pause links, send again what was given up
    IMPORT = "import"  # import the registry from files
    LOAD = "load"  # see the load on operators
    AUDIT = "audit"  # read the audit trail
    ACCOUNTS = "accounts"  # see and change accounts and tokens


_P = Permission
_OPERATOR = frozenset(
    {
        _P.SELF, _P.SEE, _P.STAFF, _P.HANDLE, _P.NOTE, _P.MAINTAIN, _P.WATCH, _P.INTAKE, _P.PRESENCE, _P.PHONE,
        _P.ROSTER, _P.REPORT, _P.APPROVE, _P.WARN, _P.READ_WARNING, _P.PATROL,
        _P.LINKS,
    }
)  # fmt: skip

#: What each role may do.
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OPERATOR: _OPERATOR,
    Role.DUTY_LEADER: _OPERATOR | {_P.PLAN, _P.LOAD},
    Role.PATROL_OFFICER: frozenset({_P.SELF, _P.SEE, _P.NOTE, _P.WATCH, _P.PRESENCE, _P.PATROL}),
    Role.SCHOOL_OFFICER: frozenset(
        {_P.SELF, _P.SEE, _P.STAFF, _P.NOTE, _P.PRESENCE, _P.PHONE, _P.REGISTER, _P.READ_WARNING}
    ),
    Role.BUREAU: frozenset(
        {
            _P.SELF, _P.SEE, _P.STAFF, _P.NOTE, _P.WATCH, _P.PHONE, _P.REGISTER, _P.YEARBOOK, _P.ROSTER, _P.PLAN,
            _P.REPORT, _P.APPROVE, _P.WARN, _P.TARGETS, _P.LOAD, _P.IMPORT,
        }
    ),
    Role.INTEGRATOR: frozenset(
        {_P.SELF, _P.SEE, _P.WATCH, _P.INTAKE, _P.MAINTAIN, _P.RULES, _P.LINKS, _P.IMPORT}
    ),
    Role.AUDITOR: frozenset({_P.SELF, _P.SEE, _P.STAFF, _P.WATCH, _P.LOAD, _P.AUDIT}),
    Role.ADMINISTRATOR: frozenset(Permission),
}  # fmt: skip


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has signed in, or a program with a token. ``name`` stands in timelines and in the audit;
    ``must_change``: his password was made by somebody else, and until it is changed he may do nothing else.
    """

    account_id: str
    name: str
    role: Role
    permissions: frozenset[Permission]
    sites: Sites = None
    must_change: bool = False
    has_password: bool = False
    token: str = ""
    language: str = "zh"

    def may(self, permission: Permission) -> bool:
        return permission is Permission.SELF or (not self.must_change and permission in self.permissions)

    def reaches(self, site_id: str) -> bool:
        return self.sites is None or site_id in self.sites


def permissions_of(role: Role, scope: frozenset[Permission] | None = None) -> frozenset[Permission]:
    """Of a role; of a token those that its ``scope`` names, and never more than the role has."""
    return GRANTS[role] if scope is None else (GRANTS[role] & scope) | {Permission.SELF}
