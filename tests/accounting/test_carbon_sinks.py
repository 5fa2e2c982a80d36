"""Sinks and direct sources of land: known answers, linearity, pairing of modes, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carbonshed.accounting.carbon_sinks import CROPLAND_OF_SINK, carbon_sink, cropland_mode_for, nep_flows, production_flows
from carbonshed.accounting.carbon_sources import check_emission_density, direct_source
from carbonshed.accounting.coefficients import land_classes, load_coefficients
from carbonshed.checks import DataWarning, InputError

CLASSES = [name for name in land_classes() if name != "shrub"]


def frame(**areas: float) -> pd.DataFrame:
    return pd.DataFrame({name: [value] for name, value in areas.items()}, index=pd.Index(["A"], name="unit_id"))


def cube(areas: np.ndarray) -> xr.DataArray:
    years, units = range(2000, 2000 + areas.shape[0]), [f"u{i}" for i in range(areas.shape[1])]
    return xr.DataArray(areas, dims=("year", "unit_id", "land_class"), coords={"year": years, "unit_id": units, "land_class": CLASSES})


def test_u1_a_thousand_hectares_of_forest() -> None:
    sink = carbon_sink(frame(forest=10.0))
    assert sink["A"] == pytest.approx(2361.33, abs=0.005)
    assert sink["A"] * 12 / 44 == pytest.approx(644)


def test_u4_the_worked_cell() -> None:
    cell = frame(cropland=100, forest=200, grassland=20, water=4)
    source, sink = direct_source(cell)["A"], carbon_sink(cell)["A"]
    assert source == pytest.approx(15473.3, abs=0.1)
    assert sink == pytest.approx(47751.7, abs=0.1)
    assert source - sink == pytest.approx(-32278.4, abs=0.1)


def test_the_region_of_the_method() -> None:
    assert carbon_sink(frame(forest=45000, grassland=35000, water=6000))["A"] / 1e6 == pytest.approx(11.45, abs=0.005)


@pytest.mark.parametrize(("npp", "mt"), [(223, 177), (313, 248), (356, 282), (398, 315), (448, 355)])
def test_u9_npp_of_the_region(npp: float, mt: float) -> None:
    land = frame(cropland=100_000, forest=116_000)
    assert carbon_sink(land, sink_mode="npp_gross", npp={"other": npp})["A"] / 1e6 == pytest.approx(mt, abs=0.5)
    assert carbon_sink(land, sink_mode="npp_gross", npp=pd.Series([float(npp)], land.index))["A"] / 1e6 == pytest.approx(mt, abs=0.5)
    scaled = carbon_sink(land, sink_mode="npp_scaled", npp={"other": npp}, alpha=0.1)["A"]
    assert scaled == pytest.approx(mt * 1e5, rel=0.005)


def test_class_means_with_other() -> None:
    land = frame(cropland=10, built_up=2, water=5, forest=1)
    sink = carbon_sink(land, sink_mode="npp_gross", npp={"cropland": 296, "built_up": 227, "water": 0, "other": 399.5}, carbon_to_co2=1.0)
    assert sink["A"] == pytest.approx(10 * 296 + 2 * 227 + 399.5)


def test_u13_the_sign_of_cropland_turns_the_map() -> None:
    plain = frame(cropland=100, built_up=1)
    as_source = direct_source(plain)["A"] - carbon_sink(plain)["A"]
    as_sink = direct_source(plain, cropland_mode="npp")["A"] - carbon_sink(plain, sink_mode="npp_scaled", npp={"other": 400})["A"]
    assert np.isfinite([as_source, as_sink]).all()
    assert as_source > 0 > as_sink


def test_nep_gives_a_sink_or_a_source_never_both() -> None:
    land = pd.DataFrame({"forest": [2.0, 2.0, 2.0]}, index=list("abc"))
    npp, respiration = pd.Series([400.0, 100, 50], land.index), pd.Series([100.0, 130, 50], land.index)
    sink, source = nep_flows(land, npp=npp, respiration=respiration, carbon_to_co2=1.0)
    assert sink.tolist() == [600, 0, 0]
    assert source.tolist() == [0, 60, 0]
    assert carbon_sink(land, sink_mode="nep_model", npp=npp, respiration=respiration, carbon_to_co2=1.0).tolist() == [600, 0, 0]


def test_crop_uptake_stands_beside_the_other_classes() -> None:
    land = frame(cropland=100, forest=10)
    sink = carbon_sink(land, sink_mode="crop_uptake", yields=pd.DataFrame({"wheat": [1000.0]}, index=land.index))
    assert sink["A"] == pytest.approx(2361.333 + 3912.333, abs=0.01)
    assert direct_source(land, cropland_mode="crop_uptake")["A"] == 0


def test_nodata_is_not_zero() -> None:
    land = pd.DataFrame({"forest": [0.0, np.nan, 0.0], "bare": [0.0, 1.0, 1.0], "name": list("xyz")}, index=["none", "unknown", "bare"])
    sink, source = carbon_sink(land), direct_source(land)
    pd.testing.assert_index_equal(sink.index, land.index)
    assert sink.isna().tolist() == source.isna().tolist() == [True, True, False]
    assert source["bare"] == 0


areas_strategy = arrays(float, (2, 3, len(CLASSES)), elements=st.floats(0.001, 1e4))


@settings(deadline=None)
@given(areas_strategy, st.floats(0.1, 10))
def test_flows_are_linear_and_the_sum_of_units_is_the_flow_of_the_region(areas: np.ndarray, factor: float) -> None:
    land = cube(areas)
    region = land.sum("unit_id").expand_dims(unit_id=["region"])
    for flow in (carbon_sink, direct_source):
        result = flow(land)
        assert result.dims == ("year", "unit_id")
        assert (result >= 0).all()
        np.testing.assert_allclose(flow(land * factor), result * factor, rtol=1e-9)
        np.testing.assert_allclose(result.sum("unit_id"), flow(region).squeeze("unit_id"), rtol=1e-9)


@settings(deadline=None)
@given(areas_strategy)
def test_cube_and_frame_agree_with_a_plain_loop(areas: np.ndarray) -> None:
    land, china = cube(areas), load_coefficients("china").on_side("sink")
    expected = [[sum(100 * land.values[t, u, k] * china[name] for k, name in enumerate(CLASSES)) for u in range(3)] for t in range(2)]
    np.testing.assert_allclose(carbon_sink(land), expected, rtol=1e-12)
    table = pd.DataFrame(areas[0], columns=CLASSES, index=list("xyz"))
    np.testing.assert_allclose(carbon_sink(table), expected[0], rtol=1e-12)


@settings(deadline=None)
@given(areas_strategy)
def test_npp_by_unit_by_class_and_as_means_agree(areas: np.ndarray) -> None:
    land = cube(areas)
    means = carbon_sink(land, sink_mode="npp_gross", npp={"other": 350.0})
    unit = xr.full_like(land.isel(land_class=0, drop=True), 350.0)
    np.testing.assert_allclose(carbon_sink(land, sink_mode="npp_gross", npp=unit), means, rtol=1e-12)
    np.testing.assert_allclose(carbon_sink(land, sink_mode="npp_gross", npp=xr.full_like(land, 350.0)), means, rtol=1e-12)


def test_a_class_of_zero_area_changes_nothing_and_one_with_area_needs_a_coefficient() -> None:
    land = frame(forest=1.0)
    forest_only = {"coefficient": [{**vars(load_coefficients("china").rows[1])}]}
    assert carbon_sink(land.assign(water=0.0), coefficients=forest_only)["A"] == carbon_sink(land)["A"]
    with pytest.raises(InputError, match=r"no value for water \(2.5 km2\)"):
        carbon_sink(land.assign(water=2.5), coefficients=forest_only)
    with pytest.raises(InputError, match="no value for grassland"):
        carbon_sink(frame(grassland=1.0), sink_mode="npp_gross", npp={"forest": 500})


@pytest.mark.parametrize("sink_mode", CROPLAND_OF_SINK)
def test_modes_go_in_pairs(sink_mode: str) -> None:
    assert cropland_mode_for(sink_mode) == cropland_mode_for(sink_mode, CROPLAND_OF_SINK[sink_mode])
    for other in {"source", "npp", "crop_uptake"} - {CROPLAND_OF_SINK[sink_mode]}:
        with pytest.raises(InputError, match="Leave cropland_mode out"):
            cropland_mode_for(sink_mode, other)


def test_what_a_mode_needs_is_asked_for() -> None:
    land = frame(forest=1.0)
    for call in (
        {"sink_mode": "npp_gross"},
        {"sink_mode": "crop_uptake"},
        {"sink_mode": "nep_model", "npp": {"other": 400}},
        {"sink_mode": "table"},
        {"sink_mode": "npp_grss"},
        {"sink_mode": "npp_scaled", "npp": {"other": 400}, "alpha": 0.0},
        {"sink_mode": "npp_gross", "npp": {"other": -400}},
        {"sink_mode": "npp_gross", "npp": {"woods": 400}},
        {"sink_mode": "npp_gross", "npp": pd.Series([400.0], index=["B"])},
        {"cropland_mode": "npp"},
    ):
        with pytest.raises(InputError):
            carbon_sink(land, **call)
    with pytest.raises(InputError, match="dimension land_class"):
        carbon_sink(pd.DataFrame({"trees": [1.0]}))
    with pytest.raises(InputError, match="areas >= 0"):
        carbon_sink(frame(forest=-1.0))
    with pytest.raises(InputError):
        direct_source(land, cropland_mode="sink")


def test_npp_with_other_labels_is_refused_and_another_unit_is_said() -> None:
    land = cube(np.ones((1, 2, len(CLASSES))))
    unit = xr.DataArray([[400.0, 400.0]], dims=("year", "unit_id"), coords={"year": [2000], "unit_id": ["u0", "u9"]})
    with pytest.raises(InputError, match="years, units and classes of land_area"):
        carbon_sink(land, sink_mode="npp_gross", npp=unit)
    with pytest.warns(DataWarning, match="should be 5-3000"):
        carbon_sink(land, sink_mode="npp_gross", npp={"other": 0.4})


def test_cropland_cannot_be_a_sink_among_direct_coefficients() -> None:
    row = {"land_class": "cropland", "side": "sink", "value": 0.007, "unit": "t C ha-1 a-1", "citation": "a test", "status": "unverified"}
    with pytest.raises(InputError, match="crop_uptake"):
        carbon_sink(frame(cropland=1.0), coefficients={"coefficient": [row]})


def test_what_was_used_is_said() -> None:
    attrs = carbon_sink(frame(forest=1.0)).attrs
    assert (attrs["units"], attrs["sink_mode"], attrs["cropland_mode"], attrs["coefficients"]) == (
        "t CO2 a-1",
        "landuse_coeff",
        "source",
        "china",
    )
    assert "forest" in attrs["unverified"]


def test_production_summed_over_pixels_becomes_sink_and_source() -> None:
    produced, respired = pd.Series([12.0, 3.0, np.nan], list("abc")), pd.Series([6.0, 6.0, 1.0], list("abc"))
    sink, source = production_flows(produced, respired)
    assert sink.tolist() == pytest.approx([22.0, 0.0, np.nan], nan_ok=True)
    assert source.tolist() == pytest.approx([0.0, 11.0, np.nan], nan_ok=True)
    assert production_flows(produced, alpha=0.1)[0].tolist() == pytest.approx([4.4, 1.1, np.nan], nan_ok=True)
    with pytest.raises(InputError, match="a share in"):
        production_flows(produced, alpha=1.2)


@settings(deadline=None, max_examples=30)
@given(arrays(float, (4, len(CLASSES)), elements=st.floats(0.1, 1e3)), st.floats(0, 900), st.floats(0, 900))
def test_nep_of_means_is_that_of_sums(areas: np.ndarray, npp: float, respiration: float) -> None:
    land = pd.DataFrame(areas, columns=CLASSES)
    one = pd.Series(1.0, index=land.index)
    by_mean = nep_flows(land, npp=one * max(npp, 5), respiration=one * max(respiration, 5))
    total = land.sum(axis=1)
    for mean, summed in zip(by_mean, production_flows(total * max(npp, 5), total * max(respiration, 5))):
        np.testing.assert_allclose(mean, summed, rtol=1e-9)


def test_more_than_a_place_can_emit_is_refused() -> None:
    areas = pd.Series({"A": 100.0, "B": 10.0})
    check_emission_density(pd.Series({"A": 9.9e7, "B": 9.9e6, "C": 1e12}), areas, where="a test")  # C has no area: not judged
    check_emission_density(pd.Series({"A": np.nan, "B": 0.0}), areas, where="a test")
    with pytest.raises(InputError) as error:
        check_emission_density(pd.Series([1e9, 1e3, 2e7], index=["A", "A", "B"]), areas, where="a test")
    assert error.value.problems[0].code == "implausible_emission" and error.value.problems[0].got == "A: 1e+07, B: 2e+06"
