"""Plots for the page, drawn by matplotlib as SVG that stands inside HTML: it takes the page's font and colours.

Every element is told apart by more than its colour, and every plot says in words what it shows.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from conformance.results import Curve, Report
from reference.activations import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What matplotlib paints with, and the page's own colour that takes its place.
INK, MUTED, GRID, BAND, LINE, MISS = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_COLOURS: Mapping[str, str] = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    BAND: "var(--band)",
    LINE: "var(--plot)",
    MISS: "var(--bad)",
    "#000000": "var(--ink)",
}
#: What is smaller is drawn at the edge, and so is what is larger: a picture shows no more decades.
LEAST_RATIO, GREATEST_RATIO = 1e-3, 1e6
#: Below it a curve's axis is linear, above logarithmic: an error of a hundredth of the bound is seen beside the bound.
LINEAR_BELOW = 0.1
#: Of a curve: each shows the least and the greatest error in it.
COLUMNS = 120
#: Of a curve that stays inside.
_TICKS: Mapping[float, str] = {-1: "−bound", -LINEAR_BELOW: "−0.1", 0: "0", LINEAR_BELOW: "0.1", 1: "+bound"}
_SVG = "http://www.w3.org/2000/svg"


@dataclass(frozen=True)
class Ratios:
    """How near the answers of one activation in one dtype came to the bound, over all that was compared.

    greatest, median: of the distances from the middle, in half-widths.
    """

    activation: str
    dtype: str
    greatest: float
    median: float
    compared: int


@dataclass(frozen=True)
class Plot:
    """An SVG, and what it shows: title, a sentence, and whether something in it is outside."""

    title: str
    says: str
    svg: str = ""
    misses: bool = False


def ratios_of(report: Report) -> tuple[Ratios, ...]:
    """Of every activation and dtype that a clause about arithmetic asked for: one that is graded, or measures."""
    measures = {
        result.clause.id
        for result in report.results
        if result.clause.is_graded or any(0 < each.ratio < math.inf for each in result.comparisons)
    }
    found: dict[tuple[str, str], list[float]] = {}
    for result in report.results:
        config = result.case.question.config
        if result.clause.id in measures:
            distances = [each.ratio for each in result.comparisons if each.counts]
            found.setdefault((config.activation, config.dtype), []).extend(distances)
    return tuple(
        Ratios(activation, dtype, max(distances), statistics.median(distances), len(distances))
        for (activation, dtype), distances in found.items()
        if distances
    )


def plot_ratios(found: Sequence[Ratios], name: str) -> tuple[Plot, ...]:
    """One plot for each dtype: a row of every activation. name: makes the ids in them unique on a page."""
    by_dtype = {
        dtype: [each for each in found if each.dtype == dtype] for dtype in dict.fromkeys(e.dtype for e in found)
    }
    right = max((each.greatest for each in found if each.greatest < math.inf), default=1.0)
    edge = 10.0 ** math.ceil(math.log10(min(max(right, 2.0), GREATEST_RATIO)))
    return tuple(_ratio_plot(dtype, rows, edge, f"{name}-ratio-{dtype}") for dtype, rows in by_dtype.items())


def plot_curves(curves: Sequence[Curve], name: str) -> tuple[Plot, ...]:
    """One plot for each activation; of one that has no curve, why not."""
    return tuple(_curve_plot(curve, f"{name}-curve-{curve.activation}") for curve in curves)


# ---- error over bound ----------------------------------------------------------------------------------------------


def _ratio_plot(dtype: str, found: Sequence[Ratios], edge: float, name: str) -> Plot:
    order = list(ACTIVATIONS)
    rows = sorted(found, key=lambda each: order.index(each.activation))
    worst = max(rows, key=lambda each: each.greatest)
    compared = sum(each.compared for each in rows)
    says = f"largest: {_said(worst.greatest)}, by {worst.activation}; {compared} comparisons"
    figure, axes = _figure(3.4, 0.55 + 0.165 * len(rows))
    axes.set_xscale("log")
    axes.set_xlim(LEAST_RATIO / 1.6, edge * 1.6)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvspan(LEAST_RATIO / 1.6, 1.0, color=BAND, linewidth=0)
    axes.axvline(1.0, color=INK, linewidth=1)
    axes.grid(axis="y", color=GRID, linewidth=0.5)
    for row, each in enumerate(rows):
        low, high = (min(max(value, LEAST_RATIO), edge) for value in (each.median, each.greatest))
        colour = MISS if each.greatest > 1 else LINE
        axes.plot([low, high], [row, row], color=colour, linewidth=1.6)
        axes.plot([high], [row], _mark(each.greatest, edge), color=colour, markersize=4.5)
    axes.set_yticks(range(len(rows)), [each.activation for each in rows])
    decades = range(round(math.log10(LEAST_RATIO)), round(math.log10(edge)) + 1)
    shown = [at for at in decades if len(decades) <= 6 or at % 3 == 0]
    axes.set_xticks([10.0**at for at in shown], [_decade(at) for at in shown])
    axes.set_xticks([], minor=True)
    svg = _svg(figure, name, f"error over bound in {dtype}, by activation: {says}")
    return Plot(dtype, says, svg, worst.greatest > 1)


def _mark(ratio: float, edge: float) -> str:
    """A circle inside the bound, a cross outside, an arrow beyond the picture."""
    if ratio > edge:
        return ">"
    return "x" if ratio > 1 else "o"


def _decade(exponent: int) -> str:
    return "bound" if exponent == 0 else f"{10.0**exponent:g}"


# ---- error curves --------------------------------------------------------------------------------------------------


def _curve_plot(curve: Curve, name: str) -> Plot:
    if curve.absent:
        return Plot(curve.activation, f"no curve: {curve.absent}")
    greatest = max(map(abs, curve.error))
    misses = sum(abs(error) > 1 for error in curve.error)
    says = f"largest error: {_said(greatest)}"
    says += f"; {misses} of {len(curve.z)} points are outside" if misses else ""
    says += f"; as Keras computes it (erratum {curve.erratum})" if curve.erratum else ""
    figure, axes = _figure(2.9, 1.55)
    axes.set_yscale("symlog", linthresh=LINEAR_BELOW, linscale=0.6)
    edge = 10.0 ** math.ceil(math.log10(min(greatest, GREATEST_RATIO))) if greatest > 1 else 1.0
    axes.set_ylim(-edge * 1.9, edge * 1.9)
    axes.set_xlim(curve.z[0], curve.z[-1])
    axes.axhspan(-1, 1, color=BAND, linewidth=0)
    for bound in (-1, 1):
        axes.axhline(bound, color=INK, linewidth=0.8)
    for line in (-LINEAR_BELOW, 0, LINEAR_BELOW):
        axes.axhline(line, color=GRID, linewidth=0.6)
    z, low, high = _envelope(curve, edge * 1.4)
    axes.fill_between(z, low, high, facecolor=LINE, edgecolor=LINE, linewidth=1.2)
    outside = [(at, each) for at, *both in zip(z, low, high, strict=True) for each in both if abs(each) > 1]
    if outside:
        axes.plot(*zip(*outside, strict=True), "x", color=MISS, markersize=3.5)
    ticks = _TICKS if edge == 1 else {-edge: f"−{edge:g}", -1: _TICKS[-1], 1: _TICKS[1], edge: f"+{edge:g}"}
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_yticks([], minor=True)
    axes.set_xticks([-20, -10, 0, 10, 20])
    svg = _svg(figure, name, f"error of {curve.activation} over the pre-activation z, in bounds: {says}")
    return Plot(curve.activation, says, svg, misses > 0)


def _envelope(curve: Curve, limit: float) -> tuple[list[float], list[float], list[float]]:
    """Of each column of the picture the middle of its z, the least and the greatest error, cut at ±limit."""
    first, last = curve.z[0], curve.z[-1]
    columns: dict[int, list[tuple[float, float]]] = {}
    for z, error in zip(curve.z, curve.error, strict=True):
        column = int((z - first) / (last - first) * COLUMNS) if last > first else 0
        columns.setdefault(column, []).append((z, max(-limit, min(limit, error))))
    points = [columns[column] for column in sorted(columns)]
    middles = [statistics.fmean(z for z, _ in each) for each in points]
    errors = [[error for _, error in each] for each in points]
    return middles, list(map(min, errors)), list(map(max, errors))


# ---- what all have in common ---------------------------------------------------------------------------------------


def _said(ratio: float) -> str:
    if math.isinf(ratio):
        return "more than any multiple of the bound"
    return f"{ratio:.2g} times the bound" if ratio > 1 else f"{ratio:.2g} of the bound"


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Inches. No pyplot: it would keep what it draws, and set up a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=8, labelcolor=MUTED, which="both")
    return figure, axes


def _svg(figure: Figure, name: str, says: str) -> str:
    """The figure as an element of a page: no ids that could be there twice, no style of its own, texts as text."""
    import io

    from matplotlib import rc_context

    written = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(written.getvalue())
    for child in list(root):
        if child.tag == f"{{{_SVG}}}metadata":
            root.remove(child)
    _embed(root, name)
    root.set("role", "img")
    root.set("aria-label", says)
    return ElementTree.tostring(root, encoding="unicode")


def _embed(root: ElementTree.Element, name: str) -> None:
    href = "{http://www.w3.org/1999/xlink}href"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}clipPath"):
                parent.remove(child)
    used = {element.get(href, "").removeprefix("#") for element in root.iter()}
    for element in root.iter():
        element.attrib.pop("clip-path", None)
        given = element.attrib.pop("id", "")
        if given in used - {""}:
            element.set("id", f"{name}-{given}")
        if element.get(href):
            element.set("href", f"#{name}-{element.attrib.pop(href).removeprefix('#')}")
        if "style" in element.attrib:
            element.set("style", _restyled(element.attrib["style"]))
        element.text, element.tail = _trimmed(element.text), _trimmed(element.tail)
        if "d" in element.attrib:
            element.set("d", _shortened(element.attrib["d"]))


def _restyled(style: str) -> str:
    for colour, own in _COLOURS.items():
        style = style.replace(colour, own)
    return re.sub(r"font: ([\d.]+px) [^;]*", r"font-size: \1", style)


def _shortened(path: str) -> str:
    """A hundredth of a point is less than a screen shows."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), " ".join(path.split()))


def _trimmed(text: str | None) -> str | None:
    return text.strip() or None if text else text


def worst_first(plots: Iterable[Plot]) -> Iterator[Plot]:
    """Those with something outside, then the rest, then what could not be drawn; else as they come."""
    yield from sorted(plots, key=lambda plot: (not plot.misses, not plot.svg))
