"""The scale that fits on real land at 90 m: the urban land of Beijing, three of its 24 years."""

import warnings

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
import shapely

from carbonshed.checks import DataWarning
from carbonshed.study.study import Study

LEGEND = """
product = "urban"
title = "Urban land, yes or no"
citation = "Annual urban land of Beijing, 1984-2007"
[[class]]
code = 1
name = "urban"
canonical = "built_up"
[[class]]
code = 0
name = "other"
canonical = "bare"
"""


@pytest.mark.slow
def test_urban_land_of_beijing_has_a_scale_inside_the_ladder(shared, tmp_path):
    """Emissions spread over urban land: I rises to 3-5 km and falls in each year, and grows from year to year as the city fills up."""
    data = shared / "data" / "beijing-urban-1984-2013"
    raster = data / "beijing_urban_1984_2007_90m.tif"
    with rasterio.open(raster) as opened:
        bounds, crs = opened.bounds, opened.crs
    provinces = gpd.read_file(shared / "data" / "boundaries-bth" / "bth_boundaries.gpkg", layer="province_modern_amap").to_crs(crs)
    beijing = provinces.loc[provinces["province_name"] == "北京市", ["geometry"]].assign(unit_id="110000")
    beijing["geometry"] = beijing.intersection(shapely.box(*bounds).buffer(-200))  # 0.002 % lies beyond the raster
    beijing.to_file(tmp_path / "counties.gpkg", driver="GPKG")
    (tmp_path / "legend.toml").write_text(LEGEND, encoding="utf-8")
    urban = pd.read_csv(data / "urban_area_by_year.csv").set_axis(["year", "carbon_source_t"], axis=1).assign(id="110000")
    urban.to_csv(tmp_path / "emissions.csv", index=False)
    years = [1984, 1995, 2007]
    values = {
        "study": {"name": "Beijing", "years": years, "seed": 1},
        "counties": {"boundaries": "counties.gpkg", "id": "unit_id"},
        "land_cover": {"product": "legend.toml", "path": str(raster), "band": "by_description"},
        "grid": {"base_km": 1, "scales_km": [1, 2, 3, 4, 5, 6, 8, 10, 12]},
        "emissions": {"path": "emissions.csv"},
        "scale": {"quantity": "carbon_source", "permutations": 200, "draws": 20},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the datum of the raster has no name
        result = Study.from_values(values, base=tmp_path).run(tmp_path / "results", until="scale")
    response = result.table("scale_response").query("quantity == 'carbon_source'")
    moran = response.pivot_table(index="scale_km", columns="year", values="moran_i")
    assert moran.loc[3.0, years].tolist() == pytest.approx([0.865, 0.881, 0.893], abs=0.002)
    assert moran.idxmax().between(3, 5).all() and (moran[2007] > moran[1995]).all() and (moran[1995] > moran[1984]).all()
    choice = result.scale_choice.set_index("quantity").loc["carbon_source"]
    assert choice["scale_km"] in (3.0, 4.0) and 3 <= choice["low_km"] <= choice["high_km"] <= 5
