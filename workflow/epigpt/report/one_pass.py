"""A figure's SVG, PDF and PNG from one pass over what is in it.

Most of a figure's time goes into laying out its texts and ticks, and matplotlib lays it out again
for every format. Here each stroke goes to all formats at once: to SVG and PDF in points, to PNG
scaled to its resolution. What the figure marks as rasterised becomes one image in SVG and PDF.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_pdf import PdfFile, RendererPdf
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, TransformedPath
from PIL import Image

_POINTS = 72  # to the inch: the unit of SVG and PDF
_UNDATED = {"CreationDate": None, "Creator": None, "Producer": None}
_UNSIGNED = {"Date": None, "Creator": None, "Type": None, "Format": None}


def draw(figure: Figure, resolution: int, also: Sequence[str]) -> tuple[str, dict[str, bytes]]:
    """Draw a figure once.

    Parameters
    ----------
    figure
        What to draw; its ground and that of its panels stay undrawn in SVG, are white elsewhere.
    resolution
        Pixels per inch, of PNG and of what is rasterised in SVG and PDF.
    also
        The formats wanted beside SVG: "png", "pdf".

    Returns
    -------
    tuple
        The SVG, and the bytes of the other formats by name. No date and no program is named in
        them: the same figure gives the same bytes.
    """
    for ground in (figure.patch, *(axes.patch for axes in figure.axes)):
        ground.set_visible(False)
    figure.dpi = _POINTS
    wide, high = figure.get_size_inches() * _POINTS
    text = io.StringIO()
    svg = RendererSVG(wide, high, text, image_dpi=resolution, metadata=_UNSIGNED)
    page = _Page(wide, high, resolution) if "pdf" in also else None
    pixels = _Pixels(wide, high, resolution) if "png" in also else None
    figure.draw(_Together(figure, svg, page.renderer if page else None, pixels, resolution))
    svg.finalize()
    written = {}
    if pixels:
        written["png"] = pixels.written()
    if page:
        written["pdf"] = page.written()
    return text.getvalue(), written


class _PdfFromTop(RendererPdf):
    """Places texts by their distance from the top, as the other formats do."""

    def draw_text(self, gc: Any, x: float, y: float, *rest: Any, **more: Any) -> None:
        super().draw_text(gc, x, self.get_canvas_width_height()[1] - y, *rest, **more)


class _Page:
    """A PDF file of one white page."""

    def __init__(self, wide: float, high: float, resolution: int) -> None:
        self._stream = io.BytesIO()
        self._file = PdfFile(self._stream, metadata=_UNDATED)
        self._file.newPage(wide / _POINTS, high / _POINTS)
        self.renderer = _PdfFromTop(self._file, resolution, high / _POINTS, wide / _POINTS)
        _whiten(self.renderer, wide, high)

    def written(self) -> bytes:
        self.renderer.finalize()
        self._file.finalize()
        content = self._stream.getvalue()
        self._file.close()
        return content


class _Pixels:
    """A white picture, drawn on in points."""

    def __init__(self, wide: float, high: float, resolution: int) -> None:
        self._resolution = resolution
        self._scale = resolution / _POINTS
        self.raw: Any = RendererAgg(wide * self._scale, high * self._scale, resolution)
        _whiten(self.raw, self.raw.width, self.raw.height)

    def draw_path(self, gc: Any, path: Any, to: Any, *rest: Any) -> None:
        self.raw.draw_path(self._context(gc), path, self._scaled(to), *rest)

    def draw_markers(self, gc: Any, marker: Any, size: Any, path: Any, to: Any, *rest: Any) -> None:
        size, to = self._scaled(size), self._scaled(to)
        self.raw.draw_markers(self._context(gc), marker, size, path, to, *rest)

    def draw_path_collection(
        self, gc: Any, size: Any, paths: Any, each: Any, *rest: Any, **more: Any
    ) -> None:
        at, to, *look = rest
        size, to = self._scaled(size), self._scaled(to)
        self.raw.draw_path_collection(self._context(gc), size, paths, each, at, to, *look, **more)

    def draw_quad_mesh(self, gc: Any, size: Any, *rest: Any) -> None:
        *mesh, at, to, colours, smooth, edges = rest
        size, to = self._scaled(size), self._scaled(to)
        self.raw.draw_quad_mesh(self._context(gc), size, *mesh, at, to, colours, smooth, edges)

    def draw_image(self, gc: Any, x: float, y: float, image: Any) -> None:
        # The image has the picture's resolution already.
        spot = (round(x * self._scale), round(y * self._scale))
        self.raw.draw_image(self._context(gc), *spot, image)

    def draw_text(self, gc: Any, x: float, y: float, *rest: Any, **more: Any) -> None:
        self.raw.draw_text(self._context(gc), x * self._scale, y * self._scale, *rest, **more)

    def written(self) -> bytes:
        stream = io.BytesIO()
        picture = np.asarray(self.raw.buffer_rgba())[:, :, :3]  # nothing shines through white
        Image.fromarray(picture).save(stream, "png", dpi=(self._resolution, self._resolution))
        return stream.getvalue()

    def _scaled(self, to: Any) -> Affine2D:
        return Affine2D(np.diag([self._scale, self._scale, 1]) @ to.get_matrix())

    def _context(self, gc: Any) -> GraphicsContextBase:
        """Return a graphics context whose clips are in pixels; widths stay in points."""
        scaled = GraphicsContextBase()
        scaled.copy_properties(gc)
        inside = gc.get_clip_rectangle()
        if inside is not None:
            scaled.set_clip_rectangle(Bbox(inside.get_points() * self._scale))
        path, to = gc.get_clip_path()
        if path is not None:
            scaled.set_clip_path(TransformedPath(path, self._scaled(to)))
        return scaled


def _whiten(renderer: RendererBase, wide: float, high: float) -> None:
    gc = renderer.new_gc()
    gc.set_linewidth(0)
    renderer.draw_path(gc, Path.unit_rectangle(), Affine2D().scale(wide, high), (1.0, 1.0, 1.0))


def _on_all(name: str) -> Callable[..., None]:
    def forward(self: "_Together", *given: Any, **more: Any) -> None:
        for target in self.targets():
            getattr(target, name)(*given, **more)

    return forward


class _Together(RendererBase):
    """What a figure draws on: all formats at once."""

    def __init__(
        self,
        figure: Figure,
        svg: RendererSVG,
        pdf: RendererPdf | None,
        pixels: _Pixels | None,
        resolution: int,
    ) -> None:
        super().__init__()
        self._figure, self._svg, self._pdf, self._pixels = figure, svg, pdf, pixels
        self._resolution = resolution
        self._raster: RendererAgg | None = None

    def targets(self) -> list[Any]:
        """Return those that draw now; PDF is last, since it changes the context that it is
        given."""
        if self._raster:
            return [self._raster, *([self._pixels.raw] if self._pixels else [])]
        return [one for one in (self._svg, self._pixels, self._pdf) if one]

    draw_path = _on_all("draw_path")
    draw_markers = _on_all("draw_markers")
    draw_path_collection = _on_all("draw_path_collection")
    draw_quad_mesh = _on_all("draw_quad_mesh")
    draw_image = _on_all("draw_image")
    draw_text = _on_all("draw_text")

    def open_group(self, s: str, gid: str | None = None) -> None:
        if not self._raster:
            self._svg.open_group(s, gid)

    def close_group(self, s: str) -> None:
        if not self._raster:
            self._svg.close_group(s)

    def start_rasterizing(self) -> None:
        self._figure.dpi = self._resolution
        wide, high = self._figure.get_size_inches() * self._resolution
        self._raster = RendererAgg(wide, high, self._resolution)

    def stop_rasterizing(self) -> None:
        assert self._raster  # noqa: S101 (matplotlib calls the two in turn)
        picture, high = np.asarray(self._raster.buffer_rgba()), self._raster.height
        self._raster = None
        self._figure.dpi = _POINTS
        rows, columns = (np.flatnonzero(picture[:, :, 3].any(axis=side)) for side in (1, 0))
        if not len(rows):
            return
        drawn = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][::-1]
        size = self.get_image_magnification()
        spot = (columns[0] / size, (high - rows[-1] - 1) / size)
        for target in (self._svg, self._pdf):  # on the pixels it lies already
            if target:
                target.draw_image(self.new_gc(), *spot, drawn)

    def get_image_magnification(self) -> float:
        return 1 if self._raster else self._resolution / _POINTS

    def points_to_pixels(self, points: Any) -> Any:
        return points * self._figure.dpi / _POINTS

    def get_canvas_width_height(self) -> tuple[float, float]:
        wide, high = self._figure.get_size_inches() * self._figure.dpi
        return wide, high

    def get_text_width_height_descent(
        self, s: str, prop: Any, ismath: Any
    ) -> tuple[float, float, float]:
        size = self._text2path.get_text_width_height_descent(s, prop, ismath)
        wide, high, below = (self.points_to_pixels(part) for part in size)
        return wide, high, below

    def flipy(self) -> bool:
        return True

    def new_gc(self) -> GraphicsContextBase:
        # That of PDF knows more than the others ask for.
        return self._pdf.new_gc() if self._pdf else GraphicsContextBase()
