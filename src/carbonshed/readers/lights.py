"""Night lights: what is a measurement and what only a picture, and whether the years of a series come from one sensor."""

from __future__ import annotations

from collections.abc import Sequence

from carbonshed.checks import Problem, examples
from carbonshed.readers.rasters import RasterLook

DMSP_LARGEST = 63.0
"""Largest digital number of DMSP-OLS (6 bits): its brightest pixels saturate there."""

SAME_PIXEL = 0.01
"""Pixels of one series differ in size by less than this share."""


def lights_problems(looks: Sequence[RasterLook], *, calibrated: str | None = None, where: str = "lights") -> list[Problem]:
    """Night lights that are no measurement, or no one series.

    Parameters
    ----------
    looks : sequence of RasterLook
        Every year of the series, see `look_at_rasters`.
    calibrated : str, optional
        Name of the inter-calibrated series the years belong to: then years of unlike numbers are taken as one series.
    where : str
        What messages call the raster.

    Returns
    -------
    list of Problem
        ``lights_are_a_picture``: 8-bit numbers in bands of colour, or above 63 (a brightness for the eye, 0-255, is no radiance, and
        DMSP ends at 63). ``sensors_joined``: years of unlike sensors (digital numbers up to 63; radiance; other pixels).
        ``no_lights``: a year without a single lit pixel. ``saturated`` (a warning): digital numbers at their largest value.

    Notes
    -----
    DMSP-OLS stable lights: digital numbers 0-63, 30 arc-seconds, 1992-2013. VIIRS day/night band: nW cm-2 sr-1, 15 arc-seconds,
    2012 on. Elvidge et al. 1999, Remote Sens. Environ. 68:77 (DMSP); Elvidge et al. 2017, Int. J. Remote Sens. 38:5860 (VIIRS).

    Examples
    --------
    >>> from pathlib import Path
    >>> picture = RasterLook(2012, Path("night.tif"), "uint8", 3, True, 0.1, "", 0.0, 255.0)
    >>> [problem.code for problem in lights_problems([picture])]
    ['lights_are_a_picture']
    """
    pictures = [look for look in looks if _is_picture(look)]
    if pictures:
        got = examples(f"{look.path.name}: {look.dtype}, {look.n_bands} band(s), values up to {look.largest:g}" for look in pictures)
        fix = "Give radiance (VIIRS, nW cm-2 sr-1) or DMSP digital numbers; a picture for display cannot be turned into either."
        return [Problem("lights_are_a_picture", "night lights as measured", f"a picture ({got})", where, fix)]
    problems = []
    dark = [str(look.year) for look in looks if not look.largest > 0]
    if dark:
        fix = "Check the file, its band and its nodata value."
        problems.append(Problem("no_lights", "a lit pixel in every year", f"none in {examples(dark)}", where, fix))
    if calibrated is None and not dark:
        problems += _joined(looks, where)
    saturated = [str(look.year) for look in looks if look.largest == DMSP_LARGEST]
    if saturated:
        fix = "Town centres are brighter than shown, so they get too small a share; prefer a series that does not saturate."
        problems.append(Problem("saturated", "lights below 63", f"63 (saturated) in {examples(saturated)}", where, fix, "warning"))
    return problems


def _is_picture(look: RasterLook) -> bool:
    return look.dtype == "uint8" and (look.largest > DMSP_LARGEST or look.is_colour)


def _sensor(look: RasterLook) -> str:
    is_digital = "int" in look.dtype and look.largest <= DMSP_LARGEST
    return "DMSP-like" if is_digital or look.largest == DMSP_LARGEST else "radiance" if look.largest > DMSP_LARGEST else "dim"


def _joined(looks: Sequence[RasterLook], where: str) -> list[Problem]:
    kinds = {_sensor(look) for look in looks} - {"dim"}
    pixels = [look.pixel for look in looks]
    if len(kinds) < 2 and max(pixels) <= min(pixels) * (1 + SAME_PIXEL):
        return []
    got = examples((f"{look.year}: {_sensor(look)}, pixel {look.pixel:.4g}" for look in looks), 12)
    fix = (
        "DMSP (to 2013) and VIIRS (from 2012) are used only as one inter-calibrated series: give such a series, "
        "and name it in lights_calibrated where its years still look unlike."
    )
    return [Problem("sensors_joined", "lights of one sensor, or one inter-calibrated series", got, where, fix)]
