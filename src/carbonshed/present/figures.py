"""The catalogue of figures: which function draws each, which tables it needs, and one call that saves them all.

figure("results", "zones_map", lang="zh")        # a matplotlib Figure
save_figures("results", lang="both")             # figures/zones_map_zh.png, .pdf, ... and figures/zones_map.csv
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from matplotlib.figure import Figure

from carbonshed.checks import choose, refuse
from carbonshed.present import change_maps, charts, maps, movements, scale_charts
from carbonshed.present.folder import ResultFolder
from carbonshed.present.fonts import has_chinese
from carbonshed.present.maps import Drawing
from carbonshed.present.style import DPI, context
from carbonshed.present.words import LANGUAGES, Words
from carbonshed.registry import terms

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Recipe:
    """How a figure is drawn, and when it can be.

    Parameters
    ----------
    draw : callable
        ``draw(result, words) -> Drawing``.
    needs : callable
        Whether the result holds what it takes.
    """

    draw: Callable[[ResultFolder, Words], Drawing]
    needs: Callable[[ResultFolder], bool]


def _accounts(result: ResultFolder) -> bool:
    return result.has("accounts_grid") or result.has("accounts_county")


def _shapes(result: ResultFolder) -> bool:
    return _accounts(result) or result.has("zones")


def _money(result: ResultFolder) -> bool:
    return result.has("compensation") and (result.has("accounts_county") or "geometry" in result.table("compensation"))


FIGURES: Mapping[str, Recipe] = MappingProxyType(
    {
        "balance_strip": Recipe(charts.balance_strip, lambda result: bool(result.manifest.get("totals"))),
        "source_map": Recipe(maps.source_map, _accounts),
        "sink_map": Recipe(maps.sink_map, _accounts),
        "net_map": Recipe(maps.net_map, _accounts),
        "scale_response": Recipe(charts.scale_response, lambda result: result.has("scale_response")),
        "scale_draws": Recipe(scale_charts.scale_draws, lambda result: result.has("scale_draws")),
        "scale_indicators": Recipe(scale_charts.scale_indicators, scale_charts.has_curves),
        "scale_maps": Recipe(
            scale_charts.scale_maps, lambda result: result.has("scale_response") and len(scale_charts.three_sides(result)) > 1
        ),
        "hot_spots_map": Recipe(maps.hot_spots_map, lambda result: maps.has_local_statistics(result, money=False)),
        "gi_star_map": Recipe(maps.gi_star_map, lambda result: maps.has_local_statistics(result, money=False)),
        "hot_spots_money_map": Recipe(maps.hot_spots_money_map, lambda result: maps.has_local_statistics(result, money=True)),
        "zones_map": Recipe(maps.zones_map, lambda result: result.has("zones")),
        "zone_shares": Recipe(charts.zone_shares, lambda result: result.has("zone_summary")),
        "compensation_map": Recipe(maps.compensation_map, _money),
        "balance_ratio": Recipe(charts.balance_ratio, lambda result: charts.has_balance_ratio(result)),
        "flows_map": Recipe(movements.flows_map, lambda result: _money(result) and result.has("flows")),
        "trends_map": Recipe(change_maps.trends_map, lambda result: _shapes(result) and result.has("trends")),
        "hot_spot_change_map": Recipe(change_maps.hot_spot_change_map, lambda result: _shapes(result) and result.has("hot_spot_change")),
        "concentration_chart": Recipe(
            change_maps.concentration_chart,
            lambda result: result.has("concentration") and len(set(result.table("concentration")["year"])) > 1,
        ),
        "centre_track": Recipe(movements.centre_track, lambda result: _accounts(result) and result.has("centre_of_gravity")),
    }
)


def available_figures(result: ResultFolder) -> list[str]:
    """Names of the figures that this result can give, in the order of the report."""
    return [name for name, recipe in FIGURES.items() if recipe.needs(result)]


def draw(result: ResultFolder, name: str, lang: str) -> Drawing:
    """Draw one figure; in English where no font for Chinese is at hand.

    Raises
    ------
    InputError
        If there is no such figure, or the result lacks what it needs.
    """
    recipe = FIGURES[choose(name, FIGURES, where="figure")]
    if not recipe.needs(result):
        raise refuse(
            "no_table",
            expected=f"the tables of the figure {name!r}",
            got="a result without them",
            where=str(result.path),
            fix=f"This result can give: {', '.join(available_figures(result))}.",
        )
    words = Words(choose(lang, LANGUAGES, where="lang"))
    with context():
        return recipe.draw(result, words if has_chinese() else Words("en"))


def figure(result_dir: str | Path, name: str, *, lang: str = "en") -> Figure:
    """One figure of a result folder, as a matplotlib Figure without any global state.

    Parameters
    ----------
    result_dir : path
        A result folder.
    name : str
        A name of ``FIGURES``, e.g. ``"zones_map"``.
    lang : {"zh", "en"}
        Language of title, legend and labels.

    Raises
    ------
    InputError
        If there is no such figure, or the result lacks what it needs (the message names those it can give).
    """
    return draw(ResultFolder(result_dir), name, lang).figure


def figure_data(result_dir: str | Path, name: str) -> pd.DataFrame:
    """The numbers behind one figure, with units in the column heads; what its CSV holds."""
    result = ResultFolder(result_dir)
    return with_units(draw(result, name, "en").data)


def with_units(data: pd.DataFrame) -> pd.DataFrame:
    """The frame with registered columns headed ``name [unit]``; geometry left out.

    >>> list(with_units(pd.DataFrame({"unit_id": ["a"], "carbon_sink": [1.0]})))
    ['unit_id', 'carbon_sink [t CO2 a-1]']
    """
    known = terms()
    plain = pd.DataFrame(data.drop(columns="geometry", errors="ignore"))
    heads = {name: f"{name} [{known[name].unit}]" for name in map(str, plain) if name in known and known[name].unit not in ("-", "1")}
    return plain.rename(columns=heads)


def as_bytes(drawing: Drawing, kind: str, *, dpi: int = DPI) -> bytes:
    """A drawn figure as PNG or PDF; the same bytes each time (no dates inside)."""
    buffer = io.BytesIO()
    metadata = {"CreationDate": None} if kind == "pdf" else {"Software": "carbonshed"}
    with context():
        drawing.figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def save_figures(
    result_dir: str | Path,
    lang: str = "both",
    *,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: int = DPI,
    progress: Progress | None = None,
) -> list[Path]:
    """Draw every figure of a result into its folder ``figures/``, with the numbers of each as CSV beside it.

    Parameters
    ----------
    result_dir : path
        A result folder; nothing outside it is read.
    lang : {"zh", "en", "both"}
        Files are named ``<figure>_<lang>.png`` and ``.pdf``; the CSV is ``<figure>.csv``.
    formats : sequence of {"png", "pdf", "svg"}
        Picture formats.
    dpi : int
        Dots per inch of PNG, and of what is rasterised inside a PDF.
    progress : callable, optional
        ``progress(fraction, message)``.

    Returns
    -------
    list of Path
        The files written. Figures whose tables are absent are passed over.

    Raises
    ------
    InputError
        If the folder is no result, or an option is unknown.
    """
    languages = LANGUAGES if choose(lang, [*LANGUAGES, "both"], where="lang") == "both" else (lang,)
    for kind in formats:
        choose(kind, ["png", "pdf", "svg"], where="formats")
    result = ResultFolder(result_dir)
    folder = result.path / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    names = available_figures(result)
    for place, name in enumerate(names):
        if progress:
            progress(place / len(names), name)
        for language in languages:
            drawing = draw(result, name, language)
            for kind in formats:
                written.append(_write(folder / f"{name}_{language}.{kind}", as_bytes(drawing, kind, dpi=dpi)))
        table = with_units(drawing.data).to_csv(index=False, lineterminator="\n")
        written.append(_write(folder / f"{name}.csv", table.encode("utf-8-sig")))
    if progress:
        progress(1.0, "figures")
    return written


def _write(path: Path, content: bytes) -> Path:
    """Write under a temporary name, then rename: a reader never sees half a file."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    return part.replace(path)
