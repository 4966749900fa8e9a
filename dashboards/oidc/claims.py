"""What claims give somebody: role and sites, by a mapping from the settings. Nobody gets a role by default. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboards.oidc.refusal import Fault, ProviderRefused
from domain.access import Role
from domain.account import account_key

_MOST_VALUES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """``roles``: what a value of the claim ``role_claim`` gives; of several the first one here counts. ``site_claim``:
    a school officer's sites. ``account_claim`` and ``name_claim``: how an account is called that is made at the first
    sign-in. Claims within claims are named with dots: `realm_access.roles`.
    """

    role_claim: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    site_claim: str = ""
    account_claim: str = "preferred_username"
    name_claim: str = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """``account_id`` "" = the claims call nobody so that an account could be made."""

    role: Role
    sites: tuple[str, ...] | None
    account_id: str
    name: str


def granted(claims: Mapping[str, Any], mapping: ClaimMapping) -> Granted:
    """:raises ProviderRefused: the claims give no role, or a school officer no site."""
    values = set(_texts(claims, mapping.role_claim))
    role = next((role for value, role in mapping.roles.items() if value in values), None)
    if role is None:
        raise ProviderRefused(Fault.NO_ROLE, f"claim {mapping.role_claim} gives no role")
    sites = None
    if role is Role.SCHOOL_OFFICER:
        sites = tuple(dict.fromkeys(_texts(claims, mapping.site_claim))) if mapping.site_claim else ()
        if not sites:
            raise ProviderRefused(
                Fault.NO_ROLE, f"a school officer, and claim {mapping.site_claim or '-'} names no site"
            )
    account_id = account_key(next(iter(_texts(claims, mapping.account_claim)), ""))
    name = next(iter(_texts(claims, mapping.name_claim)), "").strip()
    return Granted(role=role, sites=sites, account_id=account_id, name=name or account_id)


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a claim, which is one or a list of them; none where it is anything else."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found[:_MOST_VALUES] if isinstance(one, str)] if isinstance(found, list) else []
