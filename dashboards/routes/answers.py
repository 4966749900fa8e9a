"""Where people answer who were called: the page behind the link of a message, and the voice gateway's keys.

The page needs no sign-in: the link is signed, does one thing about one incident, works once and not for long. Looking
at it changes nothing, for chat programs open links to preview them; only the button does.
"""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.routes import API_PREFIX
from dashboards.services import Services
from domain.errors import IllegalTransition, LinkRefused
from domain.response import Answer, Called

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{54}$", description="Of the link.")]

#: With the policy of the other pages browsers would not say where the form comes from, and the door is shut to those.
_HEADERS = {"cache-control": "no-store", "referrer-policy": "same-origin"}

_WORDS = {
    "zh": {
        "take": "我来处理",
        "decline": "无法处理",
        "for": "致",
        "taken": "已登记：由您处理。其他人不再被呼叫。",
        "declined": "已登记：您无法处理。正在呼叫下一位。",
        "used": "此链接已使用过，无需再操作。",
        "late": "无需操作：已有人处理，或事件已结束。",
    },
    "en": {
        "take": "I take it",
        "decline": "I can't",
        "for": "For",
        "taken": "Noted: you take it. Nobody further is called.",
        "declined": "Noted: you cannot. The next person is being called.",
        "used": "This link was used already. There is nothing more to do.",
        "late": "Nothing to do: somebody has taken it, or it is over.",
    },
}


def answer_routes(services: Services) -> APIRouter:
    routes = APIRouter(tags=["response"])

    @routes.get("/answer/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def show(token: Token) -> Response:
        try:
            called = await services.reader.within(services.responder.look(token))
        except LinkRefused as refused:
            return _page(str(refused), status=410)
        if called.used_for is not None:
            return _page(_words(called)["used"], called)
        return _page("", called, token=token)

    @routes.post("/answer/{token}/{answer}", response_class=HTMLResponse, include_in_schema=False)
    async def act(token: Token, answer: Answer) -> Response:
        try:
            called = await services.reader.within(services.responder.follow(token, answer))
        except LinkRefused as refused:
            return _page(str(refused), status=410)
        except IllegalTransition:
            called = await services.reader.within(services.responder.look(token))
            return _page(_words(called)["late"], called, status=409)
        return _page(_words(called)["taken" if answer is Answer.TAKE else "declined"], called)

    @routes.post(
        f"{API_PREFIX}/voice/keys",
        include_in_schema=False,  # for the gateway alone; docs/duty.md has it
        status_code=204,
    )
    async def key_pressed(request: Request) -> Response:
        body = await request.body()
        await services.reader.within(services.responder.key_pressed(dict(request.headers), body))
        return Response(status_code=204)

    return routes


def _words(called: Called) -> dict[str, str]:
    return _WORDS["en" if called.language == "en" else "zh"]


def _page(said: str, called: Called | None = None, *, token: str = "", status: int = 200) -> Response:
    """A page that works on any telephone, without scripts."""
    parts: list[str] = []
    language = "zh-CN"
    if called is not None:
        words = _words(called)
        language = "en" if called.language == "en" else "zh-CN"
        parts.append(f"<h1>{escape(called.title)}</h1>")
        parts.append(f"<p>{escape(called.text).replace(chr(10), '<br>')}</p>")
        parts.append(f"<p>{words['for']} {escape(called.name)}</p>")
        if token:
            # Relative to the page, which may be reached below another address.
            parts += [
                f'<form method="post" action="{token}/{answer.value}"><button>{words[answer.value]}</button></form>'
                for answer in Answer
            ]
    if said:
        parts.append(f"<p><strong>{escape(said)}</strong></p>")
    body = "".join(parts)
    head = (
        '<meta charset="utf-8"><meta name="robots" content="noindex">'
        '<meta name="viewport" content="width=device-width"><title>campuswatch</title>'
    )
    page = f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>'
    return HTMLResponse(page, status_code=status, headers=_HEADERS)
