"""The OpenID Connect provider of the settings, as the web role asks it."""

from __future__ import annotations

import ssl
from datetime import timedelta

from campuswatch.settings import WebSettings
from dashboards.oidc.claims import ClaimMapping
from dashboards.oidc.provider import ProviderSettings
from domain.errors import SettingsError


def provider_settings(web: WebSettings) -> ProviderSettings | None:
    """None: there is none. Nothing is asked of it here: it may be away.

    :raises SettingsError: the file of its secret or of its certificate authority cannot be read.
    """
    told = web.provider
    if told is None:
        return None
    try:
        secret = told.secret()
        ca = None if told.ca is None else ssl.create_default_context(cafile=str(told.ca))
    except (ValueError, OSError) as error:
        raise SettingsError([f"web.provider: {error}"]) from error
    mapping = None
    if told.role_claim:
        mapping = ClaimMapping(
            role_claim=told.role_claim,
            roles=told.roles,
            site_claim=told.site_claim,
            account_claim=told.account_claim,
            name_claim=told.name_claim,
        )
    return ProviderSettings(
        issuer=told.issuer,
        client_id=told.client_id,
        client_secret=secret,
        name=told.name,
        name_en=told.name_en,
        scopes=told.scopes,
        mapping=mapping,
        lasts=timedelta(hours=told.session_hours),
        ca=ca,
    )
