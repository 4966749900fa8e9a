"""Target 4: posts at the gates at arrival and leaving (护学岗). Some districts count it, so it ships switched off.

A site has at least one post. While pupils come or go, each post has been reported with enough people, at the latest so
many minutes after it began. Outside of these hours nothing is asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from detectors.targets.measure import Measure, Parameters
from detectors.targets.moment import Asked, Moment
from domain.bells import Bells
from domain.guard import GuardPost
from domain.site_facts import FactKind, SiteFacts
from domain.target import Evidence

_Minutes = Annotated[int, msgspec.Meta(ge=0, le=240)]


class GuardPosts(Parameters, frozen=True, kw_only=True):
    """A report counts from ``early_minutes`` before the post begins on."""

    report_minutes: _Minutes = 15
    early_minutes: _Minutes = 30


def look(facts: SiteFacts, figures: GuardPosts, moment: Moment) -> list[Evidence]:
    if not facts.posts:
        return [Evidence(requirement="post_set", subject=facts.site_id, met=False)]
    return [_post(post, facts, figures, moment) for post in facts.posts]


def _post(post: GuardPost, facts: SiteFacts, figures: GuardPosts, moment: Moment) -> Evidence:
    def spans(bells: Bells) -> list[tuple[int, int]]:
        arrival, leaving = (bells.arrival, bells.lessons), (bells.leaving, bells.leaving_to)
        return [*([arrival] if post.at_arrival else []), *([leaving] if post.at_leaving else [])]

    asked: Asked = moment.asked(facts, spans)
    detail = {"place": post.place, "required": post.required}
    if asked.since is None:
        return Evidence(requirement="post_manned", subject=post.post_id, met=True, until=asked.next_at, detail=detail)
    early = asked.since - timedelta(minutes=figures.early_minutes)
    reports = [
        one for one in facts.post_reports if one.post_id == post.post_id and early <= one.at and one.at <= moment.at
    ]
    last = max(reports, key=lambda one: one.at, default=None)
    if last is not None and last.present >= post.required:
        return Evidence(
            requirement="post_manned",
            subject=post.post_id,
            met=True,
            since=last.at,
            until=asked.until,
            detail=detail | {"present": last.present, "reporter": last.reporter},
        )
    due = asked.since + timedelta(minutes=figures.report_minutes)
    met = last is None and moment.at < due
    return Evidence(
        requirement="post_manned",
        subject=post.post_id,
        met=met,
        since=None if met else due if last is None else last.at,
        until=min(due, asked.until) if met and asked.until is not None else asked.until,
        detail=detail | ({} if last is None else {"present": last.present, "reporter": last.reporter}),
    )


GUARD_POSTS = Measure(GuardPosts, frozenset({FactKind.PEOPLE, FactKind.SITE}), look)
