"""What `campuswatch sim run` says of its runs: in words as they end, and as JSON when all are over."""

from __future__ import annotations

import json

import click
import msgspec

from simulators.alarm_lines import Language
from simulators.scenarios.interruption import interruption
from simulators.scenarios.judge import judge
from simulators.scenarios.played import Played
from simulators.scenarios.times import spoken

FAILED, INTERRUPTED = 1, 130


class RunReport:
    """``aside``: words go to standard error, because standard output is for the JSON. ``exit_code``: see `FAILED` and
    `INTERRUPTED`; 0 when all passed.
    """

    def __init__(self, language: Language, *, timeline: bool, aside: bool) -> None:
        self._language = language
        self._english = language is Language.EN
        self._timeline = timeline
        self._aside = aside
        self._told: dict[str, object] = {}
        self.exit_code = 0

    def tell(self, played: Played, took_s: float) -> None:
        """Of one run that ended, after ``took_s`` seconds."""
        if played.stopped_s is not None:
            self._tell_interrupted(played, played.stopped_s)
            return
        script = played.script
        judgement = judge(script, played.happenings, language=self._language)
        lasted, took = (spoken(seconds, english=self._english) for seconds in (script.ends_s - script.start_s, took_s))
        beside = f"  ({lasted} in {took})" if self._english else f"（{lasted}，用时 {took}）"
        self._say(f"{'✓' if judgement.ok else '✗'} {script.name}  {self._title(played)}{beside}")
        for failure in judgement.failures:
            self._say(str(failure))
        if self._timeline:
            self._say(judgement.timeline)
        if not judgement.ok:
            self.exit_code = FAILED
        failures = [{"line": failure.line, "text": failure.text} for failure in judgement.failures]
        self._note(played, "passed" if judgement.ok else "failed", failures)

    def json(self) -> str:
        """An object with one entry for each run, by the scenario's name."""
        return json.dumps(self._told, ensure_ascii=False, indent=1)

    def _tell_interrupted(self, played: Played, stopped_s: float) -> None:
        found = interruption(played.script, played.happenings, stopped_s, language=self._language)
        self._say(f"- {played.script.name}  {self._title(played)}")
        self._say(found.text)
        if found.timeline:
            self._say(found.timeline)
        self.exit_code = INTERRUPTED
        self._note(played, "interrupted", [])

    def _note(self, played: Played, verdict: str, failures: list[dict[str, object]]) -> None:
        self._told[played.script.name] = {
            "verdict": verdict,
            "failures": failures,
            "happenings": msgspec.to_builtins(played.happenings),
        }

    def _title(self, played: Played) -> str:
        return played.script.title.en if self._english else played.script.title.zh

    def _say(self, text: str) -> None:
        click.echo(text, err=self._aside)
