"""The files of the figures: drawn in both languages on all processors, and not drawn again where nothing that they show has changed.

save_figures("results", lang="both")                             # figures/zones_map_zh.png, .pdf, ... and figures/zones_map.csv
save_figures("results", only=["zones", "sankey"], preset="single")  # 90 mm wide, 300 dots per inch
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from carbonshed.checks import choose, warn
from carbonshed.files import write_bytes
from carbonshed.present.drawing_processes import drawn_in_turns
from carbonshed.present.drawn_figure import Order
from carbonshed.present.figures import available_figures, full_name
from carbonshed.present.folder import ResultFolder
from carbonshed.present.fonts import families
from carbonshed.present.presets import page_for
from carbonshed.present.words import LANGUAGES

Progress = Callable[[float, str], None]


@dataclass
class DrawnFrom:
    """What each figure of a result was drawn from, and the SHA-256 of its files: who has the same again need not draw it.

    Parameters
    ----------
    folder : Path, optional
        Where the earlier figures are: this result folder, or that of another result.
    earlier : Mapping
        Name of a figure -> what `entered` held when it was drawn.
    entered : dict
        Filled by `save_figures`. Plain data.
    """

    folder: Path | None = None
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    entered: dict[str, dict[str, Any]] = field(default_factory=dict)


def save_figures(
    result_dir: str | Path,
    lang: str = "both",
    *,
    only: Sequence[str] = (),
    preset: str = "report",
    hatch: bool = False,
    review_number: str | None = None,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: int | None = None,
    progress: Progress | None = None,
    drawn_from: DrawnFrom | None = None,
) -> list[Path]:
    """Draw the figures of a result into its folder ``figures/``, with the numbers of each as CSV beside it.

    Parameters
    ----------
    result_dir : path
        A result folder; nothing outside it is read.
    lang : {"zh", "en", "both"}
        Files are named ``<figure>_<lang>.png`` and ``.pdf`` (``<figure>_<lang>_<preset>`` for another page than the report's); the CSV
        is ``<figure>.csv``.
    only : sequence of str
        Names of figures; empty: all that the result can give.
    preset, hatch, review_number
        As in `figure`.
    formats : sequence of {"png", "pdf", "svg"}
        Picture formats.
    dpi : int, optional
        Dots per inch of PNG, and of what is rasterised inside a PDF; None: that of the preset (200 for the report, 300 for journals).
    progress : callable, optional
        ``progress(fraction, message)``.
    drawn_from : DrawnFrom, optional
        Figures whose earlier files are as they were written, and were drawn from the same, are taken as they are.

    Returns
    -------
    list of Path
        The files of all figures. Without `only`, figures whose tables are absent are passed over, and one that cannot be drawn in a
        language is left out in that language with a warning that says why.

    Raises
    ------
    InputError
        If the folder is no result, an option is unknown, or a figure that was asked for cannot be drawn (it says why).
    """
    languages = LANGUAGES if choose(lang, [*LANGUAGES, "both"], where="lang") == "both" else (lang,)
    for kind in formats:
        choose(kind, ["png", "pdf", "svg"], where="formats")
    page = page_for(preset, hatch=hatch, review_number=review_number)
    result = ResultFolder(result_dir).on(page)
    order = Order(result.page, tuple(languages), tuple(formats), dpi or page.dpi, is_asked=bool(only))
    names = [full_name(name) for name in only] or available_figures(result)
    kept, how = drawn_from or DrawnFrom(), _how(order)
    (result.path / "figures").mkdir(parents=True, exist_ok=True)
    wanted = [name for name in names if not _taken_over(result, how, kept, name)]
    with closing(drawn_in_turns(result, order, wanted)) as drawn:
        for place, (name, figure) in enumerate(drawn):
            if progress:
                progress(place / len(names), name)
            for message in figure.left_out:
                warn(message)
            for file, content in figure.files.items():
                write_bytes(result.path / file, content)
            digests = {file: _sha256(content) for file, content in figure.files.items()}
            kept.entered[name] = {"how": "" if figure.left_out else how, "of": figure.drawn_from, "files": digests}
    if progress:
        progress(1.0, "figures")
    return [result.path / file for name in names for file in kept.entered[name]["files"]]


def _taken_over(result: ResultFolder, how: str, kept: DrawnFrom, name: str) -> bool:
    """Whether a figure that was drawn before would be drawn the same and its files are as they were written: then they are here now."""
    record = kept.earlier.get(name)
    if not isinstance(record, Mapping) or kept.folder is None or record.get("how") != how:
        return False
    if any(result.digest(read) != digest for read, digest in record["of"].items()):
        return False
    paths = [kept.folder / file for file in record["files"]]
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    if {path: _sha256(content) for path, content in contents.items()} != dict(zip(paths, record["files"].values(), strict=True)):
        return False
    if kept.folder != result.path:
        for file, path in zip(record["files"], paths, strict=True):
            write_bytes(result.path / file, contents[path])
    kept.entered[name] = dict(record)
    return True


def _how(order: Order) -> str:
    """SHA-256 of all that a figure depends on besides its result: what is wanted, our code, words and fonts, and who draws."""
    packages = {name: metadata.version(name) for name in ("matplotlib", "numpy", "pandas", "shapely", "pyproj")}
    said = [asdict(order), _code(), packages, families()]
    return _sha256(json.dumps(said, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def _code() -> str:
    """SHA-256 of the sources, words and fonts of the package."""
    root = Path(str(resources.files("carbonshed")))
    files = sorted(path for ending in ("py", "toml", "ttf", "json") for path in root.rglob(f"*.{ending}"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
