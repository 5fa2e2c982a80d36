"""The twin: a simulated region whose zones, scale and trends are known; and the chain, which must find them again."""

from __future__ import annotations

import hashlib
import json
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

import carbonshed as cs
from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.counties import county_problems, crosswalk
from carbonshed.study.config import read_spec
from carbonshed.study.twin import found_again, write_twin
from carbonshed.study.twin.counties import draw_counties
from carbonshed.study.twin.division import draw_crosswalk, raw_statistics
from carbonshed.study.twin.economy import county_statistics, emission_course
from carbonshed.study.twin.find import zones_beside
from carbonshed.study.twin.landscape import (
    COVERS,
    CROPLAND,
    INDUSTRY_SHARE,
    MOUNTAIN_SHARE,
    SCALE_KM,
    SIDE_KM,
    YEARS,
    ZONES,
    Landscape,
)
from carbonshed.study.twin.noise import between, gaussian_field, lattice_normals, patch_noise
from carbonshed.study.twin.truth import expected_moran
from carbonshed.study.twin.write import KINDS, SEED

KM2 = np.arange(SIDE_KM) + 0.5
FILES = [
    "counties.csv",
    "counties.gpkg",
    "raw/crosswalk.csv",
    "raw/statistics.csv",
    "study.toml",
    "truth/truth.json",
    "truth/zones.parquet",
    *(f"clcd_{year}.tif" for year in YEARS),
]


@pytest.fixture(scope="module")
def landscape():
    return Landscape(SEED)


@pytest.fixture(scope="module")
def counties(landscape):
    return draw_counties(landscape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("twin")
    write_twin(place)
    return place


@pytest.fixture(scope="module")
def truth(folder):
    return json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def study(folder):
    return cs.Study.open(folder)


@pytest.fixture(scope="module")
def result(study):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return study.run()


@pytest.fixture(scope="module")
def found(result, folder):
    return found_again(result, folder)


# --- noise -----------------------------------------------------------------------------------------------------------


def test_lattice_numbers_are_standard_normal_and_independent():
    values = lattice_normals(np.arange(-150, 150), np.arange(-200, 200), 7, 3)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    other = lattice_normals(np.arange(-150, 150), np.arange(-200, 200), 7, 4)
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.015
    assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.015


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 2**40), st.sampled_from([0.5, 1.3, 3.0]))
@settings(max_examples=25, deadline=None)
def test_noise_of_a_window_is_that_of_the_whole(row, col, seed, patch):
    x, y = col + np.arange(12) * 0.37, row + np.arange(9) * 0.37
    whole = patch_noise(x, y, patch=patch, seed=seed, layer=2)
    part = patch_noise(x[4:9], y[3:7][::-1], patch=patch, seed=seed, layer=2)
    np.testing.assert_array_equal(part, whole[3:7, 4:9][::-1])


def test_patches_are_standard_normal_everywhere():
    x = np.arange(400) * 0.73
    draws = np.stack([patch_noise(x[:60], x[:60], patch=3.0, seed=seed, layer=0) for seed in range(300)])
    assert abs(draws.mean()) < 0.02
    np.testing.assert_allclose(draws.std(axis=0).mean(), 1.0, atol=0.01)
    assert draws.std(axis=0).min() > 0.8  # at nodes and between them alike
    near = patch_noise(x, x, patch=3.0, seed=1, layer=0)
    assert np.corrcoef(near[:, 1:].ravel(), near[:, :-1].ravel())[0, 1] > 0.7


def test_fields_between_nodes_are_those_of_scipy():
    field = np.random.default_rng(0).standard_normal((20, 30))
    x, y = np.linspace(0, 30, 41), np.linspace(0, 20, 33)
    rows, cols = np.meshgrid(y - 0.5, x - 0.5, indexing="ij")
    oracle = ndimage.map_coordinates(field, [rows, cols], order=1, mode="nearest")
    np.testing.assert_allclose(between(field, x, y), oracle, atol=1e-12)
    np.testing.assert_array_equal(between(field, np.arange(30) + 0.5, np.arange(20) + 0.5), field)


def test_the_smooth_field_has_its_covariance():
    length, lags = 8, np.array([4, 8, 16])
    fields = [gaussian_field(256, length, np.random.default_rng(seed)) for seed in range(30)]
    found = [np.mean([(field * np.roll(field, lag, axis=1)).mean() for field in fields]) for lag in lags]
    np.testing.assert_allclose(found, np.exp(-(lags**2) / (2 * length**2)), atol=0.03)
    assert all(abs(field.mean()) < 1e-12 and abs(field.std() - 1) < 1e-12 for field in fields)


# --- land ------------------------------------------------------------------------------------------------------------


