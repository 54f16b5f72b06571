"""The request of a call in the form a site keeps it in: not at all, with members taken out (masked), or encrypted. Of
the cards only digests are kept with it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from cds.errors import ConfigurationError
from cds.fhir import written
from cds.storage.decision import Kept

_ANYTHING, _ANYWHERE = "*", "**"


class Keeper:
    """Makes requests unreadable for the database, and readable again for who has the key."""

    def __init__(self, form: str = "no", *, keys: Sequence[str] = (), mask: Iterable[str] = ()) -> None:
        """`form` is no, masked or encrypted. `keys` are Fernet keys: the first one encrypts, each of them decrypts.
        `mask` holds JSON pointers, see `masked`. Raises ConfigurationError for what is no key."""
        self.form = form
        self._mask = [pointer.split("/")[1:] for pointer in mask]
        self._fernet = _fernet(keys) if keys else None

    @property
    def keeps(self) -> bool:
        """Whether requests are kept."""
        return self.form != "no"

    def unreadable(self, kept: Kept) -> bytes:
        """What is kept of a call, as it is kept."""
        request: Any = kept.request
        if self.form == "masked":
            request = orjson.loads(orjson.dumps(request, default=written))  # the call's own data stays whole
            for path in self._mask:
                _remove(request, path)
        digests = {card["uuid"]: digest(card, self.form) for card in kept.cards}
        whole = {"request": request, "now": kept.now.isoformat(), "cards": digests}
        packed = zlib.compress(orjson.dumps(whole, default=written), 1)
        return self._fernet.encrypt(packed) if self._fernet and self.form == "encrypted" else packed

    def readable(self, form: str, kept: bytes) -> tuple[dict[str, Any], datetime, dict[str, str]]:
        """What was kept of a call in a form: the request, its moment, and the digest of each card by its id. Raises
        ConfigurationError without the right key."""
        if form == "encrypted":
            from cryptography.fernet import InvalidToken

            if self._fernet is None:
                raise ConfigurationError("the request is encrypted: CDS_INPUT_KEY must be the key it was kept with")
            try:
                kept = self._fernet.decrypt(kept)
            except InvalidToken:
                raise ConfigurationError("CDS_INPUT_KEY is not the key that the request was kept with") from None
        found = orjson.loads(zlib.decompress(kept))
        return found["request"], datetime.fromisoformat(found["now"]), found["cards"]


def digest(card: Mapping[str, Any], form: str) -> str:
    """Tells whether two cards say the same, without saying what. A masked request gives other resources than the whole
    one did, so of its cards the resources do not count."""
    plain = orjson.loads(orjson.dumps(card, default=written))  # decimals with their digits are numbers now
    if form == "masked":
        for suggestion in plain.get("suggestions", ()):
            for action in suggestion.get("actions", ()):
                action.pop("resource", None)
    return sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _fernet(keys: Sequence[str]) -> Any:
    from cryptography.fernet import Fernet, MultiFernet  # half as slow to load as all the rest, and mostly not needed

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigurationError(
            "input_key (CDS_INPUT_KEY): not a Fernet key; make one with "
            "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`"
        ) from None


def _remove(value: Any, path: list[str]) -> None:
    """Take out what a JSON pointer (RFC 6901) leads to; `*` is any member or item, `**` any number of steps."""
    step, rest = path[0].replace("~1", "/").replace("~0", "~"), path[1:]
    if step == _ANYWHERE:
        _remove(value, rest)
        for child in _children(value):
            _remove(child, path)
    elif step == _ANYTHING:
        if rest:
            for child in _children(value):
                _remove(child, rest)
        elif isinstance(value, (dict, list)):
            value.clear()
    elif isinstance(value, list):
        if step.isascii() and step.isdigit() and int(step) < len(value):
            _step(value, int(step), rest)
    elif isinstance(value, dict) and step in value:
        _step(value, step, rest)


def _step(value: Any, key: Any, rest: list[str]) -> None:
    if rest:
        _remove(value[key], rest)
    else:
        del value[key]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []
