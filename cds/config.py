"""All settings, in one table: a flag goes before the CDS_ environment name, that before the file named by CDS_CONFIG,
that before the default. An unknown name or a wrong value stops start-up with a sentence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cds.errors import ConfigurationError, nearest

PREFIX = "CDS_"
CONFIG_FILE = PREFIX + "CONFIG"
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?")


def moment(text: str) -> datetime:
    """A FHIR dateTime as an aware datetime; parts that are missing are the earliest, a date is midnight UTC. Raises
    ValueError."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError("not a FHIR dateTime such as 2026-03-01T09:30:00Z or 2026-03-01")
    if "T" not in text:
        text = text + "-01-01"[len(text) - 4 :] + "T00:00:00Z"
    return datetime.fromisoformat(text)


def _check_moment(text: str) -> str:
    moment(text)
    return text


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder, not a name at all
        match = nearest(name, available_timezones())
        raise ValueError(f"no time zone is called '{name}'" + (f", did you mean '{match}'?" if match else "")) from None
    return name


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise ValueError(f"there is no folder {path}")
    return path


def _check_file(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _check_url(address: str) -> str:
    if re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", address) is None:
        raise ValueError(f"not a web address such as https://cds.example.org: '{address}'")
    return address.rstrip("/")


def _check_database(secret: SecretStr) -> SecretStr:
    kind, slashes, place = secret.get_secret_value().partition("://")
    if slashes and ((kind == "sqlite" and place.startswith("/") and place != "/") or kind == "postgresql"):
        return secret
    # The address is not repeated: it may hold a password.
    raise ValueError("write sqlite:///file, with a fourth slash for an absolute path, or postgresql://user@host/name")


def _check_pointers(pointers: tuple[str, ...]) -> tuple[str, ...]:
    for pointer in pointers:
        if re.fullmatch(r"(/([^~/]|~[01])+)+", pointer) is None or pointer.endswith("/**"):
            raise ValueError(f"not a JSON pointer such as /prefetch/*/name or /**/identifier: '{pointer}'")
    return pointers


def _state_file() -> SecretStr:
    home = os.path.expanduser("~")  # unlike Path.home() it leaves `~` where a container's user has none
    folder = os.environ.get("XDG_STATE_HOME") or ("/var/lib" if home == "~" else f"{home}/.local/state")
    return SecretStr(f"sqlite:///{folder}/pathway-cds/cds.sqlite3")


def _packaged_content() -> Path:
    package = Path(__file__).resolve().parent
    bundled = package / "plandefinitions"
    return bundled if bundled.is_dir() else package.parent / "plandefinitions"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """What an operator can set. Immutable. Use `load_settings` where a wrong value has to be told to people."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    content: Path = Field(
        default_factory=_packaged_content,
        description="Folder of PlanDefinitions and what they need. Default: the bundled back-pain pathway.",
    )
    overlay: Annotated[Path | None, AfterValidator(_check_folder)] = Field(
        default=None,
        description="Folder of ValueSets, CodeSystems and ConceptMaps that add codes of the site (terminology.md).",
    )
    parameters: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        default=None, description="YAML file of the site's own values of parameters (site-parameters.md)."
    )
    prefer_elm: bool = Field(
        default=False, description="Run the ELM of a Library that has CQL text too, instead of translating the text."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default_factory=_cores, ge=1, le=256, description="Worker processes. Default: one per core.")
    demo: bool = Field(
        default=False, description="Answer callers nobody registered, for trying out. Listens on this machine only."
    )
    now: Annotated[str, AfterValidator(_check_moment)] | None = Field(
        default=None, description="Stops the clock at this FHIR dateTime. Demo mode only."
    )
    timezone: Annotated[str, AfterValidator(_check_zone)] = Field(
        default="UTC", description="IANA time zone of the site; its calendar days are meant by dates in definitions."
    )
    guideline: Literal["nhs", "spine", "both"] = Field(
        default="both", description="Which guideline speaks where two disagree: nhs, spine or both."
    )
    offer_decisions: bool = Field(
        default=False, description="Offer each decision as a service of its own beside its pathway."
    )
    distinct_ids: bool = Field(
        default=True,
        description="Give each hook of a pathway a service id of its own. Without, all share one, so that an EHR that "
        "knows services by hook and id replaces the cards of an earlier hook by those of a later one.",
    )
    max_info_cards: int = Field(
        default=5,
        ge=0,
        description="At most this many info cards for patient-view, which fires at every chart opening.",
    )
    max_body: int = Field(default=4 * 1024 * 1024, ge=1024, description="Largest request body in bytes.")
    max_depth: int = Field(
        default=64, ge=8, le=256, description="Deepest nesting of JSON in what is read of a request."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="Web origins whose pages may call, separated by commas. Demo mode allows all when none is named.",
    )
    clients: Path | None = Field(default=None, description="File of registered clients (integration.md).")
    open_discovery: bool = Field(
        default=True, description="Tell anyone which services there are; else `GET /cds-services` needs a token too."
    )
    operator_token_file: Path | None = Field(
        default=None,
        description="File with the token that an operator sends to reach routes of operation, such as statistics.",
    )
    public_url: Annotated[str, AfterValidator(_check_url)] | None = Field(
        default=None,
        description="Address under which clients reach the service; their tokens are made out to it.",
    )
    database_url: Annotated[SecretStr, AfterValidator(_check_database)] = Field(
        default_factory=_state_file,
        description="Database of decisions, feedback and used tokens: sqlite:///file or postgresql://user@host/name. "
        "Default: a file in the user's state folder, ~/.local/state/pathway-cds.",
    )
    fhir_timeout: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="Seconds that the requests of one call to its FHIR server may take together; what is not there by "
        "then is unknown. Below the time that the EHR waits for cards.",
    )
    fhir_connect_timeout: float = Field(
        default=1.0, gt=0, le=60, description="Seconds to connect to a FHIR server, looking its name up included."
    )
    fhir_read_timeout: float = Field(
        default=2.0, gt=0, le=60, description="Longest silence of a FHIR server in seconds."
    )
    fhir_max_body: int = Field(
        default=8 * 1024 * 1024, ge=1024, description="Largest answer of a FHIR server in bytes, uncompressed."
    )
    fhir_max_pages: int = Field(
        default=20, ge=0, description="Pages beyond the first that are followed for all searches of one call together."
    )
    fhir_max_resources: int = Field(
        default=5000, ge=1, description="Resources that are taken from a FHIR server for one call."
    )
    nodes: int = Field(default=1, ge=1, description="Machines that share the database. More than one needs PostgreSQL.")
    keep_days: int = Field(
        default=365, ge=1, description="Days after which decisions, kept requests and feedback are deleted."
    )
    keep_input: Literal["no", "masked", "encrypted"] = Field(
        default="no",
        description="Whether requests are kept with their decisions, for `cds replay`: no, masked or encrypted.",
    )
    input_key: SecretStr | None = Field(
        default=None,
        description="Fernet key of kept requests, or the path of a file with some, one a line; the first encrypts.",
    )
    mask: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_pointers)] = Field(
        default=(
            *("/**/name", "/**/telecom", "/**/address", "/**/photo", "/**/contact", "/**/identifier", "/**/note"),
            *("/**/display", "/**/text/div", "/**/comment", "/**/conclusion", "/**/valueString", "/**/data"),
        ),
        description="JSON pointers to what is taken out of masked requests: * is any member, ** any number of them.",
    )
    keep_comments: bool = Field(
        default=False, description="Keep what users write about an overridden card. It may be about the patient."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines to write: debug, info, warning or error."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="Form of log lines: json for machines, console for people."
    )

    @property
    def fixed_now(self) -> datetime | None:
        """The moment at which `now` stops the clock, or None."""
        return moment(self.now) if self.now else None

    @property
    def says_guideline(self) -> bool:
        """True when somebody set `guideline`."""
        return "guideline" in self.model_fields_set

    @model_validator(mode="after")
    def _clock_runs_outside_demo_mode(self) -> Settings:
        if self.now and not self.demo:
            raise ValueError(f"{PREFIX}NOW stops the clock in demo mode only: leave it out, or set demo")
        return self

    @property
    def input_keys(self) -> list[str]:
        """The Fernet keys of kept requests. Raises ConfigurationError for a file that cannot be read."""
        text = self.input_key.get_secret_value() if self.input_key else ""
        if "/" in text:  # which no key holds
            try:
                text = Path(text).read_text(encoding="ascii")
            except (OSError, ValueError):  # the name is not repeated: it may be a key that is written wrong
                raise ConfigurationError(
                    f"input_key ({PREFIX}INPUT_KEY): cannot read the file that it names; a key itself has no '/'"
                ) from None
        return text.split()

    @model_validator(mode="after")
    def _nodes_share_a_server(self) -> Settings:
        if self.nodes > 1 and self.database_url.get_secret_value().startswith("sqlite"):
            raise ValueError(f"{PREFIX}NODES: a SQLite file is for one machine; set {PREFIX}DATABASE_URL to PostgreSQL")
        return self

    @model_validator(mode="after")
    def _encryption_has_a_key(self) -> Settings:
        if self.keep_input == "encrypted" and self.input_key is None:
            raise ValueError(f"{PREFIX}KEEP_INPUT: encrypted needs a key in {PREFIX}INPUT_KEY")
        return self

    @model_validator(mode="after")
    def _overlay_is_no_content(self) -> Settings:
        if self.overlay and self.overlay.resolve().is_relative_to(self.content.resolve()):
            raise ValueError(f"{PREFIX}OVERLAY lies in the content folder, which is loaded whole: put it elsewhere")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env files
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no secrets folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the strongest first."""
        path = os.environ.get(CONFIG_FILE)
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read_file(Path(path)) if path else {})


