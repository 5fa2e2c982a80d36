import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from carbonshed.checks import InputError
from carbonshed.study.store import Store, digest, file_digest, replacing
from carbonshed.study.verifying import verify


def test_tables_come_back_with_index_geometry_and_crs(tmp_path):
    store = Store(tmp_path)
    index = pd.Index(["a", "b"], name="unit_id")
    frame = gpd.GeoDataFrame(
        {"year": [2000, 2000], "x": [1.5, None]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], index=index, crs="EPSG:3035"
    )
    store.write_table("accounts", frame)
    back = store.read_table("accounts")
    assert isinstance(back, gpd.GeoDataFrame) and back.crs == frame.crs
    pd.testing.assert_frame_equal(pd.DataFrame(back), pd.DataFrame(frame), check_index_type=False, check_column_type=False)
    store.write_table("plain", pd.DataFrame({"year": [1], "v": [2.0]}))
    assert store.read_table("plain").to_dict("list") == {"year": [1], "v": [2.0]}


def test_equal_tables_are_equal_bytes(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index(["a", "b"], name="unit_id"))
    assert Store(tmp_path / "1").write_table("t", frame) == Store(tmp_path / "2").write_table("t", frame)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_a_missing_table_names_those_there_are(tmp_path):
    store = Store(tmp_path)
    store.write_table("zones", pd.DataFrame({"x": [1]}))
    with pytest.raises(InputError, match="tables zones"):
        store.read_table("flows")


def test_verify_finds_a_changed_and_a_missing_file(done_study, tmp_path):
    out = done_study / "results"
    store = Store(out)
    assert verify(out) == []
    store.table_path("flows").write_bytes(b"x")
    store.table_path("zones").unlink()
    assert {p.code for p in verify(out)} == {"file_changed", "file_missing"}
    with pytest.raises(InputError, match="manifest"):
        verify(tmp_path / "none")


def test_a_manifest_of_another_schema_or_broken_is_refused(tmp_path):
    store = Store(tmp_path)
    store.write_manifest({"schema_version": 99})
    with pytest.raises(InputError, match="schema_version 1"):
        store.read_manifest()
    store.manifest_path.write_text("{")
    with pytest.raises(InputError, match="JSON"):
        store.read_manifest()


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=5))
def test_the_digest_ignores_order_and_sees_every_value(data):
    assert digest(data) == digest(dict(reversed(data.items())))
    key = next(iter(data))
    assert digest(data) != digest({**data, key: data[key] + 1})


def test_file_digest_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_digest(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
