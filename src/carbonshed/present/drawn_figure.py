"""One figure in all the languages and formats that are wanted, as bytes, with what it was drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from carbonshed.checks import InputError
from carbonshed.present.figures import as_bytes, draw, with_units
from carbonshed.present.folder import ResultFolder
from carbonshed.present.maps import Drawing
from carbonshed.present.presets import Page
from carbonshed.present.tidy import csv_text


@dataclass(frozen=True)
class Order:
    """How figures are wanted.

    Parameters
    ----------
    page : Page
    languages, formats : tuple of str
    dpi : int
    is_asked : bool
        Whether each was asked for by its name: then one that cannot be drawn is an error.
    """

    page: Page
    languages: tuple[str, ...]
    formats: tuple[str, ...]
    dpi: int
    is_asked: bool = False


@dataclass(frozen=True)
class DrawnFigure:
    """The files of a figure.

    Parameters
    ----------
    files : dict
        Path within the result folder -> content.
    drawn_from : dict
        Name of what was read of the result -> its SHA-256 (`ResultFolder.digest`).
    left_out : tuple of str
        Why it was not drawn in a language.
    """

    files: dict[str, bytes]
    drawn_from: dict[str, str]
    left_out: tuple[str, ...] = ()


def drawn_figure(result: ResultFolder, order: Order, name: str) -> DrawnFigure:
    """Draw a figure of a result that is on the page of the order.

    Raises
    ------
    InputError
        If it cannot be drawn and was asked for.
    """
    ending = "" if order.page.name == "report" else f"_{order.page.name}"
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    last: Drawing | None = None
    with result.reading() as read:
        for language in order.languages:
            try:
                last = draw(result, name, language)
            except InputError as error:
                if order.is_asked:
                    raise
                left_out.append(f"the figure {name} is not drawn ({language}): {error}")
                continue
            for kind in order.formats:
                files[f"figures/{name}_{language}{ending}.{kind}"] = as_bytes(last, kind, dpi=order.dpi)
        if last is not None:
            files[f"figures/{name}.csv"] = csv_text(with_units(last.data)).encode("utf-8-sig")
    return DrawnFigure(files, {each: result.digest(each) for each in sorted(read)}, tuple(left_out))
