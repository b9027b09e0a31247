"""SVG, PDF and PNG from one pass over a figure are what matplotlib's own writers draw."""

import io
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from epigpt.report import one_pass, style

RESOLUTION = 150


def figure() -> Figure:
    """Return a figure of everything the report draws with."""
    made, (left, right) = style.canvas(3, columns=2)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300))
    left.scatter(x, y, s=12, color=style.BLUE, rasterized=True)
    left.scatter(x[:9], y[:9], s=np.arange(9) * 9, c=np.arange(9), cmap=style.SEQUENTIAL)
    left.plot([-2, 0, 5], [-2, 3, 5], "o--", color=style.VERMILION, label="a line")
    left.set_xlim(-2, 2)
    left.fill_between([-1, 0, 1], [-1, -2, -1], 0, alpha=0.3)
    left.annotate("a word", (0, 0), xytext=(20, 20), textcoords="offset points")
    left.set_ylabel("across, rotated")
    left.set_title("above", fontsize=13.5)
    left.legend(loc="upper right")
    image = right.imshow(rng.random((4, 5)), aspect="auto")
    right.set_xticks(range(5), [f"sample {at}" for at in range(5)], rotation=90)
    made.colorbar(image, ax=right)
    return made


def drawn(also: tuple[str, ...] = ("png", "pdf")) -> tuple[str, dict[str, bytes]]:
    made = figure()
    with mpl.rc_context({"svg.hashsalt": "salt", "pdf.compression": 0}):
        return one_pass.draw(made, RESOLUTION, also)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_the_svg_is_that_of_matplotlib_alone() -> None:
    made, stream = figure(), io.StringIO()
    for ground in (made.patch, *(axes.patch for axes in made.axes)):
        ground.set_visible(False)
    made.dpi = RESOLUTION
    nothing = {"Date": None, "Creator": None, "Type": None, "Format": None}
    with mpl.rc_context({"svg.hashsalt": "salt"}):
        FigureCanvasSVG(made).print_svg(stream, metadata=nothing)
    assert drawn()[0] == drawn(())[0] == stream.getvalue()


def test_the_png_is_that_of_matplotlib_alone_but_for_half_a_pixel() -> None:
    made, stream = figure(), io.BytesIO()
    made.dpi = RESOLUTION
    FigureCanvasAgg(made).print_png(stream)
    ours, theirs = pixels(drawn()[1]["png"]), pixels(stream.getvalue())
    assert ours.shape == theirs.shape
    off = np.abs(ours - theirs).max(axis=2)
    assert off.mean() < 2
    # The rasterised points lie on the very pixels that they lie on there.
    inside = off[150:250, 200:400]
    assert theirs[150:250, 200:400].min() < 100
    assert (inside > 32).mean() < 0.01
    assert tuple(ours[0, 0]) == (255, 255, 255)


@pytest.mark.slow
@pytest.mark.parametrize("also", [("png",), ("pdf",), ("png", "pdf")])
def test_the_same_figure_gives_the_same_bytes_whatever_else_is_written(also) -> None:
    svg, others = drawn(also)
    whole_svg, whole = drawn()
    assert (svg, others) == (whole_svg, {name: whole[name] for name in also})


def test_a_pdf_is_one_page_of_the_figure_s_size_with_its_words_and_its_images() -> None:
    content = drawn(("pdf",))[1]["pdf"]
    wide, high = (round(72 * inches, 1) for inches in figure().get_size_inches())
    box = re.search(rb"/MediaBox \[ ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) \]", content)
    assert [float(part) for part in box.groups()] == [0, 0, wide, high]
    # The points, the image, the colour bar.
    assert content.count(b"/Subtype /Image") - content.count(b"/SMask") == 3
    assert b"CreationDate" not in content
    title = re.search(rb"([\d.]+) cm\nBT\n/F\d+ 13.5 Tf", content)
    assert float(title[1]) > high * 3 / 4
