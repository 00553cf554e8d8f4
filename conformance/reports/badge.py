"""A badge in SVG, for a README: the implementation's name, and the level that it reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from conformance.reports.outcomes import Mood, standing
from conformance.reports.text import clipped, in_one_line, printable
from conformance.results import Report

#: White text on each is readable: a contrast of 4.5 at least (WCAG 2.1, 1.4.3).
COLOURS: Mapping[Mood, str] = {
    Mood.GOOD: "#1a7f37",
    Mood.PARTIAL: "#7d5a00",
    Mood.BAD: "#b3261e",
    Mood.OPEN: "#59636e",
}
HEIGHT, MARGIN, LONGEST_NAME = 20, 6, 40
#: Of a letter at 11 pixels, on the average; `textLength` makes the text as long as its field.
LETTER = 6.6
_NAME_COLOUR = "#33383f"


def render(reports: Sequence[Report]) -> str:
    """One badge; those of several implementations stand below one another."""
    rows = [
        (clipped(printable(in_one_line(report.implementation)), LONGEST_NAME), standing(report)) for report in reports
    ]
    width = max((_width(name) + _width(told.says) for name, told in rows), default=0)
    height = HEIGHT * len(rows) + 2 * max(0, len(rows) - 1)
    root = Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=str(width),
        height=str(height),
        viewBox=f"0 0 {width} {height}",
        role="img",
    )
    told_of_all = "; ".join(f"{name}: {told.says}" for name, told in rows)
    root.set("aria-label", f"Dense conformance: {told_of_all}")
    SubElement(root, "title").text = f"Dense conformance: {told_of_all}"
    for at, (name, told) in enumerate(rows):
        _row(root, at * (HEIGHT + 2), name, told.says, COLOURS[told.mood])
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _row(root: Element, top: int, name: str, says: str, colour: str) -> None:
    left, right = _width(name), _width(says)
    SubElement(root, "rect", y=str(top), width=str(left + 3), height=str(HEIGHT), rx="3", fill=_NAME_COLOUR)
    SubElement(root, "rect", x=str(left), y=str(top), width=str(right), height=str(HEIGHT), rx="3", fill=colour)
    _text(root, 0, top, left, name)
    _text(root, left, top, right, says)


def _text(root: Element, x: int, top: int, width: int, text: str) -> None:
    label = SubElement(
        root, "text", x=str(x + MARGIN), y=str(top + 14), fill="#fff", textLength=str(width - 2 * MARGIN)
    )
    label.set("font-family", "Verdana,DejaVu Sans,Geneva,sans-serif")
    label.set("font-size", "11")
    label.set("lengthAdjust", "spacingAndGlyphs")
    label.text = text


def _width(text: str) -> int:
    return round(len(text) * LETTER) + 2 * MARGIN
