"""The order of versions."""

from __future__ import annotations

from cds.definitions.versions import version_key


def test_versions_are_ordered_as_semantic_versions() -> None:
    """The highest version wins when a canonical names none; numbers compare as numbers."""
    ordered = [None, "0.9", "1.0.0-alpha", "1.0.0-alpha.2", "1.0.0", "1.2", "1.10", "2.0.0-rc.1", "2.0.0", "x"]
    assert sorted([*ordered[5:], *ordered[:5]], key=version_key) == ordered


def test_equal_versions_in_other_words_are_equal() -> None:
    """`1.0` and `1.0.0` and build marks make no difference to the order."""
    assert version_key("1.0") == version_key("1.0.0+build.7")
