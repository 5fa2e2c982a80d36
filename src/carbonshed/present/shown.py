"""A matplotlib figure that shows itself in notebooks, in our own fonts, whether or not pyplot is in use."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from carbonshed.present.style import context

SCREEN_DPI = 110


class ShownFigure(Figure):
    """A figure whose picture is made when a notebook asks for it.

    `all_fonts` tells that one of its texts needs a font of the system (see `carbonshed.present.style.context`).
    """

    all_fonts = False

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with context(all_fonts=self.all_fonts):
            self.savefig(buffer, format="png", dpi=SCREEN_DPI, metadata={"Software": "carbonshed"})
        return buffer.getvalue()
