"""What an access token may read, from its SMART scopes of version 1 (`patient/Condition.read`) and 2
(`patient/Condition.rs?category=problem-list-item`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import re2

Interaction = Literal["read", "search"]

#: context / type . permission ? filter
_SCOPE = re2.compile(r"(?:patient|user|system)/([A-Za-z]+|\*)\.([a-z]+|\*)(\?.*)?")
#: What the words of version 1 permit, in the letters of version 2.
_WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
_LETTERS: Mapping[Interaction, str] = {"read": "r", "search": "s"}


@dataclass(frozen=True, slots=True)
class Scopes:
    """The resource scopes of a token as (type or `*`, permission letters, whether a filter narrows them). None: the
    client named no scopes at all, so that only its server knows."""

    granted: tuple[tuple[str, str, bool], ...] | None

    @classmethod
    def parse(cls, text: str | None) -> Scopes:
        """The scopes of `fhirAuthorization.scope`. What is no scope on resources, such as `launch`, grants nothing."""
        if text is None:
            return cls(None)
        matches = (_SCOPE.fullmatch(word) for word in text.split())
        return cls(tuple((m[1], _WORDS.get(m[2], m[2]), m[3] is not None) for m in matches if m is not None))

    def permits(self, resource_type: str, interaction: Interaction) -> bool:
        """Whether resources of the type may be asked for, if only some of them."""
        return self.granted is None or bool(self._on(resource_type, interaction))

    def narrows(self, resource_type: str, interaction: Interaction) -> bool:
        """Whether what the server answers may be a part of what there is, by a filter in each scope that permits it."""
        return self.granted is not None and all(self._on(resource_type, interaction))

    def _on(self, resource_type: str, interaction: Interaction) -> list[bool]:
        letter = _LETTERS[interaction]
        return [
            narrow for kind, letters, narrow in self.granted or () if kind in ("*", resource_type) and letter in letters
        ]
