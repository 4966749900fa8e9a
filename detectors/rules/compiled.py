"""A rule that was written as a document, as the engine knows rules.

It is about *subjects*: devices, places or sites (``key``). Of each it knows whether its trouble stands, since when the
conditions say otherwise (dwell), and the moment at which that may change by itself.

::

                 conditions hold for `for`
    nothing ─────────────────────────────────► raised ─┐ reported again: raised again; worse: updated
       ▲                                         │ ▲───┘
       └─────────────────────────────────────────┘
           conditions do not hold for `clear_for`;  no longer watched, retired, switched off: at the next tick

Before an observation is taken up, its subject's time is brought forward to it; so it makes no difference how messages
come in batches and where ticks lie between them.

A state (`Rule.collect`) is one row a device, with what each condition remembers of it by the condition's name, and
``stands``, ``since_s`` where the device is the subject. Of places and sites there is one row a site, under its number
with a minus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any, TypeAlias

import msgspec

from detectors.conditions.battery import BatteryLow
from detectors.conditions.change import ChangesFast
from detectors.conditions.counting import CountInWindow, TooFewADay
from detectors.conditions.leaf import AGAIN, TURNED, WORSE, Leaf
from detectors.conditions.making import made
from detectors.conditions.offline import Offline
from detectors.conditions.times import Time
from detectors.deafness import DEAF_AFTER_S, Deafness
from detectors.documents.form import AllOf, AnyOf, Condition, Not, RuleDocument
from detectors.grounds import Grounds
from detectors.hours import instant
from detectors.lives import Heard, Lives
from detectors.rule import NOTHING, BareHeartbeat, Changes, Rule, Watcher
from detectors.rules.telling import Identity, Telling
from detectors.rules.waiting import Waiting
from detectors.watching import chosen, watched_kinds
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.liveness import Connectivity
from domain.observation import Heartbeat, Reading

#: A device_no, a site_no, or (site_no, place).
Subject: TypeAlias = Any
_Tree: TypeAlias = Callable[[Subject, float], bool]


class _Standing(msgspec.Struct, gc=False):
    """``since_s``: since when the conditions say otherwise than what was told; 0 = they do not."""

    raised: bool = False
    since_s: float = 0.0


class CompiledRule(Rule):
    def __init__(self, document: RuleDocument, grounds: Grounds, deafness: Deafness, lives: Lives) -> None:
        header = document.header
        self.document = document
        self.name = document.name
        self.category, self.severity = Category(header.category), Severity(header.severity)
        self.life_safety = header.life_safety
        self._key = header.key
        self._dwell_s, self._clear_s = header.dwell, header.clear_dwell
        self._telling = Telling(document)
        self._grounds, self._deafness, self._lives = grounds, deafness, lives
        self._kinds = watched_kinds(header.watch)
        self._fits = chosen(header.watch, grounds)
        self._devices: Mapping[int, RegisteredDevice] = {}
        self._watched: set[int] = set()  # where only some devices of the kinds are watched
        self._subject_of: dict[int, Subject] = {}  # where devices are not the subjects
        self._members: dict[Subject, list[int]] = {}
        self._leaves, self._tree = self._compile(document.when)
        self._timed = any(leaf.timed for leaf in self._leaves)
        self._offline = any(isinstance(leaf, Offline) for leaf in self._leaves)
        self._always = _holds_nothing_said(document.when)
        self._standings: dict[Subject, _Standing] = {}
        self._waiting = Waiting()
        self._turned: dict[Subject, None] = {}  # somebody in it came back: looked at by the next tick
        #: Who is remembered and not watched any more, and whether anything of another version stands about it.
        self._strangers: dict[tuple[str, Subject], bool] = {}
        self._changed: set[int] = set()
        self._subjects_at: dict[int, dict[Subject, None]] = {}  # of places and sites: which are remembered
        self._now_s = 0.0

    # -- the conditions -----------------------------------------------------------------------------------------------

    def _compile(self, when: Condition) -> tuple[list[Leaf], _Tree]:
        leaves: list[Leaf] = []
        names: dict[str, int] = {}

        def tree(condition: Condition) -> _Tree:
            match condition:
                case AllOf(parts):
                    wanted = [tree(part) for part in parts]
                    return lambda subject, now_s: all(one(subject, now_s) for one in wanted)
                case AnyOf(parts):
                    enough = [tree(part) for part in parts]
                    return lambda subject, now_s: any(one(subject, now_s) for one in enough)
                case Not(part):
                    inner = tree(part)
                    return lambda subject, now_s: not inner(subject, now_s)
                case _:
                    leaf = made(condition, self._grounds, self._deafness, self._lives)
                    names[leaf.name] = times = names.get(leaf.name, 0) + 1
                    if times > 1:
                        leaf.name += f"#{times}"
                    leaf.note = self._note if leaf.of_subject else self._note_device
                    leaves.append(leaf)
                    return self._answer(leaf)

        return leaves, tree(when)

    def _answer(self, leaf: Leaf) -> _Tree:
        """Of a subject: of itself, of its site, or of any device in it."""
        holds = leaf.holds
        if isinstance(leaf, Time):
            return lambda subject, now_s: holds(self._site_no(subject), now_s)
        if leaf.of_subject or self._key == "device":
            return holds
        members = self._members
        return lambda subject, now_s: any(holds(number, now_s) for number in members.get(subject, ()))

    def _note_device(self, number: int) -> None:
        self._changed.add(number)

    def _note(self, subject: Subject) -> None:
        if self._key == "device":
            self._changed.add(subject)
            return
        site_no = self._site_no(subject)
        self._subjects_at.setdefault(site_no, {})[subject] = None
        self._changed.add(-site_no)

    def _site_no(self, subject: Subject) -> int:
        if self._key == "device":
            device = self._devices.get(subject)
            return 0 if device is None else device.site_no
        return int(subject[0] if self._key == "place" else subject)

    def _watches(self, device: RegisteredDevice) -> bool:
        if not self.document.enabled or (self._kinds is not None and device.kind not in self._kinds):
            return False
        return self._fits is None or self._fits(device)

    def _subject(self, device: RegisteredDevice) -> Subject:
        match self._key:
            case "device":
                return device.device_no
            case "site":
                return device.site_no
            case _:
                return (device.site_no, self._grounds.spot(device.device_no).place)

    # -- observations -------------------------------------------------------------------------------------------------

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        leaves = self._listening(observation, kind)
        if not leaves:
            return None
        if len(leaves) > 1 or self._fits is not None or self._key != "device" or leaves[0].of_subject:
            return lambda said, heard: self._hear(said, heard, leaves)
        take, due, (leaf,) = leaves[0].take, self._waiting.due, leaves

        def hear(said: Any, heard: Heard) -> Sequence[Finding]:
            """The usual rule: one condition that hears this, of devices of a kind."""
            number = said.device.device_no
            if number in due:
                return self._hear(said, heard, leaves)
            did = take(said, heard, number)
            return self._conclude(said, number, did, ((leaf, did),)) if did else NOTHING

        return hear

    def steady_watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        """Where the only condition that hears heartbeats is one of the battery, a bare one tells it nothing."""
        said = Heartbeat if observation is BareHeartbeat else observation
        leaves, hear = self._listening(said, kind), self.watcher(said, kind)
        if hear is None or self._timed or self._dwell_s or self._clear_s:
            return hear  # time may have done something meanwhile, and comes first
        if observation is BareHeartbeat and all(isinstance(leaf, BatteryLow) for leaf in leaves):
            return None
        if len(leaves) == 1:
            return leaves[0].steady(said, hear)
        if said is Reading and all(leaf.metrics is not None for leaf in leaves):
            return _of_metrics(frozenset[str]().union(*(leaf.metrics or () for leaf in leaves)), hear)
        return hear

    def overhearer(self, observation: type, kind: DeviceKind) -> Watcher | None:
        """A device in a loop may say that it burns, a thousand times a second. That it has cooled is not believed of
        it: one that says both in turn would be a thousand fires a second.
        """
        leaves = self._listening(observation, kind) if self.life_safety else []
        if not leaves:
            return None

        def overhear(said: Any, heard: Heard) -> Sequence[Finding]:
            if any(leaf.ends(said, said.device.device_no) for leaf in leaves):
                return NOTHING
            return self._hear(said, heard, leaves)

        return overhear

    def _listening(self, observation: type, kind: DeviceKind) -> list[Leaf]:
        if not self.document.enabled or (self._kinds is not None and kind not in self._kinds):
            return []
        return [leaf for leaf in self._leaves if observation in leaf.hears]

    def _hear(self, said: Any, heard: Heard, leaves: Sequence[Leaf]) -> Sequence[Finding]:
        number = said.device.device_no
        if self._fits is not None and number not in self._watched:
            return NOTHING
        subject = number if self._key == "device" else self._subject_of.get(number)
        if subject is None:
            return NOTHING
        before = self._bring_forward(subject, said.received_at) if subject in self._waiting.due else NOTHING
        deeds = tuple((leaf, leaf.take(said, heard, subject if leaf.of_subject else number)) for leaf in leaves)
        did = 0
        for _, one in deeds:
            did |= one
        if not did:
            return before
        return (*before, *self._conclude(said, subject, did, deeds))

    def _bring_forward(self, subject: Subject, until: datetime) -> Sequence[Finding]:
        """What time alone has done until then. Where we were deaf meanwhile, the next tick will say so."""
        until_s = until.timestamp()
        if until_s - self._deafness.heard_until_s > DEAF_AFTER_S and self._deafness.heard_until_s:
            return NOTHING
        found: list[Finding] = []
        for due_s in self._waiting.taken_of(subject, until_s):
            at = instant(due_s)
            found.extend(self._judge(subject, due_s, at, at, None))
        return found

    def _conclude(self, said: Any, subject: Subject, did: int, deeds: Sequence[tuple[Leaf, int]]) -> Sequence[Finding]:
        return self._judge(subject, said.received_at.timestamp(), said.at, said.received_at, said, did, deeds)

    def follow(self, said: Any, leaf: Leaf, did: int) -> Sequence[Finding]:
        """What follows from ``said``, which ``leaf`` alone has heard already. Of a rule about devices."""
        return self._conclude(said, said.device.device_no, did, ((leaf, did),))

    def is_waiting(self, number: int) -> bool:
        """Whether time alone may change something of this device."""
        return number in self._waiting.due

    @property
    def is_about_devices(self) -> bool:
        return self._key == "device"

    def _judge(
        self,
        subject: Subject,
        now_s: float,
        at: datetime,
        found_at: datetime,
        said: Any,
        did: int = TURNED,
        deeds: Sequence[tuple[Leaf, int]] = (),
    ) -> Sequence[Finding]:
        """Whether the conditions hold now, and what follows from that."""
        holds = self._tree(subject, now_s)
        standing = self._standings.get(subject)
        raised = standing is not None and standing.raised
        kind: FindingKind | None = None
        if holds is raised:
            if standing is not None and standing.since_s:
                self._set(subject, raised)
            if raised and did & AGAIN:
                kind = FindingKind.RAISED
            elif raised and did & WORSE:
                kind = FindingKind.UPDATED
        else:
            dwell_s = self._dwell_s if holds else self._clear_s
            since_s = standing.since_s if standing is not None and standing.since_s else now_s
            if now_s >= since_s + dwell_s:
                self._set(subject, holds)
                kind = FindingKind.RAISED if holds else FindingKind.CLEARED
            elif standing is None or not standing.since_s:
                self._set(subject, raised, now_s)
        if self._timed or self._dwell_s or self._clear_s:
            self._wait(subject, now_s)
        if kind is None:
            return NOTHING
        found = self._found(kind, subject, at, found_at, said, deeds)
        return NOTHING if found is None else (found,)

    def _set(self, subject: Subject, raised: bool, since_s: float = 0.0) -> None:
        if raised or since_s:
            self._standings[subject] = _Standing(raised, since_s)
        else:
            self._standings.pop(subject, None)
        self._note(subject)

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> Sequence[Finding]:
        now_s = now.timestamp()
        if not (self._strangers or self._turned or self._waiting.any_by(now_s)):
            return NOTHING
        found = [
            one
            for (kind, subject), ends in self._strangers.items()
            for one in self._part_with(kind, subject, ends, now)
        ]
        self._strangers.clear()
        for due_s, subject in self._waiting.taken(now_s):
            if self._is_known(subject):  # nobody else is waited for, and nothing begins to stand of them
                found.extend(self._judge(subject, due_s, instant(due_s), now, None))
        for subject in sorted(self._turned):
            if self._is_known(subject):
                found.extend(self._judge(subject, now_s, now, now, None))
        self._turned.clear()
        return found

    def next_s(self) -> float:
        return -inf if self._strangers or self._turned else self._waiting.next_s()

    def _wait(self, subject: Subject, now_s: float) -> None:
        """Put down when the answer may change by time alone."""
        due_s = inf
        standing = self._standings.get(subject)
        if standing is not None and standing.since_s:
            due_s = standing.since_s + (self._clear_s if standing.raised else self._dwell_s)
        if self._timed:
            for leaf in self._leaves:
                if leaf.timed:
                    due_s = min(due_s, self._next_s(leaf, subject, now_s))
        self._waiting.put(subject, due_s)

    def _next_s(self, leaf: Leaf, subject: Subject, now_s: float) -> float:
        if isinstance(leaf, Time):
            return leaf.next_s(self._site_no(subject), now_s) if self._matters(subject) else inf
        if leaf.of_subject or self._key == "device":
            return leaf.next_s(subject, now_s)
        return min((leaf.next_s(number, now_s) for number in self._members.get(subject, ())), default=inf)

    def _matters(self, subject: Subject) -> bool:
        """Whether the time of day can make a difference: something was said, or nothing need be."""
        if self._always or subject in self._standings:
            return True
        numbers = (subject,) if self._key == "device" else self._members.get(subject, ())
        for leaf in self._leaves:
            if isinstance(leaf, Time):
                continue
            if leaf.of_subject:
                if subject in leaf.numbers():
                    return True
            elif any(number in leaf.numbers() or leaf.next_s(number, 0.0) < inf for number in numbers):
                return True
        return False

    def hearing_resumed(self, now: datetime) -> None:
        """Whatever has to last begins to last now."""
        now_s = now.timestamp()
        for subject, standing in self._standings.items():
            if standing.since_s:
                standing.since_s = now_s
                self._note(subject)
                self._wait(subject, now_s)
        for subject, due_s in list(self._waiting.due.items()):
            if due_s < now_s:
                self._waiting.put(subject, now_s)

    @property
    def leaves(self) -> Sequence[Leaf]:
        return self._leaves

    @property
    def goes_by_time(self) -> bool:
        """Whether `tick` can conclude anything."""
        return self._timed or bool(self._dwell_s or self._clear_s)

    @property
    def wants_turns(self) -> bool:
        return self._offline

    def turned(self, number: int) -> None:
        """A device went offline or online, or nobody can tell any more (`detectors.lives`).

        Whoever is not offline (any more) is looked at by the next tick: the very message with which it came back is not
        remembered, and a restart has to find the same.
        """
        if not self._offline or (device := self._devices.get(number)) is None or not self._watches(device):
            return
        subject, life = self._subject(device), self._lives.get(number)
        if life is None or life.connectivity is not Connectivity.OFFLINE:
            self._turned[subject] = None
        else:
            # Not earlier than it was looked at last: others of its place or site stood otherwise then.
            since_s = max(life.since_s, self._deafness.heard_until_s)
            self._waiting.put_early(subject, since_s)

    # -- the registry -------------------------------------------------------------------------------------------------

    def use(self, grounds: Grounds) -> None:
        """Go by other places, bells, another calendar. Call `enrol` afterwards."""
        self._grounds = grounds
        self._fits = chosen(self.document.header.watch, grounds)
        for leaf in self._leaves:
            if isinstance(leaf, Time | TooFewADay):
                leaf.use(grounds)

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        self._devices, self._now_s = devices, now.timestamp()
        known = set(self._members)
        if self._fits is not None:
            self._watched = {number for number, device in devices.items() if self._watches(device)}
        if self._key != "device":
            self._gather(devices)
        self._look_for_strangers()
        counting = [leaf for leaf in self._leaves if isinstance(leaf, CountInWindow | TooFewADay)]
        if not counting and not self._always:
            return
        for subject in self._subjects():
            before = subject in self._waiting.due if self._key == "device" else subject in known
            for leaf in counting:
                leaf.watch(subject, self._now_s)
            if not before and self._always:
                # A moment that a restart knows as well.
                self._waiting.put(subject, self._deafness.heard_until_s or self._now_s)
            elif not before:
                self._wait(subject, self._now_s)

    def _is_known(self, subject: Subject) -> bool:
        if self._key != "device":
            return subject in self._members
        device = self._devices.get(subject)
        return device is not None and self._watches(device)

    def _gather(self, devices: Mapping[int, RegisteredDevice]) -> None:
        self._members.clear()
        self._subject_of.clear()
        for number, device in devices.items():
            if self._watches(device):
                subject = self._subject_of[number] = self._subject(device)
                self._members.setdefault(subject, []).append(number)

    def _subjects(self) -> Iterator[Subject]:
        if self._key != "device":
            yield from list(self._members)
            return
        for number, device in self._devices.items():
            if self._watches(device):
                yield number

    def _look_for_strangers(self) -> None:
        """Who is remembered and not watched any more: the next tick parts with them. Of devices that are gone the
        engine takes care.
        """
        numbers = {number for leaf in self._leaves if not leaf.of_subject for number in leaf.numbers()}
        subjects = {*self._standings, *(one for leaf in self._leaves if leaf.of_subject for one in leaf.numbers())}
        if self._key == "device":
            numbers |= subjects
        else:
            self._strangers.update(((self._key, one), False) for one in subjects if one not in self._members)
        for number in numbers:
            device = self._devices.get(number)
            if device is not None and not self._watches(device):
                self._strangers.setdefault(("device", number), False)

    def _part_with(self, kind: str, subject: Subject, ends: bool, now: datetime) -> Sequence[Finding]:
        """End what stands of somebody who is not watched any more, and forget it."""
        own = kind == self._key
        if own and kind == "device":
            device = self._devices.get(subject)
            if device is None or self._watches(device):
                return NOTHING  # gone, which the engine says; or watched again
        standing = self._standings.get(subject) if own else None
        identity = self._identity(kind, subject)
        after: Sequence[Finding] = NOTHING
        if kind == "device" and (device := self._devices.get(subject)) is not None and self._watches(device):
            # It is watched on, as a part of its place or site: what was heard of it counts there.
            self._changed.add(subject)
            after = self._judge(self._subject(device), now.timestamp(), now, now, None)
        else:
            self._forget(kind, subject)
        if identity is None or not (ends or (standing is not None and standing.raised)):
            return after
        return (self._telling.finding(identity, FindingKind.CLEARED, now, now, {"rule_changed": True}), *after)

    def _forget(self, kind: str, subject: Subject) -> None:
        own = kind == self._key
        for leaf in self._leaves:
            if leaf.of_subject is not (kind == "device") or (own and kind == "device"):
                leaf.forget(subject)
        if own:
            self._waiting.forget(subject)
            if self._standings.pop(subject, None) is not None:
                self._note(subject)
        if kind == "device":
            self._changed.add(subject)
        else:
            self._changed.add(-int(subject[0] if isinstance(subject, tuple) else subject))

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        number = device.device_no
        if self._key == "device":
            standing = self._standings.get(number)
            known = standing is not None or any(number in leaf.numbers() for leaf in self._leaves)
            if known:
                self._forget("device", number)
            else:
                self._leave_marks(number)
            return self.retired(device, now) if standing is not None and standing.raised else NOTHING
        if any(number in leaf.numbers() for leaf in self._leaves if not leaf.of_subject):
            for leaf in self._leaves:
                if not leaf.of_subject:
                    leaf.forget(number)
        self._leave_marks(number)
        subject = self._subject(device)
        if subject in self._members:
            # The tick that this belongs to looks at it, after what is due before: a restart says once more who is gone.
            self._waiting.put_early(subject, now.timestamp())
        return NOTHING

    def _leave_marks(self, number: int) -> None:
        for leaf in self._changing:
            leaf.forget(number)

    # -- what survives a restart, and a change of the rule -----------------------------------------------------------

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        if device_no > 0:
            for leaf in self._leaves:
                if leaf.name in state and (self._key == "device" or not leaf.of_subject):
                    leaf.recall(device_no, state[leaf.name])
            if state.get("stands") or state.get("since_s"):
                if self._key == "device":
                    self._standings[device_no] = _Standing(bool(state.get("stands")), state.get("since_s", 0.0))
                elif state.get("stands"):
                    self._strangers["device", device_no] = True
            return
        for place, kept in state.get("subjects", {}).items():
            kind = "place" if state.get("of") == "place" else "site"
            subject: Subject = (-device_no, place) if kind == "place" else -device_no
            if kind != self._key:
                self._strangers[kind, subject] = bool(kept.get("stands"))
                continue
            self._subjects_at.setdefault(-device_no, {})[subject] = None
            for leaf in self._leaves:
                if leaf.of_subject and leaf.name in kept:
                    leaf.recall(subject, kept[leaf.name])
            if kept.get("stands") or kept.get("since_s"):
                self._standings[subject] = _Standing(bool(kept.get("stands")), kept.get("since_s", 0.0))

    def restored(self) -> None:
        self._look_for_strangers()
        if not (self._timed or self._dwell_s or self._clear_s):
            return
        since_s = self._deafness.heard_until_s or self._now_s
        everyone = {*self._standings, *self._waiting.due}
        for leaf in self._leaves:
            if leaf.of_subject:
                everyone.update(leaf.numbers())
            elif self._timed:
                everyone.update(self._subject(self._devices[no]) for no in leaf.numbers() if no in self._devices)
        turned: list[int] = []
        for number, life in self._lives.items() if self._offline else ():
            if number in self._devices and self._watches(self._devices[number]):
                if life.connectivity is Connectivity.OFFLINE:
                    everyone.add(self._subject(self._devices[number]))
                elif life.since_s > since_s:
                    turned.append(number)
        for subject in everyone:
            self._wait(subject, since_s)
        for subject in self._subjects() if self._always else ():
            if subject not in self._standings:  # nobody may have looked at it yet; who did found nothing
                self._waiting.put_early(subject, since_s)
        for number in turned:
            self.turned(number)

    def states(self) -> list[tuple[int, dict[str, Any]]]:
        numbers = {number for leaf in self._leaves if not leaf.of_subject for number in leaf.numbers()}
        if self._key == "device":
            numbers.update(self._standings)
            numbers.update(one for leaf in self._leaves if leaf.of_subject for one in leaf.numbers())
        rows = ((number, self._state(number)) for number in (*numbers, *(-site for site in self._subjects_at)))
        return [(number, state) for number, state in rows if state is not None]

    def rewrite(self, numbers: Iterable[int]) -> None:
        self._changed.update(numbers)

    def collect(self, changes: Changes) -> None:
        for number in self._changed:
            changes.states.append((self.name, number, self._state(number)))
        self._changed.clear()

    def _state(self, number: int) -> dict[str, Any] | None:
        if number > 0:
            state = self._kept(number, [leaf for leaf in self._leaves if not leaf.of_subject])
            if self._key == "device":
                state |= self._kept_of_subject(number)
            return state or None
        subjects = {
            (subject[1] if self._key == "place" else ""): kept
            for subject in self._subjects_at.get(-number, ())
            if (kept := self._kept_of_subject(subject))
        }
        return {"of": self._key, "subjects": subjects} if subjects else None

    def _kept(self, number: Any, leaves: Iterable[Leaf]) -> dict[str, Any]:
        return {leaf.name: memory for leaf in leaves if (memory := leaf.memory(number)) is not None}

    def _kept_of_subject(self, subject: Subject) -> dict[str, Any]:
        kept = self._kept(subject, [leaf for leaf in self._leaves if leaf.of_subject])
        standing = self._standings.get(subject)
        if standing is not None and standing.raised:
            kept["stands"] = True
        if standing is not None and standing.since_s:
            kept["since_s"] = standing.since_s
        return kept

    @property
    def _changing(self) -> list[ChangesFast]:
        return [leaf for leaf in self._leaves if isinstance(leaf, ChangesFast)]

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        return [row for leaf in self._changing for row in leaf.marks(generation)]

    def remembered(self) -> list[int]:
        return [number for leaf in self._changing for number in leaf.remembered()]

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        some = list(numbers)
        for leaf in self._changing:
            leaf.mark(some, generation)

    def recall(self, row: list[Any], generation: int) -> None:
        name = row[2] if len(row) > 2 and row[0] == -1 else row[1] if len(row) > 1 else None
        for leaf in self._changing:
            if leaf.name == name:
                leaf.recall_marks(row, generation)

    # -- findings -----------------------------------------------------------------------------------------------------

    def _found(
        self,
        kind: FindingKind,
        subject: Subject,
        at: datetime,
        found_at: datetime,
        said: Any,
        deeds: Sequence[tuple[Leaf, int]],
    ) -> Finding | None:
        detail: dict[str, Any] = {}
        spoke = {leaf for leaf, did in deeds if did}
        for leaf in self._leaves:
            numbers = (subject,) if leaf.of_subject or self._key == "device" else self._members.get(subject, ())
            if leaf in spoke:
                detail |= leaf.told(said, subject if leaf.of_subject else said.device.device_no)
            elif not isinstance(leaf, Time):
                for number in numbers:
                    detail |= leaf.detail(number)
        uid = getattr(said, "uid", None) if said is not None else None
        if self._key == "device":
            device = self._devices.get(subject) if said is None else said.device
            identity = None if device is None else self._telling.device(device)
        else:
            identity = self._identity(self._key, subject)
            if said is not None:
                detail["device"] = said.device.device_id
        if identity is None:
            return None
        return self._telling.finding(identity, kind, at, found_at, detail, cause="" if uid is None else str(uid))

    def _identity(self, kind: str, subject: Subject) -> Identity | None:
        if kind == "device":
            device = self._devices.get(subject)
            return None if device is None else self._telling.device(device)
        site_no, place = subject if kind == "place" else (subject, "")
        of_site = self._members.get(subject, ())
        site_id = (
            self._devices[of_site[0]].site_id
            if of_site and of_site[0] in self._devices
            else next((device.site_id for device in self._devices.values() if device.site_no == site_no), "")
        )
        if not site_id:
            return None
        return self._telling.place(site_no, site_id, place) if kind == "place" else self._telling.site(site_no, site_id)


def _of_metrics(metrics: frozenset[str], hear: Watcher) -> Watcher:
    """``hear`` for readings in which any of ``metrics`` is measured."""

    def heard_of(said: Reading, heard: Heard) -> Sequence[Finding]:
        return NOTHING if metrics.isdisjoint(said.values) else hear(said, heard)

    return heard_of


def _holds_nothing_said(when: Condition) -> bool:
    """Whether it may hold of somebody who never said anything: there is a `not`, or silence counts."""
    match when:
        case AllOf(parts) | AnyOf(parts):
            return any(_holds_nothing_said(part) for part in parts)
        case Not():
            return True
        case _:
            return False
