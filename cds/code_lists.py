"""Codes in CSV files beside value sets (the extension expansion-file)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

Code = tuple[str, str]

_COLUMNS = ("system", "code", "display")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a CSV file: (code, message, hint) and (line, column, source line)."""

    words: tuple[str, str, str | None]
    position: tuple[int, int, str | None]


def read_code_list(content: bytes) -> tuple[dict[Code, str], list[Fault]]:
    """The display of each (system, code) in an expansion file - a header with system, code and display, then one code
    per row - and what is wrong with it. Never raises for bad content."""
    try:
        lines = list(io.StringIO(content.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return {}, [Fault(("file-encoding", "not UTF-8", "save it as UTF-8"), (line, 1, None))]
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            words = ("csv-header", f"the column {missing[0]} is missing", "the first line is: system,code,display")
            return {}, [Fault(words, (1, 1, ",".join(header)))]
        return _rows(reader, header, lines)
    except csv.Error as error:
        return {}, [Fault(("csv-syntax", str(error), "check the quotes"), (reader.line_num or 1, 1, None))]


def _rows(reader: Any, header: list[str], lines: list[str]) -> tuple[dict[Code, str], list[Fault]]:
    system_at, code_at, display_at = (header.index(name) for name in _COLUMNS)
    members: dict[Code, str] = {}
    first_lines: dict[Code, int] = {}
    faults = []
    line = reader.line_num + 1
    for row in reader:
        key = (row[system_at], row[code_at]) if len(row) == len(header) else None
        if key is None or not key[0] or not key[1] or key[1] != key[1].strip() or key in members:
            if row:
                faults.append(_row_fault(row, header, line, first_lines.get(key) if key else None, lines))
        else:
            members[key] = row[display_at]
            first_lines[key] = line
        line = reader.line_num + 1
    return members, faults


def _row_fault(row: list[str], header: list[str], line: int, first: int | None, lines: list[str]) -> Fault:
    """What is wrong with one row, at the field that is at fault."""
    source = lines[line - 1].rstrip("\r\n")
    if len(row) != len(header):
        words = ("csv-row", f"{len(row)} fields, the header has {len(header)}", "put text with commas in double quotes")
        return Fault(words, (line, 1, source))
    if first is not None:
        words = ("csv-duplicate", f"the code is already on line {first}", "remove one of the two rows")
        return Fault(words, (line, _column(source, header.index("code")), source))
    name = next(name for name in _COLUMNS if not row[header.index(name)].strip() or name == "code")
    words = ("csv-row", f"the {name} is missing or has blanks around it", "each row needs a system and a code")
    return Fault(words, (line, _column(source, header.index(name)), source))


def _column(source: str, index: int) -> int:
    """The column where a field begins; 1 when quotes make that a question."""
    fields = source.split(",")
    return 1 if '"' in source else sum(len(text) + 1 for text in fields[:index]) + 1
