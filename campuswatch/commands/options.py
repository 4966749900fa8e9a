"""What commands for people have in common: language, days, and a question to the database with its error in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from domain.errors import CampuswatchError
from storage.pool import Connection, connect, wrapped_errors

T = TypeVar("T")

LANGUAGE = click.option(
    "--lang",
    "language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    show_default=True,
    envvar="CAMPUSWATCH_LANGUAGE",
    help="Language of the answer.",
)
DAY = click.DateTime(formats=["%Y-%m-%d"])


def asked(ctx: click.Context, ask: Callable[[Connection], Awaitable[T]]) -> T:
    """:raises click.ClickException: what our own errors say."""

    async def work() -> T:
        async with await connect(ctx.obj.dsn(), name=f"{ctx.info_name} command") as conn, wrapped_errors():
            return await ask(conn)

    try:
        return asyncio.run(work())
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
