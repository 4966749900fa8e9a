"""The ledger, and the journals that hold what is not in it yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.journals import journal_view
from dashboards.moments import Moment
from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.ledger import JournalsReply, LedgerReply
from dashboards.services import Services, json_reply
from storage.ledger import LedgerChoice, LedgerSums, LedgerView, ledger_page, ledger_sums
from storage.pool import Connection

#: Hours of one answer: what is asked for is summed up at once.
LONGEST = timedelta(days=31)
DEFAULT = timedelta(hours=24)


class _After(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in the ledger: hour and site."""

    hour: Annotated[datetime, msgspec.Meta(tz=True)]
    site_id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,32}\Z")]


_EXPLAINED = """\
What came in, and what became of it: `received` = `stored` + `rejected` + `duplicate`, counted in observations (an entry
of a gateway's batch counts by itself), for each site and each hour in which messages were **received**. A `difference`
is what was received and cannot be accounted for; it raises an incident `ledger_difference`. Newest hour first.

What a lane holds in its journal while the database is away is in no hour yet: see `/journals`.
"""


def ledger_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["ledger"])

    @routes.get(
        "/ledger",
        summary="The ledger",
        description=_EXPLAINED,
        response_model=LedgerReply,
        responses=problem_responses(422, 503),
    )
    async def get_ledger(
        site_id: Annotated[
            str | None,
            Query(pattern=r"^[a-z0-9-]{0,32}$", description="Of one site; empty: of what no known site sent."),
        ] = None,
        lane: Annotated[
            Literal["alarm", "bulk", "replay"] | None,
            Query(description="Of one lane; `replay`: messages of the quarantine that were taken after all."),
        ] = None,
        since: Annotated[
            Moment | None, Query(alias="from", description="First hour; 24 hours before `to` when left out.")
        ] = None,
        until: Annotated[
            Moment | None, Query(alias="to", description="Up to and without this time; now when left out.")
        ] = None,
        uneven: Annotated[bool, Query(description="Only lines that do not balance; the totals are of all.")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        after = decode_cursor(cursor, _After)
        end = services.clock.now() if until is None else until
        begin = end - DEFAULT if since is None else since
        if not begin <= end <= begin + LONGEST:
            raise InvalidField("from", f"expected a time at most {LONGEST.days} days before `to`, and not after it")
        choice = LedgerChoice(
            since=begin.replace(minute=0, second=0, microsecond=0), until=end, lane=lane, site_id=site_id
        )
        place = None if after is None else (after.hour, after.site_id)

        async def query(conn: Connection) -> tuple[list[LedgerView], LedgerSums]:
            return await ledger_page(conn, choice, limit=limit + 1, uneven=uneven, after=place), await ledger_sums(
                conn, choice
            )

        found, sums = await services.reader.read(query)
        page = page_of(found, limit, lambda last: _After(last.hour, last.site_id))
        return json_reply({"items": page.items, "next_cursor": page.next_cursor, "totals": sums})

    @routes.get(
        "/journals",
        summary="The lanes' journals",
        description="Messages that a lane has acknowledged and the database has not got yet, by lane and by the site"
        " that their topics name (empty: none). Read from the disk of this machine, so it answers while the database is"
        " away; lanes on other machines are not seen.",
        response_model=JournalsReply,
    )
    async def get_journals() -> Response:
        now = services.clock.now()
        states = await services.journals.states()
        return json_reply(
            {
                "journals": [
                    {
                        **msgspec.structs.asdict(journal_view(state, now)),
                        "size_bytes": state.size_bytes,
                        "most_bytes": state.most_bytes,
                        "sites": state.sites,
                    }
                    for state in states
                ]
            }
        )

    return routes
