"""Text made fit to be shown: what an implementation says may be of any length, and may hold anything."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

#: Columns of a terminal.
WIDTH = 80


def printable(text: str) -> str:
    r"""What cannot be seen is written as its escape, `\x1b`: controls, surrogates, marks that turn the text around.

    Tabs and line feeds stay. What is left is allowed in XML and HTML.
    """
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in text)


def plain(text: str) -> str:
    """For one line of a terminal: white space is a blank, and what could move a cursor or hide text is its escape."""
    return "".join(each if each.isprintable() else " " if each.isspace() else _escape(each) for each in text)


def wrapped(text: str, first: str = "", rest: str = "  ", width: int = WIDTH) -> list[str]:
    """The lines of a paragraph in a terminal: ids and numbers stay whole. first, rest: what the lines begin with."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def counted(count: int, noun: str, plural: str = "s") -> str:
    """1 case, 2 cases."""
    return f"{count} {noun}{'' if count == 1 else plural}"


def clipped(text: str, length: int) -> str:
    """The text, or its first characters and how many more there are."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length} more characters)"


def in_one_line(text: str) -> str:
    """What is left when white space of any kind becomes one blank."""
    return " ".join(text.split())


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
