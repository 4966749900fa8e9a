"""What closes a campus: gates, and hard anti-ramming barriers (硬质防冲撞设施) with their inspections."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate of a site. ``device_id`` is the access control that tells whether it is open ("" = none).

    A site is managed as a closed campus (封闭化管理) when every gate has a guard or a lock and is shut in class hours.
    """

    site_id: str
    gate_id: str
    name: str
    main: bool = False
    device_id: str = ""
    closed_in_class: bool = True


class BarrierKind(StrEnum):
    BOLLARD = "bollard"  # 防撞柱
    LIFTING_BOLLARD = "lifting_bollard"  # 升降柱
    BARRICADE = "barricade"  # 拒马、阻车器
    PIER = "pier"  # 石墩、防撞墩
    WEDGE = "wedge"  # 翻板


class Barrier(msgspec.Struct, frozen=True, kw_only=True):
    """One hard barrier in front of a gate. ``device_id`` is its state sensor ("" = none). Without ``inspected_on`` it
    was never inspected; ``inspection_days`` is how long an inspection holds.
    """

    site_id: str
    barrier_id: str
    gate_id: str
    kind: BarrierKind
    installed_on: date | None = None
    inspected_on: date | None = None
    inspection_passed: bool = True
    inspection_days: int = 180
    device_id: str = ""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody looked at a barrier and said whether it holds."""

    site_id: str
    barrier_id: str
    inspected_on: date
    passed: bool
    inspector: str
    note: str = ""
