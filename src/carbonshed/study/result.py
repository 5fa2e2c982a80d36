"""`Result`: the tables and the manifest of a run. Whoever only reads a result folder loads nothing that computes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from carbonshed.checks import nearest, refuse
from carbonshed.study.store import Store, StoredTables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Result:
    """Tables and manifest of a run, from memory or from a result folder.

    Every table is a (Geo)DataFrame with index `unit_id` where it has one; columns are registered terms (`carbonshed.terms`).
    """

    def __init__(self, tables: StoredTables, manifest: dict[str, Any], folder: Path | None = None):
        self.tables, self.manifest, self.folder = tables, manifest, folder

    @classmethod
    def open(cls, folder: str | Path) -> Result:
        """Open a result folder.

        Raises
        ------
        InputError
            If it holds no manifest, or one of another schema.
        """
        store = Store(Path(folder))
        manifest = store.result_manifest()
        names = [table for step in manifest["steps"] for table in step["tables"]]
        return cls(StoredTables({}, store, names), manifest, Path(folder))

    def table(self, name: str) -> pd.DataFrame:
        """A table by name; an unknown one is refused, naming the tables there are."""
        if name not in self.tables:
            near = nearest(name, self.tables)
            hint = f"Did you mean {near!r}?" if near else "The study has no such result."
            raise refuse("no_table", expected=f"one of {', '.join(self.tables)}", got=repr(name), where="result", fix=hint)
        return self.tables[name]

    @property
    def accounts(self) -> gpd.GeoDataFrame:
        """Accounts of the counties, or of the grid cells where there are no counties."""
        return self.table("accounts_county" if "accounts_county" in self.tables else "accounts_grid")

    @property
    def accounts_grid(self) -> gpd.GeoDataFrame:
        """Accounts of the cells of every scale."""
        return self.table("accounts_grid")

    @property
    def accounts_county(self) -> gpd.GeoDataFrame:
        """Accounts of the counties."""
        return self.table("accounts_county")

    @property
    def zones(self) -> gpd.GeoDataFrame:
        """Zone, cluster, SOM node and confidence of each cell or county and year."""
        return self.table("zones")

    @property
    def compensation(self) -> pd.DataFrame:
        """Amounts, side and priority of each county and year."""
        return self.table("compensation")

    @property
    def flows(self) -> pd.DataFrame:
        """Who pays whom, and how much."""
        return self.table("flows")

    @property
    def scale_choice(self) -> pd.DataFrame:
        """The chosen side of each quantity, with its interval, flags and reason."""
        return self.table("scale_choice")

    def figure(
        self, name: str, *, lang: str = "en", preset: str = "report", hatch: bool = False, review_number: str | None = None
    ) -> Figure:
        """One figure as a matplotlib Figure, of a scenario in memory too; options as in `carbonshed.present.figures.figure`.

        Raises
        ------
        InputError
            If there is no such figure, or the result lacks what it needs: the message names those it can give.
        """
        from carbonshed.present.figures import figure
        from carbonshed.present.folder import ResultFolder

        held = ResultFolder(self.folder) if self.folder else ResultFolder.in_memory(self.tables, self.manifest)
        return figure(held, name, lang=lang, preset=preset, hatch=hatch, review_number=review_number)

    def __repr__(self) -> str:
        where = f" in {self.folder}" if self.folder else ""
        return f"<Result of {self.manifest['study']['name']!r}{where}: {', '.join(self.tables)}>"

    def _repr_html_(self) -> str:
        from carbonshed.present.notebook import result_html

        return result_html(self.manifest, list(self.tables), str(self.folder) if self.folder else None)
