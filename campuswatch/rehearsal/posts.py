"""The people of a day who report that guard posts are manned, as they do over the wall's API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from domain.guard import GuardPost, PostReport
from domain.site import Site
from simulators.day.posts import PostSaid, posts_said
from storage.guard_posts import report_post
from storage.pool import Connection

_REPORTER = "带班保安"


class Posts:
    """``next_s``: when the next report is due. A post that is `quiet` is reported by nobody."""

    def __init__(self, seed: int, sites: Iterable[Site], posts: Iterable[GuardPost], *, since_s: float) -> None:
        self._said = posts_said(seed, sites, posts, since_s=since_s)
        self._next = next(self._said, None)
        self._late: list[PostSaid] = []
        self._quiet: set[tuple[str, str]] = set()

    @property
    def next_s(self) -> float:
        return float("inf") if self._next is None else self._next.at_s

    def be_quiet(self, site_id: str, post_id: str, *, quiet: bool) -> None:
        if quiet:
            self._quiet.add((site_id, post_id))
        else:
            self._quiet.discard((site_id, post_id))

    def fall_due(self, now_s: float) -> bool:
        """Take up what is due until ``now_s``; whether there is anything to report."""
        while self._next is not None and self._next.at_s <= now_s:
            if (self._next.site_id, self._next.post_id) not in self._quiet:
                self._late.append(self._next)
            self._next = next(self._said, None)
        return bool(self._late)

    async def report(self, conn: Connection, now: datetime) -> None:
        """Report what fell due. What cannot be reported, because the database is away, is reported when it is back.

        :raises StorageError: it is away.
        """
        while self._late:
            one = self._late[0]
            at = datetime.fromtimestamp(one.at_s, UTC)
            report = PostReport(
                site_id=one.site_id, post_id=one.post_id, at=at, present=one.present, reporter=_REPORTER
            )
            async with conn.transaction():
                await report_post(conn, report, at=now)
            self._late.pop(0)
