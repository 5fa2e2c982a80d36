"""Pictures of figures made small enough to keep, and how far two of them are apart."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from carbonshed.present.figures import as_bytes
from carbonshed.present.maps import Drawing

REFERENCES = Path(__file__).parent / "references"
WIDTH = 160
DPI = 66
COLOURS = 64

MEAN_TOLERANCE = 0.15
"""Largest mean absolute difference, in levels of 0 to 255 over all pixels and channels."""

FAR = 24
"""A pixel differs where a channel does by more than this many levels."""

SHARE_TOLERANCE = 0.002
"""Largest share of pixels that differ."""


def small(drawing: Drawing) -> Image.Image:
    """The figure 160 pixels wide, each the mean of what it covers, in at most 64 colours."""
    with Image.open(io.BytesIO(as_bytes(drawing, "png", dpi=DPI))) as picture:
        plain = picture.convert("RGB")
    height = max(round(plain.height * WIDTH / plain.width), 1)
    return plain.resize((WIDTH, height), Image.Resampling.BOX).quantize(COLOURS, dither=Image.Dither.NONE)


def apart(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Mean absolute difference in levels, and share of pixels that differ; pictures of different size share nothing."""
    if one.size != other.size:
        return 255.0, 1.0
    difference = np.abs(np.asarray(one.convert("RGB"), dtype=float) - np.asarray(other.convert("RGB"), dtype=float))
    return float(difference.mean()), float((difference.max(axis=2) > FAR).mean())


def is_same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures agree within both tolerances."""
    mean, share = apart(one, other)
    return mean <= MEAN_TOLERANCE and share <= SHARE_TOLERANCE


def reference(name: str) -> Image.Image:
    """The stored picture of a figure."""
    with Image.open(REFERENCES / f"{name}.png") as picture:
        return picture.copy()
