"""Every kind that the native core can find has its sentence."""

import re
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import pytest

from gateway.formats.x12.sentences import SENTENCES, sentence

FIELDS = {"what", "segment", "loop", "where", "detail", "rule"}
OWN = {
    "group-not-supported",
    "version-not-supported",
    "set-not-supported",
    "convention-not-supported",
}


def described(kind: str, **facts: object) -> SimpleNamespace:
    """A finding of this kind."""
    nothing = dict.fromkeys(("segment", "loop", "element", "component", "repetition", "name", "rule"))
    return SimpleNamespace(**{**nothing, "kind": kind, "detail": "", **facts})


def test_every_kind_has_a_sentence(repository: Path) -> None:
    """The kinds of the native core and those of the judge itself, and no others."""
    source = (repository / "native/core/src/x12/kind.rs").read_text(encoding="utf-8")
    kinds = set(re.findall(r'^\s+\w+ = "([a-z-]+)",', source, re.MULTILINE))

    assert kinds | OWN == set(SENTENCES)


@pytest.mark.parametrize("kind", sorted(SENTENCES))
def test_sentence_is_one(kind: str) -> None:
    """Known fields only, a capital letter first and a full stop last, with and without details."""
    entry = SENTENCES[kind]
    templates = [entry] if isinstance(entry, str) else list(entry)
    used = {name for template in templates for _, name, _, _ in Formatter().parse(template) if name}

    bare = sentence(described(kind))
    full = sentence(
        described(
            kind,
            detail="35",
            segment="CLM",
            loop="2300",
            element=5,
            component=3,
            repetition=2,
            name="Claim Frequency Code",
            rule="a-rule",
        )
    )

    assert used <= FIELDS
    for text in (bare, full):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "{" not in text


def test_element_is_named_as_in_the_guide() -> None:
    """Reference, repetition and name."""
    found = described("too-long", segment="HI", element=1, component=2, repetition=3, name="Code", detail="30")

    assert sentence(found) == "HI01-2 (repetition 3) Code is longer than the maximum of 30 characters."


def test_unknown_kind_is_named() -> None:
    """A kind of a newer core is not lost."""
    assert sentence(described("brand-new", segment="CLM")) == "CLM: brand new."
