"""The scenario runner behind `cds test`: case files say what a patient's record holds and which cards must come.

`source` reads a case file with the place of each value, `model` is what a case says, `read` turns one into the other,
`expand` writes shorthand out as FHIR, `request` makes the hook call, `compare` judges the cards, `run` does all of it.
A case goes through the same service layer as a live call.
"""

from cds.cases.model import Case, Difference, Result
from cds.cases.run import content_for, engine_for, find, load, run, run_case

__all__ = ["Case", "Difference", "Result", "content_for", "engine_for", "find", "load", "run", "run_case"]
