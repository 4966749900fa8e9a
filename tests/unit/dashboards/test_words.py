"""Every word shown to people exists in Chinese and in English, with the same gaps, and stands in the dictionaries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboards.oidc.refusal import Fault
from domain.access import Permission, Role

SOURCE = Path(__file__).parents[3] / "dashboards" / "web" / "src"

_LINE = re.compile(
    r"^  '(?P<key>[^']+)':\s*(?P<quote>['\"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote),$", re.MULTILINE
)
_GAP = re.compile(r"\{(\w+)\}")
_CHINESE = re.compile(r"[\u3400-\u9fff\uff00-\uffef]")
_COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
#: The name of a language stands in that language.
_ALLOWED = {"switch.language"}


def _words(language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    words = SOURCE / "words"
    for path in (words / f"{language}.ts", *sorted(words.glob(f"*.{language}.ts"))):
        name, text = path.name, path.read_text("utf-8")
        lines = list(_LINE.finditer(text))
        assert len(lines) == len(re.findall(r"^  '", text, re.MULTILINE)), f"{name} has a line that was not understood"
        for match in lines:
            assert match["key"] not in found, f"{match['key']} twice"
            found[match["key"]] = match["text"]
    return found


def test_no_string_is_missing_in_either_language() -> None:
    chinese, english = _words("zh"), _words("en")
    assert len(chinese) > 700
    assert chinese.keys() - english.keys() == set(), "missing in English"
    assert english.keys() - chinese.keys() == set(), "missing in Chinese"
    assert [key for words in (chinese, english) for key, text in words.items() if not text.strip()] == []


def test_what_the_server_says_by_a_word_has_words() -> None:
    chinese = _words("zh")
    said = {f"permission.{one}" for one in Permission} | {f"role.{one}" for one in Role}
    said |= {f"provider.{one}" for one in Fault}
    assert said - chinese.keys() == set()


def test_both_languages_have_the_same_gaps() -> None:
    chinese, english = _words("zh"), _words("en")
    different = {
        key for key, text in chinese.items() if set(_GAP.findall(text)) != set(_GAP.findall(english.get(key, "")))
    }
    assert different == set()


def test_english_is_english() -> None:
    assert {key for key, text in _words("en").items() if _CHINESE.search(text)} <= _ALLOWED


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.rglob("*")) if path.suffix in {".vue", ".ts"} and path.parent.name != "words"],
    ids=lambda path: path.name,
)
def test_no_page_has_words_of_its_own(path: Path) -> None:
    shown = _COMMENT.sub("", path.read_text("utf-8"))
    assert _CHINESE.findall(shown) == []


def test_every_key_that_is_used_exists() -> None:
    known = _words("zh").keys()
    used = {
        (path.name, key)
        for path in SOURCE.rglob("*")
        if path.suffix in {".vue", ".ts"}
        for key in re.findall(r"\bt\('([^']+)'", path.read_text("utf-8"))
    }
    assert {(name, key) for name, key in used if key not in known} == set()
