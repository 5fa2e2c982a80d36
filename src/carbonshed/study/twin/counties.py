"""The counties of the twin: about 200 ragged polygons that tile the region, with districts around cities, cities in provinces."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import Voronoi, cKDTree

from carbonshed.spatial.crs import china_albers
from carbonshed.study.twin.landscape import SIDE_KM, SOUTH_M, WEST_M, Landscape
from carbonshed.study.twin.noise import Floats, gaussian_field

MARGIN_KM = 8.0
"""From the edge of the square that is drawn to the straight border that is then made ragged."""
N_CITIES, CITY_DISTANCE_KM = 15, 105.0
N_COUNTIES = 200
DISTRICTS = (3, 6)
DISTRICT_KM = 9.0
"""Distance of a city's districts from its centre."""
WAVES = ((12.0, 2.0), (4.0, 0.4))
"""Length and height, in km, of the waves of ragged borders."""
ROUGH, ROUGH_KM = 0.09, 0.6
"""How far the middle of a stretch of border lies aside, as a share of its length, and at most (standard deviation)."""
FLATTER, TRIES = (1.0, 0.5, 0.0), 8
"""Heights of the waves that are tried, and how often the borders of a polygon that crosses itself are made half as rough."""
STEP_KM = 1.0

CITY_NAMES = ("澜石", "岚阳", "渡川", "栖原", "青禾", "远陵", "云泽", "砚山口", "松堰", "浔丘", "蓝坞", "柘川", "雁陂", "朔浦", "棠岭")
PROVINCES = (("91", "西岭省"), ("92", "中原州省"), ("93", "东浦省"))
FIRST = "安柏苍川丹东枫甘海和禾嘉锦兰乐林龙明南宁平清泉瑞桑石双松泰桐望文溪霞新兴秀阳银永玉云泽昭"
SECOND = "坝宾池丰阜岗谷关和河湖集江津口岭陵柳渠山水台塘亭湾乡雁阳原源洲"


@dataclass(frozen=True)
class Seats:
    """Where cities and counties have their seats, in km from the south-west corner, and to which city a county belongs."""

    cities: Floats
    counties: Floats
    city: NDArray[np.int64]
    is_district: NDArray[np.bool_]


def draw_counties(landscape: Landscape) -> gpd.GeoDataFrame:
    """Counties of the base year, in the China Albers CRS.

    Returns
    -------
    GeoDataFrame
        Columns unit_id (six digits: province, city, county; districts from 01, counties from 21), name, city, province, is_district,
        x_km, y_km (the seat), geometry; they tile the region without gaps or overlaps.
    """
    seats = _seats(landscape)
    shapes = _ragged(seats.counties, landscape.seed)
    province = _provinces(seats.cities)
    frame = pd.DataFrame(
        {"city_number": seats.city, "is_district": seats.is_district, "x_km": seats.counties[:, 0], "y_km": seats.counties[:, 1]}
    )
    frame["province_number"] = province[seats.city]
    frame["unit_id"] = _codes(frame)
    names = county_names(len(frame), landscape.seed)
    frame["name"] = [f"{name}{'区' if district else '县'}" for name, district in zip(names, frame["is_district"], strict=True)]
    frame["city"] = [f"{CITY_NAMES[k]}市" for k in seats.city]
    frame["province"] = [PROVINCES[k][1] for k in frame["province_number"]]
    columns = ["unit_id", "name", "city", "province", "is_district", "x_km", "y_km"]
    counties = gpd.GeoDataFrame(frame[columns], geometry=shapes, crs=china_albers())
    return counties.sort_values("unit_id", ignore_index=True)


def _seats(landscape: Landscape) -> Seats:
    """Cities where industry and access are high, their districts around them, and counties anywhere else."""
    rng = np.random.default_rng([landscape.seed, 10])
    low, high = MARGIN_KM, SIDE_KM - MARGIN_KM
    draw = landscape.industry(2000) + 0.5 * landscape.access
    places = rng.uniform(low + 20, high - 20, size=(20_000, 2))
    worth = draw[places[:, 1].astype(int), places[:, 0].astype(int)]
    cities: list[Floats] = []
    for place in places[np.argsort(-worth, kind="stable")]:
        if all(np.hypot(*(place - other)) > CITY_DISTANCE_KM for other in cities):
            cities.append(place)
        if len(cities) == N_CITIES:
            break
    centres = np.array(cities)
    districts = []
    for centre in centres:
        n = int(rng.integers(DISTRICTS[0], DISTRICTS[1] + 1))
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * (np.arange(n) + rng.uniform(-0.2, 0.2, n)) / n
        districts.append(centre + DISTRICT_KM * rng.uniform(0.8, 1.2, (n, 1)) * np.column_stack([np.cos(angles), np.sin(angles)]))
    inner = np.concatenate(districts)
    seats = _spaced(inner, N_COUNTIES - len(inner), low, high, rng)
    is_district = np.arange(len(seats)) < len(inner)
    city = np.asarray(cKDTree(centres).query(seats)[1], dtype=np.int64)
    return Seats(centres, seats, city, is_district)


