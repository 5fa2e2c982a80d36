"""The sheet of a self-organising map: its size, the places of its nodes, the first codebook, and the measures of its quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, refuse

Floats = NDArray[np.float64]
Shape = tuple[int, int]

LATTICES = ("hexagonal", "rectangular")
MISSING = ("refuse", "mask")
"""What to do with a feature that is not known; see `som.train_som`."""
MOST_NODES = 900
"""Largest sheet that is chosen by itself (30 x 30); a larger one can be asked for by its shape."""
ROW_HEIGHT = {"hexagonal": np.sqrt(3.0) / 2.0, "rectangular": 1.0}


def as_samples(samples: ArrayLike, *, missing: str = "refuse") -> Floats:
    """`samples` as float64 of shape (n, d); refuses what is empty, not two-dimensional, NaN or infinite.

    With ``missing="mask"`` NaN is a feature that is not known; refused is then a row without any known feature.
    """
    choose(missing, MISSING, where="missing")
    data = np.ascontiguousarray(samples, dtype=np.float64)
    if data.ndim != 2 or 0 in data.shape:
        raise refuse(
            "som_samples",
            expected="a table of at least one row and one column",
            got=f"shape {data.shape}",
            where="samples",
            fix="Give an array of shape (samples, features).",
        )
    bad = ~np.isfinite(data).all(axis=1)
    if missing == "mask" and bad.any():
        bad = np.isinf(data).any(axis=1) | np.isnan(data).all(axis=1)
    if bad.any():
        raise refuse(
            "not_finite",
            expected="finite numbers" if missing == "refuse" else "rows of finite numbers, of which some may be missing but not all",
            got=f"NaN or infinity in {bad.sum()} of {len(data)} rows, the first is row {int(np.argmax(bad))}",
            where="samples",
            fix="Leave these rows out" + (', or use missing="mask".' if missing == "refuse" else "."),
        )
    return data


def fill_with_means(data: Floats) -> Floats:
    """Missing values (NaN) replaced by the mean of the known ones of their column: for the first codebook and the size of the sheet.

    >>> fill_with_means(np.array([[1.0, np.nan], [3.0, 5.0]])).tolist()
    [[1.0, 5.0], [3.0, 5.0]]
    """
    unknown = np.isnan(data)
    if not unknown.any():
        return data
    if (never := unknown.all(axis=0)).any():
        got = f"only NaN in column {int(never.argmax())}"
        raise refuse("no_known_value", expected="features known somewhere", got=got, where="samples", fix="Leave this feature out.")
    means = np.where(unknown, 0.0, data).sum(axis=0) / (~unknown).sum(axis=0)
    return np.where(unknown, means, data)


def check_shape(shape: Shape) -> Shape:
    """`shape` as two positive whole numbers (rows, columns)."""
    sides = tuple(shape) if np.ndim(shape) == 1 else ()
    if len(sides) != 2 or any(int(side) != side or side < 1 for side in sides):
        raise refuse("som_shape", expected="(rows, columns), both at least 1", got=repr(shape), where="shape", fix="For example (12, 11).")
    return int(sides[0]), int(sides[1])


def node_positions(shape: Shape, *, lattice: str = "hexagonal") -> Floats:
    """Places (x, y) of the nodes, adjacent ones at distance 1; node ``row * columns + column``.

    In the hexagonal sheet odd rows are shifted by 1/2 and rows are sqrt(3)/2 apart.

    >>> node_positions((2, 2)).round(3).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.5, 0.866], [1.5, 0.866]]
    """
    choose(lattice, LATTICES, where="lattice")
    rows, columns = check_shape(shape)
    row, column = (axis.ravel().astype(np.float64) for axis in np.indices((rows, columns)))
    shift = 0.5 * (row % 2) if lattice == "hexagonal" else 0.0
    return np.column_stack([column + shift, row * ROW_HEIGHT[lattice]])


def squared_map_distances(shape: Shape, *, lattice: str = "hexagonal") -> Floats:
    """Squared distances ``|r_c - r_u|^2`` between all nodes on the sheet, shape (M, M).

    >>> squared_map_distances((1, 3)).tolist()
    [[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]]
    """
    place = node_positions(shape, lattice=lattice)
    return ((place[:, None, :] - place[None, :, :]) ** 2).sum(axis=2)


def adjacent_nodes(shape: Shape, *, lattice: str = "hexagonal") -> NDArray[np.bool_]:
    """Whether two nodes are adjacent: six neighbours in the hexagonal sheet, eight in the rectangular one; shape (M, M).

    >>> adjacent_nodes((3, 3)).sum(axis=1).tolist(), adjacent_nodes((3, 3), lattice="rectangular").sum(axis=1).tolist()
    ([2, 4, 3, 5, 6, 3, 2, 4, 3], [3, 5, 3, 5, 8, 5, 3, 5, 3])
    """
    reach = 1.5 if lattice == "hexagonal" else 2.5  # squared: hexagonal neighbours at 1 (next 3), rectangular at 1 and 2 (next 4)
    near = squared_map_distances(shape, lattice=lattice) < reach
    np.fill_diagonal(near, False)
    return near


def map_nodes(n_samples: int) -> int:
    """Number of nodes for `n_samples`: ``5 sqrt(N)`` rounded, at most 900.

    Source: SOM Toolbox (Vesanto et al. 2000), `som_topol_struct`; the upper limit is a choice of the project.

    >>> [map_nodes(n) for n in (667, 700, 740)]
    [129, 132, 136]
    """
    if n_samples < 1:
        raise refuse("som_samples", expected="at least one sample", got=repr(n_samples), where="n_samples", fix="Give samples.")
    return min(int(np.round(5.0 * np.sqrt(n_samples))), MOST_NODES)


def principal_axes(samples: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Mean (d), standard deviations (falling) and unit vectors (rows) of the principal components.

    The sign of an axis is such that its component of largest absolute value (the first of equals) is positive.

    >>> mean, spread, axes = principal_axes([[0.0, 0.0], [-3.0, -4.0], [3.0, 4.0]])
    >>> mean.tolist(), spread.round(4).tolist(), axes[0].round(3).tolist()
    ([0.0, 0.0], [4.0825, 0.0], [0.6, 0.8])
    """
    data = as_samples(samples)
    mean = data.mean(axis=0)
    moved = data - mean
    covariance = np.einsum("ni,nj->ij", moved, moved) / len(data)
    variances, vectors = np.linalg.eigh(covariance)
    axes = vectors.T[::-1]
    largest = np.abs(np.round(axes, 12)).argmax(axis=1)
    signs = np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)
    return mean, np.sqrt(np.maximum(variances[::-1], 0.0)), axes * signs[:, None]


