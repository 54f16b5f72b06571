"""What an access token may read, by SMART scopes of both versions (cds-hooks.md P12)."""

from __future__ import annotations

import pytest

from cds.access.scopes import Scopes


@pytest.mark.parametrize(
    ("scope", "read", "search"),
    [
        ("patient/Condition.read", True, True),
        ("patient/*.read", True, True),
        ("user/*.*", True, True),
        ("system/Condition.*", True, True),
        ("patient/Condition.write", False, False),
        ("patient/Observation.read", False, False),
        ("patient/Condition.rs", True, True),
        ("patient/*.cruds", True, True),
        ("patient/Condition.r", True, False),
        ("patient/Condition.s", False, True),
        ("patient/Condition.cud", False, False),
        ("patient/Conditions.rs", False, False),
        ("launch/patient openid profile online_access", False, False),
        ("launch patient/Observation.rs user/Condition.r patient/Condition.s", True, True),
        ("patient/Condition", False, False),
        ("x/Condition.rs", False, False),
        ("", False, False),
    ],
)
def test_scopes_permit_reading_by_type(scope: str, read: bool, search: bool) -> None:
    """P12: only within the granted scopes; `.read` of SMART 1 is `.rs` of SMART 2."""
    scopes = Scopes.parse(scope)
    assert (scopes.permits("Condition", "read"), scopes.permits("Condition", "search")) == (read, search)


def test_a_client_that_names_no_scopes_leaves_it_to_its_server() -> None:
    """B9 requires `scope`; where it is missing nothing is known, so that the server decides."""
    assert Scopes.parse(None).permits("Condition", "search")
    assert not Scopes.parse(None).narrows("Condition", "search")


@pytest.mark.parametrize(
    ("scope", "narrow"),
    [
        ("patient/Observation.rs?category=laboratory", True),
        ("patient/Observation.rs?category=laboratory patient/Observation.rs?category=vital-signs", True),
        ("patient/Observation.rs?category=laboratory patient/*.s", False),
        ("patient/Observation.read", False),
    ],
)
def test_a_filtered_scope_gives_a_part_of_what_there_is(scope: str, narrow: bool) -> None:
    """SMART 2 filters make the server leave data out silently: absence is then no fact."""
    assert Scopes.parse(scope).permits("Observation", "search")
    assert Scopes.parse(scope).narrows("Observation", "search") is narrow
