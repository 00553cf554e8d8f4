"""What a script is made of, for one kind of implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from conformance.cases import Question
from reference.config import DenseConfig
from reference.dialects import Dialect


class CannotReproduceError(ValueError):
    """A case of which no script can be written that shows what is wrong: why, and what would do."""


@dataclass(frozen=True)
class Snippet:
    """The few lines that put a question: the body of `ask(Dense)`, which returns what came, by name.

    text: with $names of a question's fields. choices: by the name of an option, what stands for each of its values.
    """

    text: str
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, question: Question, fields: Mapping[str, str]) -> str:
        chosen = {name: values[question.option(name)] for name, values in self.choices.items()}
        return Template(Template(self.text).safe_substitute(chosen)).substitute(fields).strip("\n")


#: Views of wider memory, as functions of a script.
VIEWS: Mapping[str, str] = {
    "in_steps": '''
def in_steps(values):
    """The same values, each beside another one in memory."""
    return np.repeat(values, 2, axis=-1)[..., ::2]
''',
    "in_columns": '''
def in_columns(values):
    """The same values; in memory one feature of all rows comes after the other."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(values, -1, 0)), 0, -1)
''',
}


def bias_fields(config: DenseConfig) -> Mapping[str, str]:
    """What $other_bias and $copied_bias stand for: None in a layer without bias."""
    return {
        "other_bias": "bias - 5" if config.use_bias else "None",
        "copied_bias": "bias.copy()" if config.use_bias else "None",
    }


@dataclass(frozen=True)
class Kind:
    """subject: what its scripts call the thing under test. thing: that of an adapter, or of what a script defines.

    under_test: of a naming the function of a script that gives the thing. absent: what is said where it gives none.
    imports: of a question the lines that its script begins with, besides NumPy's. snippets: by procedure. helpers:
    functions by name, with $names as well; a script has those that it uses. fields: of a question and the adapter, what
    the $names stand for. dtype: of a dtype's name an expression for it. right: for a dialect, what is right in the
    place of the thing under test; None where nothing of this kind is at hand.
    """

    subject: str
    thing: Callable[[Any, Mapping[str, Any]], Any]
    under_test: Callable[[str], str]
    snippets: Mapping[str, Snippet]
    helpers: Mapping[str, str]
    fields: Callable[[Question, Any], Mapping[str, str]]
    dtype: Callable[[str], str]
    absent: str = "cannot be imported"
    imports: Callable[[Question], tuple[str, ...]] = lambda _: ()
    right: Callable[[Dialect], Any] = lambda _: None
