"""Save figures and put them into the page.

Each figure lies four times under figures/: as SVG and PDF for talks and paper, as PNG, and as the
table of the numbers that it shows. In the page its SVG takes the page's own ink, so that it can be
read on dark ground.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from epigpt import files
from epigpt.report import one_pass, style, wording
from epigpt.report.blocks import ReportFigure

_FONT = "'DejaVu Sans', Verdana, Arial, sans-serif"
_FONTS = re.compile(r"(font: [^;\"]*?px )[^;\"]*")
_PAGE_INK = {
    style.INK: "var(--ink)",
    style.MUTED: "var(--muted)",
    style.GRID: "var(--line)",
    style.PAPER: "var(--page)",
    # The darkest colours of the palette would sink into dark ground.
    style.BLUE: "var(--blue)",
    style.VERMILION: "var(--vermilion)",
    style.PALETTE[7]: "var(--violet)",
}
_RESOLUTION = 150


@dataclass(frozen=True)
class Drawing:
    """A figure that is ready to be saved: its file name, its source data, what a blind and what a
    seeing reader must be told; `{units}` and `{unit}` in that stand for what groups are called."""

    name: str
    figure: Figure
    source: pd.DataFrame
    alt: str
    caption: str
    wide: bool = True
    print_only: bool = False


class FigureWriter:
    """The folder of a report's figures; `also` names the formats beside SVG, `unit` says what a
    group is called."""

    def __init__(
        self, folder: Path, also: Sequence[str] = ("png", "pdf"), unit: str = "donor"
    ) -> None:
        self.folder = folder
        self.also = also
        self.unit = unit

    def save(self, drawing: Drawing | None) -> list[ReportFigure]:
        """Write a drawing as SVG, PNG, PDF and TSV; give it as a block. Nothing to draw: an empty
        list."""
        if drawing is None:
            return []
        svg, others = _drawn(drawing, self.also)
        files.write_text(self.folder / f"{drawing.name}.svg", svg)
        for suffix, content in others.items():
            with files.path(self.folder / f"{drawing.name}.{suffix}") as temporary:
                temporary.write_bytes(content)
        files.write_tsv(self.folder / f"{drawing.name}.tsv", drawing.source)
        shown = _for_page(svg, drawing.name)
        alt, caption = (_called(text, self.unit) for text in (drawing.alt, drawing.caption))
        return [ReportFigure(drawing.name, shown, alt, caption, drawing.wide, drawing.print_only)]


def inline(drawing: Drawing | None) -> ReportFigure | None:
    """Return a drawing as a block of a page that keeps no folder of figures."""
    if drawing is None:
        return None
    shown = _for_page(_drawn(drawing)[0], drawing.name)
    alt, caption = (_called(text, "donor") for text in (drawing.alt, drawing.caption))
    return ReportFigure(drawing.name, shown, alt, caption, drawing.wide, saved=False)


def _called(text: str, unit: str) -> str:
    return text.replace("{units}", wording.plural(unit)).replace("{unit}", unit)


def _drawn(drawing: Drawing, also: Sequence[str] = ()) -> tuple[str, dict[str, bytes]]:
    """Return a drawing's SVG and its other formats."""
    # A fixed salt and no date: the same figure gives the same bytes.
    with style.quiet(), mpl.rc_context({**style.SETTINGS, "svg.hashsalt": drawing.name}):
        svg, others = one_pass.draw(drawing.figure, _RESOLUTION, also)
    return _FONTS.sub(rf"\g<1>{_FONT}", svg), others


def _for_page(svg: str, name: str) -> Markup:
    """Cut an SVG file down to what a page can hold: no prologue, no metadata, ids that no other
    figure has."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", svg))
    svg = re.sub(
        r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg
    )
    svg = re.sub(r"(url\(#|href=\"#)([^\")]+)", rf"\g<1>{name}-\g<2>", svg)
    svg = re.sub(r"^<svg[^>]*>", _opening, svg, count=1)
    for colour, variable in _PAGE_INK.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(
        r"<(?:path|use|image|clipPath|rect|g)\b[^>]*>",
        lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]),
        svg,
    )
    # The texts inside were escaped by matplotlib's writer when it made the SVG.
    return Markup(re.sub(r"\n\s*", "\n", svg).strip())  # noqa: S704


def _opening(found: re.Match[str]) -> str:
    box = re.search(r'viewBox="([^"]+)"', found[0])
    wide = float(box[1].split()[2]) if box else 0
    return (
        f'<svg viewBox="{box[1] if box else ""}" style="max-width:{wide * 1.7:.0f}px"'
        ' aria-hidden="true" focusable="false">'
    )
