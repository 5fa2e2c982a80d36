"""Counties: one canonical frame, what may be wrong with a boundary file, merging, and the crosswalk of codes between years."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype
from pyproj import CRS

from carbonshed.checks import InputError, Problem, check_columns, check_conserved, examples, refuse
from carbonshed.spatial.crs import M2_PER_KM2, as_crs, auto_crs, mover, require_equal_area
from carbonshed.spatial.project import Geometries, project

RESERVED = "fund"
"""The id of a regional fund in flows and compensation; no county may have it."""

OVERLAP_ERROR = 1e-3
OVERLAP_WARNING = 1e-6
"""Overlap of two counties as a share of the smaller: above the first an error, above the second a warning."""

TOLERANCE_M = 0.01
"""A projected border strays from the true one by at most this."""

TRUE_WORDS = {"true": True, "1": True, "yes": True, "是": True, "false": False, "0": False, "no": False, "否": False}


def canonical_counties(
    frame: gpd.GeoDataFrame,
    *,
    id: str,
    name: str | None = None,
    city: str | None = None,
    province: str | None = None,
    is_district: str | None = None,
    crs: object = "auto",
) -> gpd.GeoDataFrame:
    """The one form in which counties are used: text ids, registered columns, an equal-area CRS, true areas.

    Parameters
    ----------
    frame : GeoDataFrame
        Polygons of counties with their CRS.
    id, name, city, province, is_district : str
        Its columns; those not given stay out of the result.
    crs : CRS or "auto"
        Equal-area CRS of the result. Edges are split before projecting, alike on both sides of a shared border.

    Returns
    -------
    GeoDataFrame
        Index `unit_id` (text), in the order of `frame`; columns name (the id where no column is given), city, province,
        is_district (those asked), area_km2, geometry.

    Raises
    ------
    InputError
        With all errors of `county_problems` at once; if a column is missing; if the CRS is missing or not equal-area.
    """
    given = {"name": name, "city": city, "province": province, "is_district": is_district}
    target = _target(frame, crs)
    found = county_problems(frame, id=id, name=name, city=city, province=province, is_district=is_district, crs=target)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise InputError(errors)
    unit_id = pd.Index(_texts(frame[id]), name="unit_id", dtype="str")
    columns: dict[str, object] = {"name": unit_id}
    for term, column in given.items():
        if column:
            columns[term] = _booleans(frame[column]) if term == "is_district" else pd.array(_texts(frame[column]), dtype="str")
    shapes = _projected(frame, target)
    columns["area_km2"] = shapely.area(shapes) / M2_PER_KM2
    return gpd.GeoDataFrame(columns, geometry=shapes, index=unit_id, crs=target)


def county_problems(
    frame: gpd.GeoDataFrame,
    *,
    id: str,
    name: str | None = None,
    city: str | None = None,
    province: str | None = None,
    is_district: str | None = None,
    crs: object = "auto",
    where: str = "counties",
) -> list[Problem]:
    """All that is wrong with the counties of a boundary file, as a list (empty where nothing is).

    Errors: columns that are not there, missing or duplicate ids, ids with a fraction, the reserved id ``fund``, an `is_district` that is
    not true or false, empty or invalid geometry (with the place and GEOS's reason), lines or points, overlaps above 1e-3 of the
    smaller county. Warnings: overlaps above 1e-6.

    Parameters
    ----------
    frame : GeoDataFrame
    id, name, city, province, is_district : str
        Its columns, as for `canonical_counties`.
    crs : CRS or "auto"
        Equal-area CRS in which overlaps are measured.
    where : str
        What the messages call the file.
    """
    problems: list[Problem] = []
    try:
        check_columns(frame.columns, [id, *(column for column in (name, city, province, is_district) if column)], where=where)
    except InputError as error:
        problems += error.problems
        if id not in frame.columns:
            return problems
    problems += _id_problems(frame[id], where)
    if is_district in frame.columns:
        try:
            _booleans(frame[is_district])
        except InputError as error:
            problems += [problem.within(where) for problem in error.problems]
    shapes = np.asarray(frame.geometry.array, dtype=object)
    labels = frame[id].astype("str").to_numpy()
    shape_problems, usable = _geometry_problems(shapes, labels, where)
    problems += shape_problems
    if usable.sum() > 1:
        sound = gpd.GeoDataFrame(geometry=shapes[usable], crs=frame.crs)
        problems += _overlap_problems(_projected(sound, _target(frame, crs)), labels[usable], where)
    return problems


def merge_counties(counties: gpd.GeoDataFrame, by: str | pd.Series | Mapping[str, str]) -> gpd.GeoDataFrame:
    """Counties dissolved into larger ones.

    Parameters
    ----------
    counties : GeoDataFrame
        Canonical counties.
    by : column name, Series or mapping
        The new id of each county (index: unit_id). Counties that a mapping leaves out keep their own.

    Returns
    -------
    GeoDataFrame
        Canonical, in the order in which the new ids first appear. `name` is the one name of the members, or the new id; `city` and
        `province` where all members agree (else missing); `is_district` where all members are; areas are summed.

    Examples
    --------
    Municipal districts of a city become one unit: ``merge_counties(counties, district_groups(counties))``.
    """
    if isinstance(by, str):
        check_columns(counties.columns, [by], where="merge_counties")
        new = counties[by].astype("str")
    else:
        lookup = pd.Series(by, dtype="str")
        unknown = lookup.index.difference(counties.index)
        if len(unknown):
            raise refuse(
                "unknown_id", expected="ids of the counties", got=examples(unknown), where="merge_counties", fix="Correct the ids."
            )
        new = lookup.reindex(counties.index).fillna(pd.Series(counties.index, index=counties.index, dtype="str"))
    code, ids = pd.factorize(new)
    rows = []
    for k, unit_id in enumerate(ids):
        members = counties[code == k]
        row: dict[str, object] = {"unit_id": unit_id}
        for column in ("name", "city", "province"):
            if column in counties.columns:
                shared = members[column].unique()
                row[column] = shared[0] if len(shared) == 1 else (unit_id if column == "name" else None)
        if "is_district" in counties.columns:
            row["is_district"] = bool(members["is_district"].all())
        row["area_km2"] = float(members["area_km2"].sum())
        row["geometry"] = shapely.union_all(members.geometry.to_numpy()) if len(members) > 1 else members.geometry.iloc[0]
        rows.append(row)
    merged = gpd.GeoDataFrame(pd.DataFrame(rows).set_index("unit_id"), geometry="geometry", crs=counties.crs)
    check_conserved(float(counties["area_km2"].sum()), float(merged["area_km2"].sum()), what="area of merged counties")
    return merged


def district_groups(counties: gpd.GeoDataFrame) -> pd.Series:
    """New ids under which municipal districts merge by city: ``<city>`` for districts, its own id for any other county."""
    check_columns(counties.columns, ["city", "is_district"], where="district_mode = merge_by_city")
    own = pd.Series(counties.index, index=counties.index, dtype="str")
    groups = counties["city"].astype("str").where(counties["is_district"], own)
    clash = sorted(set(groups[counties["is_district"]]) & set(own))
    if clash:
        raise refuse(
            "id_clash", expected="names of cities that are no county's id", got=examples(clash), where="city", fix="Rename the cities."
        )
    return groups


def crosswalk(table: pd.DataFrame, shares: pd.DataFrame, *, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Extensive values moved from old county codes to new ones: X_new = sum_old share(old, new) X_old.

    Parameters
    ----------
    table : DataFrame
        Index `unit_id` (old codes), optionally a column `year`; the columns to move.
    shares : DataFrame
        Columns code_old, code_new, share; optionally valid_from and valid_to, the first and last calendar year of a row (both
        included; empty = open), which then needs `year` in `table`.
    kinds : mapping
        Kind of each column to move: extensive and money only. A ratio is computed again from what was moved.

    Returns
    -------
    DataFrame
        Index `unit_id` (new codes) in the order of `shares`, column `year` where `table` has it, and the columns of `kinds`.

    Raises
    ------
    InputError
        If the shares of an old code do not sum to 1 (1e-9), a code is missing, or a column is not extensive.
    ConservationError
        If a total changes.
    """
    check_columns(shares.columns, ["code_old", "code_new", "share"], where="crosswalk")
    check_columns(table.columns, kinds, where="crosswalk")
    wrong = {column: kind for column, kind in kinds.items() if kind not in ("extensive", "money")}
    if wrong:
        got = examples(f"{column} ({kind})" for column, kind in wrong.items())
        fix = "Move its extensive parts and compute it again."
        raise refuse("not_extensive", expected="extensive columns", got=got, where="crosswalk", fix=fix)
    years = sorted(table["year"].unique()) if "year" in table.columns else [None]
    moved = [_moved(table if year is None else table[table["year"] == year], _valid(shares, year), list(kinds), year) for year in years]
    return pd.concat(moved)


def _moved(table: pd.DataFrame, shares: pd.DataFrame, columns: list[str], year: int | None) -> pd.DataFrame:
    """One year of `crosswalk`."""
    sums = shares.groupby("code_old")["share"].sum()
    off = sums[(sums - 1).abs() > 1e-9]
    if len(off):
        got = examples(f"{code}: {value:.9g}" for code, value in off.items())
        raise refuse(
            "shares",
            expected="shares of each old code that sum to 1",
            got=got,
            where=f"crosswalk {year or ''}".strip(),
            fix="Correct them.",
        )
    missing = table.index.difference(pd.Index(sums.index))
    if len(missing):
        fix = "Add them (code_old = code_new, share 1, where nothing changed)."
        raise refuse("missing_code", expected="a row for each old code", got=examples(missing), where="crosswalk", fix=fix)
    rows = shares[shares["code_old"].isin(table.index)]
    values = table.loc[rows["code_old"], columns].to_numpy(dtype=np.float64) * rows["share"].to_numpy(dtype=np.float64)[:, None]
    code, ids = pd.factorize(rows["code_new"].astype("str"))
    out = {column: np.bincount(code, weights=values[:, j], minlength=len(ids)) for j, column in enumerate(columns)}
    for column in columns:
        known = table[column].to_numpy(dtype=np.float64)
        if not np.isnan(known).any():
            check_conserved(float(known.sum()), float(out[column].sum()), what=f"{column} through the crosswalk")
    result = pd.DataFrame(out, index=pd.Index(ids, name="unit_id"))
    if year is not None:
        result.insert(0, "year", year)
    return result


def _valid(shares: pd.DataFrame, year: int | None) -> pd.DataFrame:
    """The rows of a crosswalk that hold in a year."""
    dated = [column for column in ("valid_from", "valid_to") if column in shares.columns and shares[column].notna().any()]
    if not dated:
        return shares
    if year is None:
        raise refuse(
            "no_year", expected="a column year", got="none", where="crosswalk with valid_from / valid_to", fix="Say the year of each row."
        )
    begin = pd.to_numeric(shares["valid_from"]).fillna(-np.inf) if "valid_from" in dated else -np.inf
    end = pd.to_numeric(shares["valid_to"]).fillna(np.inf) if "valid_to" in dated else np.inf
    holds = np.asarray((begin <= year) & (year <= end))
    return shares.loc[holds]


def _target(frame: gpd.GeoDataFrame, crs: object) -> CRS:
    as_crs(frame.crs, where="counties")
    return auto_crs(frame) if isinstance(crs, str) and crs == "auto" else require_equal_area(crs)


def _projected(frame: gpd.GeoDataFrame, target: CRS) -> Geometries:
    shapes = np.asarray(frame.geometry.array, dtype=object)
    move = mover(as_crs(frame.crs, where="counties"), target, where="counties")
    return shapes if move is None else project(shapes, move, tolerance=TOLERANCE_M, where="counties")


def _texts(column: pd.Series) -> NDArray[np.object_]:
    """Ids as text; whole numbers are written without a point."""
    return column.astype("str").str.strip().to_numpy(dtype=object)


def _booleans(column: pd.Series) -> NDArray[np.bool_]:
    if is_bool_dtype(column):
        return column.to_numpy(dtype=bool)
    words = column.astype("str").str.strip().str.lower()
    unknown = words[~words.isin(list(TRUE_WORDS))]
    if len(unknown):
        got = examples(unknown.unique())
        raise refuse("not_a_boolean", expected="true or false", got=got, where=f"counties {column.name}", fix="Give a true/false column.")
    return words.map(TRUE_WORDS).to_numpy(dtype=bool)


def _id_problems(ids: pd.Series, where: str) -> list[Problem]:
    spot, problems = f"{where} column {ids.name!r}", []
    blank = ids.isna() | (ids.astype("str").str.strip() == "")
    if blank.any():
        got = f"{int(blank.sum())} without, rows {examples(np.flatnonzero(blank))}"
        problems.append(Problem("missing_id", "an id for each county", got, spot, "Fill in the codes."))
    if is_numeric_dtype(ids) and not is_integer_dtype(ids):
        got = f"numbers with a fraction ({ids.dtype})"
        problems.append(
            Problem("numeric_id", "codes as text", got, spot, "Store the codes as text; empty cells turn whole numbers into fractions.")
        )
    known = pd.Series(_texts(ids[~blank]))
    twice = known[known.duplicated()].unique()
    if len(twice):
        problems.append(Problem("duplicate_id", "each id once", examples(twice), spot, "Merge the parts of a county, or correct its code."))
    if (known == RESERVED).any():
        problems.append(Problem("reserved_id", "ids other than 'fund'", "'fund'", spot, "Rename it: 'fund' is the regional fund."))
    return problems


def _geometry_problems(shapes: Geometries, labels: NDArray[np.object_], where: str) -> tuple[list[Problem], NDArray[np.bool_]]:
    """Problems of single geometries, and which are sound."""
    problems = []
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.any():
        problems.append(
            Problem("empty_geometry", "a polygon for each county", f"none for {examples(labels[empty])}", where, "Draw or drop them.")
        )
    areal = np.isin(shapely.get_type_id(shapes), (3, 6)) | empty
    if not areal.all():
        kinds = {shapely.geometry.base.GEOMETRY_TYPES[k] for k in shapely.get_type_id(shapes[~areal])}
        got = f"{', '.join(sorted(kinds))} for {examples(labels[~areal])}"
        problems.append(Problem("not_a_polygon", "polygons", got, where, "Give the layer of areas."))
    invalid = ~empty & areal & ~shapely.is_valid(shapes)
    if invalid.any():
        got = examples(f"{label}: {reason}" for label, reason in zip(labels[invalid], shapely.is_valid_reason(shapes[invalid])))
        problems.append(
            Problem("invalid_geometry", "valid polygons", got, where, "Mend them (make_valid in any GIS) and look at the result.")
        )
    return problems, ~empty & areal & ~invalid


def _overlap_problems(shapes: Geometries, labels: NDArray[np.object_], where: str) -> list[Problem]:
    """Pairs that overlap by more than 1e-6 of the smaller county; above 1e-3 an error."""
    shapely.prepare(shapes)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pair = first < second
    first, second = first[pair], second[pair]
    valid = shapely.is_valid(shapes)  # a border that touches itself only after projecting is no reason to stop
    repaired = np.where(valid, shapes, shapely.buffer(shapes, 0)) if not valid.all() else shapes
    area = shapely.area(repaired)
    both = shapely.area(shapely.intersection(repaired[first], repaired[second]))
    share = both / np.minimum(area[first], area[second])
    problems = []
    for is_bad, severity in ((share > OVERLAP_ERROR, "error"), ((share > OVERLAP_WARNING) & (share <= OVERLAP_ERROR), "warning")):
        order = np.flatnonzero(is_bad)[np.argsort(-share[is_bad], kind="stable")]
        if order.size:
            pairs = examples(f"{labels[first[k]]} and {labels[second[k]]} ({both[k] / M2_PER_KM2:.4g} km2)" for k in order)
            got = f"{order.size} overlapping pairs, {both[order].sum() / M2_PER_KM2:.4g} km2: {pairs}"
            fix = "Clean the layer's topology, or take one without overlaps: carbon there would count twice."
            problems.append(
                Problem("overlap", "counties that do not overlap", got, where, fix, "error" if severity == "error" else "warning")
            )
    return problems