def test_regimes_hold_their_shares(landscape):
    for year, t in zip(YEARS, np.linspace(0, 1, 5), strict=True):
        zone = landscape.zone(year)
        assert (zone == 0).mean() == pytest.approx(INDUSTRY_SHARE[0] * (1 - t) + INDUSTRY_SHARE[1] * t, abs=1e-4)
        assert (zone == 2).mean() == pytest.approx(MOUNTAIN_SHARE[0] * (1 - t) + MOUNTAIN_SHARE[1] * t, abs=1e-4)
        membership = landscape.membership(year)
        np.testing.assert_allclose(membership.sum(axis=0), 1.0, atol=1e-12)
        assert membership.min() >= -1e-12
        assert (membership.argmax(axis=0) == zone).mean() > 0.99


def test_land_cover_has_the_shares_that_were_asked(landscape):
    first, last = landscape.land_cover((2000, 2020), KM2, KM2)
    for year, codes in ((2000, first), (2020, last)):
        expected = landscape.cover_shares(year)
        for cover, share in zip(COVERS, expected, strict=True):
            assert (codes == cover.code).mean() == pytest.approx(share.mean(), abs=0.012), cover.code
        assert set(np.unique(codes)) == {CROPLAND, *(cover.code for cover in COVERS)}
    forest = [(codes == 2).mean() for codes in (first, last)]
    assert forest[1] > forest[0] + 0.03


def test_land_is_the_same_at_any_pixel_and_in_any_tile(landscape):
    x = (np.arange(900) + 0.5) * 0.03 + 210
    y = (np.arange(600) + 0.5) * 0.03 + 300
    whole = landscape.land_cover(YEARS, x, y)
    for rows, cols in ((slice(500, 600), slice(0, 128)), (slice(0, 77), slice(640, 900))):
        part = landscape.land_cover((2005, 2020), x[cols], y[rows][::-1])
        np.testing.assert_array_equal(part[0], whole[1][rows, cols][::-1])
        np.testing.assert_array_equal(part[1], whole[4][rows, cols][::-1])
    fine = landscape.land_cover((2010,), (np.arange(4 * SIDE_KM) + 0.5) / 4, (np.arange(4 * SIDE_KM) + 0.5) / 4)[0]
    coarse = landscape.land_cover((2010,), KM2, KM2)[0]
    for code in np.unique(coarse):
        assert (fine == code).mean() == pytest.approx((coarse == code).mean(), abs=0.003), code


@pytest.mark.slow
def test_the_scale_of_the_process_is_18_km():
    curves = [expected_moran(Landscape(seed)) for seed in range(8)]
    mean = {side: np.mean([curve[side] for curve in curves]) for side in curves[0]}
    assert max(mean, key=mean.get) == SCALE_KM
    assert mean[3] < mean[9] < mean[18] > mean[24] > mean[30]
    for curve in curves:
        assert curve[18] >= 0.97 * max(curve.values())


# --- counties and statistics -----------------------------------------------------------------------------------------


def test_counties_tile_the_region(counties):
    shapes = counties.geometry.to_numpy()
    assert 190 <= len(counties) <= 210 and shapely.is_valid(shapes).all() and shapely.coverage_is_valid(shapes)
    region = shapely.union_all(shapes)
    assert shapely.area(shapes).sum() == pytest.approx(region.area, rel=1e-12)
    assert region.geom_type == "Polygon" and not region.interiors
    assert region.area / 1e6 == pytest.approx(250_000, rel=0.01)
    ragged = shapely.length(shapes) / shapely.length(shapely.convex_hull(shapes))
    assert np.median(ragged) > 1.03
    columns = {"id": "unit_id", "name": "name", "city": "city", "province": "province", "is_district": "is_district"}
    assert county_problems(counties, **columns) == []
    assert counties["unit_id"].str.fullmatch(r"\d{6}").all() and counties["name"].is_unique
    assert counties["province"].nunique() == 3 and counties.groupby("city")["province"].nunique().eq(1).all()
    assert counties.groupby("city")["is_district"].sum().between(3, 6).all()


