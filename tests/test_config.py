"""The settings table: where values come from, and what is said about wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cds.config import Settings, load_settings, moment, settings_page
from cds.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(f"CDS_{field.upper()}" for field in Settings.model_fields), "CDS_CONFIG"]:
        monkeypatch.delenv(name, raising=False)


def _complaint(**flags: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(flags)
    return str(caught.value)


def test_defaults_are_safe() -> None:
    """Without settings the service listens on this machine, with limits, no demo mode and no origins (J14, security
    B1)."""
    settings = load_settings({})
    assert (settings.host, settings.port, settings.demo, settings.cors_origins) == ("127.0.0.1", 8000, False, ())
    assert (settings.max_body, settings.max_depth, settings.timezone, settings.guideline) == (
        4 << 20,
        64,
        "UTC",
        "both",
    )
    assert settings.workers >= 1
    assert settings.content.name == "plandefinitions"


def test_flag_goes_before_environment_before_file_before_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The order of sources is flag, CDS_ name, file, default; a flag that was not given is no flag."""
    file = tmp_path / "cds.yaml"
    file.write_text("port: 1003\nhost: ::1\nguideline: nhs\ndemo: yes\nnow: 2026-03-01\n")
    monkeypatch.setenv("CDS_CONFIG", str(file))
    monkeypatch.setenv("CDS_PORT", "1002")
    monkeypatch.setenv("CDS_HOST", "localhost")
    settings = load_settings({"port": "1001", "host": None})
    assert (settings.port, settings.host, settings.guideline, settings.max_depth) == (1001, "localhost", "nhs", 64)
    assert settings.fixed_now == datetime(2026, 3, 1, tzinfo=UTC)


def test_an_unknown_environment_name_stops_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt CDS_ name is not silently without effect: it is named with the nearest valid one."""
    monkeypatch.setenv("CDS_TIMEZON", "Europe/London")
    monkeypatch.setenv("CDS_XYZZY", "1")
    assert _complaint().splitlines() == [
        "CDS_TIMEZON: there is no such setting, did you mean CDS_TIMEZONE?",
        "CDS_XYZZY: there is no such setting",
    ]


def test_an_unknown_name_in_the_file_stops_start_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A misspelt key in the settings file is named with the nearest valid one."""
    file = tmp_path / "cds.yaml"
    file.write_text("prot: 1\n")
    monkeypatch.setenv("CDS_CONFIG", str(file))
    assert _complaint() == "prot: there is no such setting, did you mean port?"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("- a\n", "must hold `name: value` lines"),
        ("a: [", "is not YAML"),
        (None, "cannot read {file}: No such file or directory"),
        (b"\xff", "cannot read {file}: it is not UTF-8"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_told(
    content: str | bytes | None, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing or malformed settings file stops start-up."""
    file = tmp_path / "cds.yaml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("CDS_CONFIG", str(file))
    complaint = _complaint()
    assert part.replace("{file}", str(file)) in complaint
    assert complaint.count(str(file)) == 1


def test_an_empty_settings_file_sets_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty file is fine."""
    (tmp_path / "cds.yaml").write_text("")
    monkeypatch.setenv("CDS_CONFIG", str(tmp_path / "cds.yaml"))
    assert load_settings({}).port == 8000


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"port": "x"}, "port (CDS_PORT): must be a valid integer, unable to parse string as an integer, not 'x'"),
        ({"port": 70000}, "port (CDS_PORT): must be less than or equal to 65535, not 70000"),
        ({"guideline": "nice"}, "guideline (CDS_GUIDELINE): must be 'nhs', 'spine' or 'both', not 'nice'"),
        (
            {"timezone": "Europe/Lodnon"},
            "timezone (CDS_TIMEZONE): no time zone is called 'Europe/Lodnon', did you mean 'Europe/London'?",
        ),
        ({"timezone": "../etc/passwd"}, "timezone (CDS_TIMEZONE): no time zone is called '../etc/passwd'"),
        (
            {"demo": True, "now": "yesterday"},
            "now (CDS_NOW): not a FHIR dateTime such as 2026-03-01T09:30:00Z or 2026-03-01",
        ),
        ({"now": "2026-03-01"}, "CDS_NOW stops the clock in demo mode only: leave it out, or set demo"),
        (
            {"public_url": "cds"},
            "public_url (CDS_PUBLIC_URL): not a web address such as https://cds.example.org: 'cds'",
        ),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(flags: dict[str, Any], sentence: str) -> None:
    """Each wrong setting gives one readable line with its names and the remedy."""
    assert _complaint(**flags) == sentence


