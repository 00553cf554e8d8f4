"""Text that an implementation says, made fit to be shown: it may be of any length, and may hold anything."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: str) -> str:
    r"""What cannot be seen is written as its escape, `\x1b`: controls, surrogates, marks that turn the text around.

    Tabs and line feeds stay. What is left is allowed in XML and HTML.
    """
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in text)


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