def load_settings(flags: Mapping[str, Any]) -> Settings:
    """The settings of this process; `flags` by field name, None for a flag that was not given.

    Raises ConfigurationError with one sentence per setting that is wrong, and for CDS_ names that do not exist."""
    unknown = list(_unknown_names())
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentence(detail) for detail in error.errors())) from None


def _read_file(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Every scalar is read as text, so that a date stays what was written."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes no objects
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError(f"{CONFIG_FILE}: cannot read {path}: {reason}") from None
    except yaml.YAMLError as error:  # its text quotes the line, which may hold a password
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        raise ConfigurationError(f"{CONFIG_FILE}: {place} is not YAML; put values with signs in quotes") from None
    if values is None or values == "":
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"{CONFIG_FILE}: {path} must hold `name: value` lines")
    return values


def _unknown_names() -> Iterator[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_FILE}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            match = nearest(name, known)
            yield f"{name}: there is no such setting" + (f", did you mean {match}?" if match else "")


def _sentence(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if not detail["loc"]:
        return message
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        match = nearest(name, Settings.model_fields)
        return f"{name}: there is no such setting" + (f", did you mean {match}?" if match else "")
    if detail["type"] == "value_error":
        return f"{name} ({PREFIX}{name.upper()}): {message}"
    found = "" if name in Settings.model_fields and is_secret(name) else f", not {detail['input']!r}"
    return f"{name} ({PREFIX}{name.upper()}): must be {message}{found}"


def is_secret(name: str) -> bool:
    """Whether a setting holds what must not stand on a command line, where everyone on the machine reads it
    (security.md A7)."""
    annotation = Settings.model_fields[name].annotation
    return annotation is SecretStr or SecretStr in get_args(annotation)


def settings_page() -> str:
    """docs/settings.md: the table of all settings."""
    rows = "\n".join(_row(name) for name in Settings.model_fields)
    return f"""# Settings

A flag of `cds serve` goes before the environment, that before the file named by `{CONFIG_FILE}` (YAML, `name: value`),
that before the default. An unknown name or a wrong value stops start-up. This page is written by
`python -m cds.config > docs/settings.md`.

| file key | environment | flag | default | meaning |
| --- | --- | --- | --- | --- |
{rows}
"""


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.default_factory or field.default in (None, ()) else f"`{str(field.default).lower()}`"
    if name in ("host", "timezone"):
        default = f"`{field.default}`"
    elif name == "mask":
        default = f"`{','.join(field.default)}`"
    off = "no-" if field.default is True else ""
    flag = "" if is_secret(name) else f"`--{off}{name.replace('_', '-')}`"
    return f"| `{name}` | `{PREFIX}{name.upper()}` | {flag} | {default} | {field.description} |"


if __name__ == "__main__":
    print(settings_page(), end="")  # noqa: T201 - writes docs/settings.md
