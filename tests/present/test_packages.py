"""Exports that other programs open whole: GeoPackage with styles and QGIS project, GeoJSON, parquet with units, RO-Crate, LibreOffice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest

from carbonshed.checks import InputError
from carbonshed.present.export import export
from carbonshed.present.folder import ResultFolder
from carbonshed.present.map_layers import map_layers
from carbonshed.present.ro_crate import METADATA
from carbonshed.present.tidy import held

SYSTEM_PYTHON = "/usr/bin/python3"


def has_qgis() -> bool:
    """Whether the system's Python has QGIS, which lives outside virtual environments."""
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


def test_map_layers_are_the_last_year_with_shapes_and_totals(result_dir):
    result = ResultFolder(result_dir)
    layers = {layer.name: layer for layer in map_layers(result)}
    assert list(layers) == ["map_grid_accounts", "map_county_accounts", "map_zones", "map_amounts", "map_flows"]
    money = result.table("compensation").query("year == 2020")
    assert layers["map_amounts"].frame["payable"].sum() == money["payable"].sum()
    flows = result.table("flows").query("year == 2020")
    drawn = layers["map_flows"].frame
    assert set(drawn.geom_type) == {"LineString"} and drawn["compensation_flow"].sum() <= flows["compensation_flow"].sum()
    shapes = layers["map_amounts"].frame.set_index("unit_id").geometry
    row = drawn.iloc[0]
    start, end = (gpd.points_from_xy(*np.array(row.geometry.coords).T)[k] for k in (0, 1))
    assert shapes[row["payer"]].contains(start) and shapes[row["recipient"]].contains(end)


