"""What a scenario has happen to devices, as orders that the simulated district understands."""

from __future__ import annotations

from simulators.orders import Op, Order
from simulators.scenarios import format as form


def order_of(named: str, said: form.Target, *, site: str, device: str) -> Order:
    """``named``: the action's word, which is the order's."""
    op = Op(named)
    match said:
        case form.Ignite():
            return Order(
                op=op,
                site=site,
                device=device,
                to_c=said.to,
                over_s=said.over,
                test=said.test,
                drill=said.drill,
                links=links_of(said),
            )
        case form.Alarm():
            return Order(
                op=op,
                site=site,
                device=device,
                kind=said.kind,
                active=said.active,
                test=said.test,
                drill=said.drill,
                links=links_of(said),
            )
        case form.Press():
            return Order(op=op, site=site, device=device, test=said.test, drill=said.drill, links=links_of(said))
        case form.Heat() | form.Drift():
            return Order(op=op, site=site, device=device, to_c=said.to, over_s=said.over)
        case form.Event():
            return Order(op=op, site=site, device=device, kind=said.kind, active=said.active)
        case form.State():
            return Order(op=op, site=site, device=device, state=said.state)
        case form.Reading():
            return Order(op=op, site=site, device=device, metric=said.metric, value=said.value)
        case form.Repeat():
            return Order(op=op, site=site, device=device, times=said.times, over_s=said.over)
        case form.Clock():
            return Order(op=op, site=site, device=device, off_s=said.off)
        case form.Battery():
            return Order(op=op, site=site, device=device, pct=said.percent)
        case form.Cut():
            return Order(op=op, site=site, township=said.township or "", device=device)
        case _:
            return Order(op=op, site=site, device=device)


def links_of(said: form.Press) -> tuple[str, ...] | None:
    return None if said.links is None else tuple(said.links)