@given(st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_counties_of_any_seed_tile_their_region(seed):
    counties = draw_counties(Landscape(seed))
    shapes = counties.geometry.to_numpy()
    assert shapely.is_valid(shapes).all() and shapely.coverage_is_valid(shapes) and counties["unit_id"].is_unique


def test_the_division_changes_and_the_crosswalk_leads_back(landscape, counties):
    statistics = county_statistics(landscape, counties)
    shares = draw_crosswalk(counties, SEED)
    raw = raw_statistics(statistics, counties, shares, SEED)
    codes = {year: set(rows["code"]) for year, rows in raw.groupby("year")}
    assert codes[2020] == set(counties["unit_id"])
    assert len(codes[2000]) == len(counties) + 6 and len(codes[2000] - codes[2020]) == 8 + 4 + 2
    renamed = shares[shares["reason"].str.startswith("county")]
    assert len(renamed) == 8 and renamed["code_new"].isin(counties.loc[counties["is_district"], "unit_id"]).all()
    for year, rows in raw.groupby("year"):
        valid = shares[(shares["valid_from"].fillna(-np.inf) <= year) & (shares["valid_to"].fillna(np.inf) >= year)]
        assert valid.groupby("code_old")["share"].sum().sub(1).abs().max() < 1e-12
        assert rows["name"].notna().all() and (rows[list(KINDS)] > 0).all(axis=None)
    back = crosswalk(raw.set_index("code"), shares, kinds=KINDS)
    both = [table.set_index("year", append=True).sort_index()[list(KINDS)] for table in (back, statistics)]
    np.testing.assert_allclose(both[0].to_numpy(), both[1].to_numpy(), rtol=1e-12)


def test_emissions_rise_and_fall(landscape, counties):
    assert emission_course(2001) == pytest.approx(1.045)
    assert emission_course(2014) == pytest.approx(1.045**13 * 0.982)
    total = county_statistics(landscape, counties).groupby("year")["carbon_source_t"].sum()
    assert total.loc[:2015].is_monotonic_increasing and total.loc[2020] < total.loc[2015]


# --- the folder ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    write_twin(tmp_path / "again")
    digests = [{name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in FILES} for place in (folder, tmp_path / "again")]
    assert digests[0] == digests[1]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "results" not in path.parts) == sorted(
        FILES
    )


def test_rasters_are_compressed_tiles_of_the_land(folder, landscape):
    codes = landscape.land_cover((2015,), KM2, KM2)[0]
    with rasterio.open(folder / "clcd_2015.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), codes[::-1])
        assert dataset.profile["tiled"] and dataset.profile["compress"] == "zstd" and dataset.nodata == 0
        assert dataset.res == (1000, 1000) and "Albers" in dataset.crs.to_wkt()
        left, bottom, right, top = dataset.bounds
    bounds = gpd.read_file(folder / "counties.gpkg").total_bounds
    assert left < bounds[0] and bottom < bounds[1] and right > bounds[2] and top > bounds[3]


@pytest.mark.slow
def test_a_finer_raster_is_the_same_land(tmp_path, landscape, folder):
    write_twin(tmp_path, pixel_m=200)
    with rasterio.open(tmp_path / "clcd_2000.tif") as dataset:
        codes = dataset.read(1)
        assert dataset.res == (200, 200)
    assert codes.shape == (5 * SIDE_KM, 5 * SIDE_KM)
    centres = codes[2::5, 2::5][::-1]
    np.testing.assert_array_equal(centres, landscape.land_cover((2000,), KM2, KM2)[0])
    for name in ("counties.csv", "truth/zones.parquet"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_it_says_that_it_is_simulated(folder, truth):
    spec = read_spec(folder)
    assert "simulated" in spec.study.name and "模拟" in spec.study.name
    assert any("imulated" in note["en"] and "模拟" in note["zh"] for note in spec.notes)
    assert all("Simulated" in source["citation"] for source in spec.sources.values())
    assert set(spec.sources) == {"land_cover", "counties", "county_table", "emissions", "economy"}
    assert truth["simulated"] is True and truth["seed"] == SEED


def test_truth_is_on_the_base_grid(folder, truth, counties):
    zones = pd.read_parquet(folder / "truth" / "zones.parquet")
    assert list(zones.columns) == ["unit_id", "year", "zone"] and set(zones["zone"]) == set(ZONES)
    assert zones["unit_id"].str.startswith("g3:R").all() and not zones.duplicated(["unit_id", "year"]).any()
    assert len(zones) == pytest.approx(5 * counties.area.sum() / 9e6, rel=0.02)
    payment, recipient = (list(truth["zone_shares"][zone].values()) for zone in ("payment", "recipient"))
    assert payment == sorted(payment, reverse=True) and recipient == sorted(recipient)
    assert truth["scale_km"] == SCALE_KM
    assert truth["trends"]["carbon_source_peak_date"] == 2015 and 0.2 < truth["trends"]["carbon_sink_growth"] < 0.5


def test_what_is_there_is_kept(tmp_path, folder):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "study.toml").write_text("mine")
    (tmp_path / "counties.csv").unlink()
    heard = []
    write_twin(tmp_path, progress=lambda fraction, message: heard.append(fraction))
    assert (tmp_path / "study.toml").read_text() == "mine"
    assert (tmp_path / "counties.csv").read_bytes() == (folder / "counties.csv").read_bytes()
    assert heard == sorted(heard) and heard[-1] == 1.0


def test_refusals(tmp_path, folder):
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.toml").write_text("")
    for place, options, code in (
        (file, {}, "not_a_folder"),
        (tmp_path / "study", {}, "other_study"),
        (folder, {"seed": SEED + 1}, "other_twin"),
        (folder, {"pixel_m": 30}, "other_twin"),
        (tmp_path / "new", {"pixel_m": 5000}, "bad_pixel"),
        (tmp_path / "new", {"seed": -1}, "bad_seed"),
    ):
        with pytest.raises(InputError) as error:
            write_twin(place, **options)
        assert error.value.problems[0].code == code
    assert not (tmp_path / "new").exists()


# --- the chain -------------------------------------------------------------------------------------------------------


def test_zones_beside_by_hand():
    cells = [f"g3:R00{row}C00{col}" for row in range(2) for col in range(4)]
    truth = pd.DataFrame({"unit_id": cells, "year": 2000, "zone": ["payment", "payment", "balanced", "recipient"] * 2})
    zones = pd.DataFrame({"year": 2000, "zone": ["recipient", "missing"]}, index=pd.Index(["g6:R000C000", "g6:R000C001"], name="unit_id"))
    both = zones_beside(zones, truth)
    assert both["unit_id"].tolist() == [cells[k] for k in (0, 1, 4, 5)]
    assert both["zone"].unique().tolist() == ["recipient"] and both["true_zone"].unique().tolist() == ["payment"]
    tied = zones_beside(zones.assign(zone="balanced"), truth)
    assert tied.loc[tied["cell"] == "g6:R000C001", "true_zone"].unique().tolist() == ["balanced"]
    with pytest.raises(InputError, match="whole multiples"):
        zones_beside(zones.set_axis(pd.Index(["g4:R000C000", "g4:R000C001"], name="unit_id")), truth)


def test_truth_is_needed_to_compare(tmp_path):
    with pytest.raises(InputError, match=r"truth\.json"):
        found_again(None, tmp_path)


@pytest.mark.slow
def test_the_chain_finds_the_zones(found):
    assert found["zone_ari"] >= 0.8
    assert min(found["zone_ari_by_year"].values()) >= 0.75
    assert found["zone_agreement"] >= 0.9


@pytest.mark.slow
def test_the_agreement_is_with_this_truth(result, folder):
    truth = pd.read_parquet(folder / "truth" / "zones.parquet")
    shuffled = truth.assign(zone=np.random.default_rng(0).permutation(truth["zone"]))
    from carbonshed.zoning.validate import agreement

    both = zones_beside(result.zones, shuffled)
    assert abs(agreement(both["zone"], both["true_zone"])["ari"]) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("features", "least"), [("density", 0.8), ("budget", 0.7)])
