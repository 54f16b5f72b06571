"""Results of cases in the form of JUnit, which build servers read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from cds.cases import Result
from cds.cli.items import harmless


def junit(results: Sequence[Result]) -> bytes:
    """One `testcase` per case, its decision as the class; what a failed one differed in is its `failure`."""
    failed = [result for result in results if not result.passed]
    suite = Xml.Element("testsuite", name="cds test", tests=str(len(results)), failures=str(len(failed)))
    for result in results:
        case = result.case
        named = {"classname": case.decision, "name": case.name}
        element = Xml.SubElement(
            suite, "testcase", {**named, "file": harmless(case.location.file), "line": f"{case.location.line}"}
        )
        if not result.passed:
            message = "; ".join(map(str, result.differences))
            Xml.SubElement(element, "failure", message=harmless(message)).text = harmless(result.render())
    Xml.indent(suite)
    written: bytes = Xml.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written + b"\n"