def test_geopackage_has_a_default_style_for_each_map_layer(result_dir, tmp_path):
    package, project = export(result_dir, ["gpkg"], tmp_path)
    styles = pyogrio.read_dataframe(package, layer="layer_styles")
    layers = {name for name, kind in pyogrio.list_layers(package) if name.startswith("map_")}
    assert set(styles["f_table_name"]) == layers and styles["useAsDefault"].all()
    for text in styles["styleQML"]:
        assert ET.fromstring(text.split("\n", 1)[1]).find("renderer-v2") is not None
    root = ET.fromstring(project.read_text(encoding="utf-8").split("\n", 1)[1])
    sources = {each.findtext("datasource") for each in root.iter("maplayer")}
    assert sources == {f"./result.gpkg|layername={name}" for name in layers}
    assert all(len(each.findtext("id") or "") > 10 for each in root.iter("maplayer"))


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed for the system's Python")
def test_qgis_opens_the_project_as_styled(result_dir, tmp_path):
    _, project = export(result_dir, ["gpkg"], tmp_path)
    code = textwrap.dedent("""
        import json, sys
        from qgis.core import QgsApplication, QgsProject
        app = QgsApplication([], False)
        app.initQgis()
        project = QgsProject.instance()
        assert project.read(sys.argv[1]), project.error()
        rows = {}
        for node in project.layerTreeRoot().findLayers():
            layer = node.layer()
            renderer = layer.renderer()
            classes = renderer.categories() if renderer.type() == "categorizedSymbol" else renderer.ranges()
            rows[layer.id()] = [layer.isValid(), layer.featureCount(), renderer.type(), len(classes), layer.crs().isValid()]
        print(json.dumps({"crs": project.crs().isValid(), "layers": rows}))
        import os; sys.stdout.flush(); os._exit(0)
    """)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    environment = {key: value for key, value in environment.items() if key not in ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA")}
    ran = subprocess.run([SYSTEM_PYTHON, "-c", code, str(project)], capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["crs"] and all(row[0] and row[1] > 0 and row[3] > 0 and row[4] for row in found["layers"].values())
    assert found["layers"]["carbonshed_map_zones"][2] == "categorizedSymbol" and len(found["layers"]) == 5


def test_geojson_is_in_degrees_with_units(result_dir, tmp_path):
    paths = {path.stem: path for path in export(result_dir, ["geojson"], tmp_path)}
    text = json.loads(paths["map_amounts"].read_text(encoding="utf-8"))
    assert text["units"]["payable"] == "yuan a-1" and text["title"]["zh"].endswith("净补偿额") and "crs" not in text
    read = gpd.read_file(paths["map_amounts"])
    before = next(layer.frame for layer in map_layers(ResultFolder(result_dir)) if layer.name == "map_amounts")
    assert read.crs.equals("EPSG:4326") and read["name"].tolist() == before["name"].tolist()
    np.testing.assert_array_equal(read["net_compensation"], before["net_compensation"])
    back = read.to_crs(before.crs)
    assert np.abs(back.area.to_numpy() / before.area.to_numpy() - 1).max() < 1e-5


def test_parquet_keeps_every_value_and_says_the_units(result_dir, tmp_path):
    paths = {path.stem: path for path in export(result_dir, ["geoparquet"], tmp_path)}
    result = ResultFolder(result_dir)
    assert list(paths) == held(result)
    for name, path in paths.items():
        before = pq.read_table(result_dir / "tables" / f"{name}.parquet")
        after = pq.read_table(path)
        assert after.equals(before) and after.schema.equals(before.schema)
    field = pq.read_schema(paths["compensation"]).field("payable")
    assert field.metadata[b"unit"] == b"yuan a-1" and field.metadata[b"name_zh"].decode()
    zones = gpd.read_parquet(paths["zones"])
    assert zones.crs.equals(result.geo("zones").crs)
    pd.testing.assert_frame_equal(pd.DataFrame(zones.drop(columns="geometry")), pd.DataFrame(result.geo("zones").drop(columns="geometry")))


def test_crate_names_every_file_with_its_checksum_and_every_link_ends(result_dir, tmp_path):
    result_dir = Path(shutil.copytree(result_dir, tmp_path / "result"))
    (path,) = export(result_dir, ["ro-crate"])
    assert path == result_dir / METADATA
    crate = json.loads(path.read_text(encoding="utf-8"))
    graph = {row["@id"]: row for row in crate["@graph"]}
    assert len(graph) == len(crate["@graph"]) and crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    root = graph["./"]
    assert {"name", "description", "datePublished", "license"} <= set(root)  # what RO-Crate 1.1 asks of the root
    for part in root["hasPart"]:
        file = result_dir / part["@id"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == graph[part["@id"]]["sha256"]
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == {p.relative_to(result_dir).as_posix() for p in result_dir.rglob("*") if p.is_file() and p.name != METADATA}
    links = [link["@id"] for row in crate["@graph"] for value in row.values() for link in (value if isinstance(value, list) else [value])
             if isinstance(link, dict) and "@id" in link]  # fmt: skip
    assert all(link in graph or link.startswith("https://") for link in links)
    assert graph["#quantity-payable"]["unitText"] == "yuan a-1"


def test_crate_elsewhere_is_refused(result_dir, tmp_path):
    with pytest.raises(InputError, match="copy or zip"):
        export(result_dir, ["ro-crate"], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_the_workbook_without_loss(result_dir, tmp_path):
    (book,) = export(result_dir, ["xlsx"], tmp_path)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    done = subprocess.run(["soffice", profile, "--headless", "--convert-to", "ods", "--outdir", str(tmp_path), str(book)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    back = subprocess.run(["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", str(tmp_path / "back"), str(tmp_path / "result.ods")],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert back.returncode == 0, back.stderr
    before, after = (pd.read_excel(path, sheet_name=None, dtype={"unit_id": str}) for path in (book, tmp_path / "back" / "result.xlsx"))
    assert list(before) == list(after)
    for name, table in before.items():
        pd.testing.assert_frame_equal(table, after[name], check_dtype=False, rtol=1e-14)