def distinct_rows(data: Floats, enough: int) -> int:
    """Number of different rows, or some number of at least `enough`: where the first rows differ the others are not looked at.

    >>> distinct_rows(np.array([[0.0], [0.0], [1.0]]), 3)
    2
    """
    head = len(np.unique(data[: 4 * enough], axis=0))
    return head if head >= enough or len(data) <= 4 * enough else len(np.unique(data, axis=0))


def map_shape(samples: ArrayLike, *, nodes: int | None = None, lattice: str = "hexagonal") -> Shape:
    """Size (rows, columns) of a sheet for the data: about ``5 sqrt(N)`` nodes, sides in the ratio of the two first components.

    ``ratio = sqrt(lambda_1 / lambda_2)`` of the covariance; the longer side is the rows. In the hexagonal sheet the columns are
    ``sqrt(nodes * sqrt(3)/2 / ratio)``, as rows are closer than columns. Never more nodes than different rows in the data.

    Source: SOM Toolbox (Vesanto et al. 2000), `som_topol_struct`.

    >>> around = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    >>> map_shape(np.column_stack([np.cos(around), np.sin(around)]))
    (12, 11)
    """
    choose(lattice, LATTICES, where="lattice")
    data = as_samples(samples)
    wanted = map_nodes(len(data)) if nodes is None else int(nodes)
    most = distinct_rows(data, wanted)
    wanted = max(min(wanted, most), 1)
    spread = principal_axes(data)[1]
    if len(spread) < 2 or spread[1] <= 1e-9 * spread[0]:
        return wanted, 1
    ratio = spread[0] / spread[1]
    columns = max(int(np.round(np.sqrt(wanted * ROW_HEIGHT[lattice] / ratio))), 1)
    rows = max(int(np.round(wanted / columns)), 1)
    while rows * columns > most:
        rows, columns = (rows - 1, columns) if rows >= columns else (rows, columns - 1)
    return rows, columns


