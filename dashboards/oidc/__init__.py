"""Signing in at an OpenID Connect provider, beside passwords (ADR 28).

::

    page ──POST──► begin: a visit is kept (state, nonce, PKCE) ──► the provider's page
                                                                         │
    session ◄── account ◄── claims ◄── ID token ◄── code ◄── callback ◄──┘
                   │           │           │                    │
              made before,   sub, role   signature, iss, aud,   state: once, in time,
              or by mapping  and sites   exp, nonce             in the browser that began

Nothing here runs at the start, and no password waits for it.
"""