def test_other_features_find_the_zones(study, result, folder, features, least):
    # `budget` holds two ratios that are known per county only; on cells below the size of a county they blur the borders.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        other = study.with_(features=features).run(until="zones")
    assert found_again(other, folder)["zone_ari"] >= least


@pytest.mark.slow
def test_the_chain_finds_the_scale(found, result):
    assert found["true_scale_km"] == SCALE_KM
    assert found["low_km"] <= found["true_scale_km"] <= found["high_km"] and found["scale_found"]
    assert found["high_km"] - found["low_km"] <= 12
    choice = result.scale_choice.set_index("quantity").loc["carbon_sink"]
    assert "no interior peak" not in choice["flags"] and "at the edge" not in choice["flags"]


@pytest.mark.slow
def test_the_chain_finds_the_trends(found, truth):
    assert found["all_found"], found["trends"]
    for zone in ZONES:
        shares = list(truth["zone_shares"][zone].values())
        np.testing.assert_allclose(list(found["zone_shares"][zone].values()), shares, atol=0.05)
    np.testing.assert_allclose(list(found["carbon_sink_t"].values()), list(truth["carbon_sink_t"].values()), rtol=0.02)
    source, energy = (np.array(list(each.values())) for each in (found["carbon_source_t"], truth["energy_emissions_t"]))
    assert ((source > energy) & (source < 1.05 * energy)).all()  # the rest is cropland


@pytest.mark.slow
def test_every_table_of_the_contract_is_there(result):
    for name in ("accounts_grid", "accounts_county", "scale_response", "zones", "zone_summary", "compensation", "flows"):
        assert len(result.table(name)), name
    sides = result.compensation.groupby("year")["side"].value_counts()
    assert (sides.xs("recipient", level="side") > 10).all() and (sides.xs("payer", level="side") > 50).all()