def test_all_wrong_settings_are_told_at_once() -> None:
    """Nobody has to start the service once per mistake."""
    assert len(_complaint(port="x", workers="y", log_level="loud").splitlines()) == 3


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in the environment needs no JSON; a file may hold a list (F14)."""
    monkeypatch.setenv("CDS_CORS_ORIGINS", "https://a.example, https://b.example,")
    assert load_settings({}).cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-03", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T10:11Z", datetime(2026, 3, 2, 10, 11, tzinfo=UTC)),
        ("2026-03-02T10:11:12.5+02:00", datetime(2026, 3, 2, 10, 11, 12, 500_000, timezone(timedelta(hours=2)))),
    ],
)
def test_the_fixed_moment_is_a_fhir_datetime(text: str, expected: datetime) -> None:
    """CDS_NOW takes every precision; a date is midnight UTC (apply-protocol, demo mode)."""
    assert moment(text) == expected
    assert Settings(demo=True, now=text).fixed_now == expected


@pytest.mark.parametrize(
    "text", ["", "26", "2026-13", "2026-02-30", "2026-03-02T10:11", "2026-03-02 10:11Z", "2026-03-02T25:00Z"]
)
def test_other_texts_are_no_moment(text: str) -> None:
    """A time needs its zone, and a date must exist."""
    with pytest.raises(ValueError, match=r".+"):
        moment(text)


def test_settings_are_immutable() -> None:
    """Nothing changes settings after start-up."""
    with pytest.raises(ValidationError):
        load_settings({}).port = 1


def test_the_settings_page_is_current() -> None:
    """docs/settings.md is what `python -m cds.config` prints (habit 28)."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()


def test_an_overlay_is_a_folder_outside_the_content(tmp_path: Path) -> None:
    """A misspelt folder must not leave a site's codes out silently, and no file may be loaded twice."""
    assert load_settings({"overlay": str(tmp_path)}).overlay == tmp_path
    assert "there is no folder" in _complaint(overlay=str(tmp_path / "none"))
    (tmp_path / "inside").mkdir()
    assert "lies in the content folder" in _complaint(content=str(tmp_path), overlay=str(tmp_path / "inside"))


@pytest.mark.parametrize(
    ("state", "home", "place"),
    [
        ("/state", "/home/a", "/state"),
        ("", "/home/a", "/home/a/.local/state"),
        ("", None, "/var/lib"),
    ],
)
def test_the_default_database_is_a_file_of_the_user(
    monkeypatch: pytest.MonkeyPatch, state: str, home: str | None, place: str
) -> None:
    """Without a setting it lies in the user's state folder, wherever the program is started; a user without a home, as
    in containers, is no error."""
    monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setattr("os.path.expanduser", lambda path: home or path)
    url = load_settings({}).database_url.get_secret_value()
    assert url == f"sqlite:///{place}/pathway-cds/cds.sqlite3"


@pytest.mark.parametrize(
    "url",
    ["mysql://u:canary@h/d", "sqlite://", "sqlite:///", "postgres://u:canary@h/d", "/var/lib/cds.sqlite3", "canary"],
)
def test_a_wrong_database_is_told_without_its_password(url: str) -> None:
    """The sentence says what to write, and repeats nothing of an address that may hold a password (security A7)."""
    complaint = _complaint(database_url=url)
    assert complaint.startswith("database_url (CDS_DATABASE_URL): write sqlite:///file")
    assert "canary" not in complaint


def test_secrets_have_no_flags_and_are_not_shown() -> None:
    """A command line is read by everyone on the machine, and settings are printed (security A7)."""
    settings = load_settings({"database_url": "postgresql://u:canary@h/d", "input_key": "canary"})
    assert "canary" not in repr(settings)
    page = settings_page()
    assert "--database-url" not in page
    assert "--input-key" not in page


def test_encrypted_requests_need_a_key() -> None:
    """Asking for encryption without a key stops the start, rather than leave requests readable."""
    assert _complaint(keep_input="encrypted") == "CDS_KEEP_INPUT: encrypted needs a key in CDS_INPUT_KEY"


@pytest.mark.parametrize("pointer", ["name", "/", "/a//b", "/a/**", "/a~2"])
def test_a_pointer_that_is_none(pointer: str) -> None:
    """What is masked is said by JSON pointers; one that would take out nothing is told."""
    assert "not a JSON pointer" in _complaint(mask=f"/a/*,{pointer}")


def test_keys_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """A value with a slash is the path of a file with some keys (security A7)."""
    file = tmp_path / "keys"
    file.write_text("new=\nold=\n")
    assert load_settings({"input_key": str(file)}).input_keys == ["new=", "old="]
    assert load_settings({"input_key": "only="}).input_keys == ["only="]
    assert load_settings({}).input_keys == []
    with pytest.raises(ConfigurationError, match=r"input_key \(CDS_INPUT_KEY\): cannot read"):
        _ = load_settings({"input_key": f"{tmp_path}/none"}).input_keys


@pytest.mark.parametrize(
    "text", ["database_url: postgresql://u:canary: x@host/name", "input_key: *canary", "input_key: [canary]"]
)
def test_a_file_that_is_wrong_repeats_no_secret(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not YAML, or of the wrong type, is told by its place or name: the line may hold a password (security
    A7)."""
    file = tmp_path / "cds.yaml"
    file.write_text(text)
    monkeypatch.setenv("CDS_CONFIG", str(file))
    told = _complaint()
    assert "canary" not in told
    assert f"{file}:1:" in told or "input_key (CDS_INPUT_KEY): must be" in told
