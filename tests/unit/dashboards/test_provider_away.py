"""A provider that does not answer costs each of many who ask one wait, not the waits of all before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from dashboards.oidc import provider as module
from dashboards.oidc.provider import Answer, Provider, ProviderSettings
from dashboards.oidc.refusal import Fault, ProviderRefused
from domain.clock import SystemClock

SETTINGS = ProviderSettings(issuer="https://id.example.cn", client_id="campuswatch")
MANY = 50


class Silent:
    """A provider that nobody hears of until the time is over; ``asked``: how often somebody waited for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.over = asyncio.Event()

    async def __call__(
        self, url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> Answer:
        self.asked += 1
        await self.over.wait()
        raise ProviderRefused(Fault.AWAY, "no answer")


async def _begin(provider: Provider) -> str:
    return await provider.page(state="s", nonce="n", verifier="v", redirect_uri="http://localhost/back")


async def test_who_waits_while_it_does_not_answer_does_not_ask_and_wait_anew() -> None:
    silent = Silent()
    provider = Provider(SETTINGS, clock=SystemClock(), fetch=silent)
    waiting = [asyncio.create_task(_begin(provider), name=f"visit {n}") for n in range(MANY)]
    leaving = asyncio.create_task(provider.sign_out_page("http://localhost/"), name="leaving")
    await asyncio.sleep(0)
    silent.over.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {one.fault for one in ended if isinstance(one, ProviderRefused)} == {Fault.AWAY}
    assert (len(ended), await leaving, silent.asked) == (MANY, None, 1)
    with pytest.raises(ProviderRefused):
        await _begin(provider)
    assert silent.asked == 2, "whoever comes later asks anew"


async def test_who_comes_back_is_told_when_no_place_becomes_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.01)
    silent = Silent()
    provider = Provider(SETTINGS, clock=SystemClock(), fetch=silent)
    coming = [
        asyncio.create_task(provider.claims("code", nonce="n", verifier="v", redirect_uri="r"), name=f"back {n}")
        for n in range(MANY)
    ]
    done: set[asyncio.Task[Mapping[str, Any]]] = set()
    waiting = set(coming)
    async with asyncio.timeout(20):
        while len(waiting) > 4:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done |= ended
    assert {one.exception().fault for one in done} == {Fault.BUSY}  # type: ignore[union-attr]
    silent.over.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(done) == MANY - 4