def linear_codebook(samples: ArrayLike, shape: Shape, *, lattice: str = "hexagonal") -> Floats:
    """First codebook on the plane of the two first principal components, two standard deviations each way; shape (M, d).

    The longer side of the sheet lies along the first component. Source: linear initialisation, Kohonen (2001), textbook form.

    >>> linear_codebook([[-1.0], [1.0]], (3, 1), lattice="rectangular").ravel().tolist()
    [-2.0, 0.0, 2.0]
    """
    data = as_samples(samples)
    mean, spread, axes = principal_axes(data)
    place = node_positions(shape, lattice=lattice)
    extent = place.max(axis=0) - place.min(axis=0)
    middle = (place.max(axis=0) + place.min(axis=0)) / 2.0
    t = 4.0 * (place - middle) / np.where(extent > 0, extent, 1.0)
    order = (1, 0) if extent[1] >= extent[0] else (0, 1)
    codebook = np.tile(mean, (len(place), 1))
    for component, side in enumerate(order[: len(spread)]):
        codebook += t[:, [side]] * spread[component] * axes[component]
    return codebook


def topographic_error(best: ArrayLike, second: ArrayLike, shape: Shape, *, lattice: str = "hexagonal") -> float:
    """Share of samples whose best and second-best nodes are not adjacent on the sheet; 0 on a map of one node.

    Source: Kiviluoto (1996), textbook form.

    >>> topographic_error([0, 0], [1, 2], (3, 1))
    0.5
    """
    one, two = np.asarray(best, dtype=np.int64), np.asarray(second, dtype=np.int64)
    if shape[0] * shape[1] == 1:
        return 0.0
    return float(np.mean(~adjacent_nodes(shape, lattice=lattice)[one, two]))


def distortion(
    samples: ArrayLike,
    codebook: ArrayLike,
    best: ArrayLike,
    shape: Shape,
    *,
    radius: float,
    lattice: str = "hexagonal",
    missing: str = "refuse",
) -> float:
    """Distortion ``E = (1/n) sum_i sum_u h_c(i)u |x_i - m_u|^2`` with ``h_cu = exp(-|r_c - r_u|^2 / (2 radius^2))``.

    With ``missing="mask"`` squared distances are over the known features, times d / (number known). Source: Kohonen (2001), textbook form.

    >>> round(distortion([[0.0]], [[0.0], [1.0]], [0], (2, 1), radius=1.0, lattice="rectangular"), 4)  # exp(-1/2)
    0.6065
    """
    data, nodes, node = as_samples(samples, missing=missing), np.asarray(codebook, dtype=np.float64), np.asarray(best, dtype=np.int64)
    weights = np.exp(-squared_map_distances(shape, lattice=lattice) / (2.0 * radius**2))
    size, known = len(nodes), ~np.isnan(data)
    share = known * (data.shape[1] / known.sum(axis=1))[:, None]  # of a sample's squared distance, the weight of each feature
    filled = np.where(known, data, 0.0)
    counts = np.stack([np.bincount(node, column, size) for column in share.T], axis=1)
    means = np.stack([np.bincount(node, column, size) for column in (share * filled).T], axis=1) / np.where(counts > 0, counts, 1.0)
    within = np.bincount(node, (share * (filled - means[node]) ** 2).sum(axis=1), size)
    between = np.einsum("ck,cuk->cu", counts, (means[:, None, :] - nodes[None, :, :]) ** 2)
    return float((weights * (within[:, None] + between)).sum() / len(data))


def u_matrix(codebook: ArrayLike, shape: Shape, *, lattice: str = "hexagonal") -> Floats:
    """Mean distance of each node's vector to those of the adjacent nodes, shape (rows, columns): ridges part clusters.

    Source: Ultsch and Siemon (1990), textbook form.

    >>> u_matrix([[0.0], [1.0], [4.0]], (1, 3), lattice="rectangular").tolist()
    [[1.0, 2.0, 3.0]]
    """
    nodes, near = np.asarray(codebook, dtype=np.float64), adjacent_nodes(shape, lattice=lattice)
    apart = np.sqrt(((nodes[:, None, :] - nodes[None, :, :]) ** 2).sum(axis=2))
    degree = near.sum(axis=1)
    return ((apart * near).sum(axis=1) / np.where(degree > 0, degree, 1)).reshape(check_shape(shape))