def _spaced(first: Floats, n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    """`n` more seats, each the farthest from all others among ten drawn."""
    seats = list(first)
    for _ in range(n):
        drawn = rng.uniform(low, high, size=(10, 2))
        distance = cKDTree(np.array(seats)).query(drawn)[0]
        seats.append(drawn[int(np.argmax(distance))])
    return np.array(seats)


def _ragged(seats: Floats, seed: int) -> NDArray[np.object_]:
    """Voronoi polygons of the seats with every point moved by a smooth field, and roughened: shared borders stay shared.

    Where borders cross, those of the polygons concerned are made smoother; where that does not help, all waves are made flatter.
    """
    vertices, rings = _voronoi(seats)
    pairs = [[(min(pair), max(pair)) for pair in zip(ring, np.roll(ring, -1).tolist(), strict=True)] for ring in rings]
    numbers = {edge: k for k, edge in enumerate(sorted({edge for ring in pairs for edge in ring}))}
    east, north = _waves(seed)
    shapes = np.empty(0, dtype=object)
    for height in FLATTER:
        rough = np.ones(len(numbers))
        for _ in range(TRIES):
            lines = {}
            for edge, k in numbers.items():
                line = _rough(vertices[edge[0]], vertices[edge[1]], rough[k], np.random.default_rng([seed, 13, k]))
                lines[edge] = _moved(line, height * east, height * north)
            shapes = np.array([shapely.Polygon(_outline(ring, lines)) for ring in rings], dtype=object)
            crossed = ~shapely.is_valid(shapes) | ~shapely.is_empty(shapely.coverage_invalid_edges(shapes))
            if not crossed.any():
                return shapes
            rough[[numbers[edge] for k in np.flatnonzero(crossed) for edge in pairs[k]]] /= 2
    return shapes


def _voronoi(seats: Floats) -> tuple[Floats, list[list[int]]]:
    """Vertices, and for each seat those of its polygon, anticlockwise; images of the seats beyond the edges make the edges straight."""
    images = [seats]
    for axis in (0, 1):
        for edge in (MARGIN_KM, SIDE_KM - MARGIN_KM):
            image = seats.copy()
            image[:, axis] = 2 * edge - image[:, axis]
            images.append(image)
    diagram = Voronoi(np.concatenate(images))
    rings = []
    for k, seat in enumerate(seats):
        corners = np.array(diagram.regions[diagram.point_region[k]])
        offset = diagram.vertices[corners] - seat
        rings.append(corners[np.argsort(np.arctan2(offset[:, 1], offset[:, 0]))].tolist())
    return np.asarray(diagram.vertices), rings


def _outline(ring: list[int], lines: dict[tuple[int, int], Floats]) -> Floats:
    """Points of a polygon from the lines between its vertices."""
    parts = []
    for start, end in zip(ring, np.roll(ring, -1), strict=True):
        line = lines[min(start, end), max(start, end)]
        parts.append((line if start < end else line[::-1])[:-1])
    return np.concatenate(parts)


def _rough(start: Floats, end: Floats, roughness: float, rng: np.random.Generator) -> Floats:
    """Points from start to end: the middle of each stretch is moved aside at random, until stretches are about STEP_KM long."""
    line = np.stack([start, end])
    length = float(np.hypot(*(end - start)))
    while length > STEP_KM:
        along = np.diff(line, axis=0)
        aside = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
        shift = roughness * min(ROUGH * length, ROUGH_KM) * np.clip(rng.standard_normal((len(along), 1)), -1.5, 1.5)
        middle = line[:-1] + along / 2 + shift * aside
        line = np.insert(line, np.arange(1, len(line)), middle, axis=0)
        length /= 2
    return np.asarray(line, dtype=np.float64)


def _waves(seed: int) -> tuple[Floats, Floats]:
    """Eastward and northward shift of borders at each km2, in km."""
    rng = np.random.default_rng([seed, 11])
    east, north = (sum(height * gaussian_field(SIDE_KM, length, rng) for length, height in WAVES) for _ in range(2))
    most = MARGIN_KM / 2
    return np.clip(east, -most, most), np.clip(north, -most, most)


def _moved(points: Floats, east: Floats, north: Floats) -> Floats:
    """Points, in km, moved and turned into whole metres of the CRS."""
    place = points[:, ::-1].T - 0.5
    shift = np.column_stack([map_coordinates(move, place, order=1, mode="nearest") for move in (east, north)])
    return np.round((points + shift) * 1000) + np.array([WEST_M, SOUTH_M])


def _provinces(cities: Floats) -> NDArray[np.int64]:
    """Three provinces from west to east with as many cities each."""
    rank = np.argsort(np.argsort(cities[:, 0]))
    return np.asarray(rank * len(PROVINCES) // len(cities), dtype=np.int64)


def _codes(frame: pd.DataFrame) -> list[str]:
    city_rank = frame.groupby("province_number")["city_number"].rank(method="dense").astype(int)
    within = frame.groupby(["city_number", "is_district"]).cumcount() + np.where(frame["is_district"], 1, 21)
    return [f"{PROVINCES[p][0]}{c:02d}{n:02d}" for p, c, n in zip(frame["province_number"], city_rank, within, strict=True)]


def county_names(n: int, seed: int) -> list[str]:
    """Names of two signs, none twice; a longer list begins with the shorter one."""
    pairs = [one + two for one in FIRST for two in SECOND if one != two]
    order = np.random.default_rng([seed, 12]).permutation(len(pairs))
    return [pairs[k] for k in order[:n]]
