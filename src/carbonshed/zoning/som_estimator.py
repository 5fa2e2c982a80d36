"""The self-organising map as a scikit-learn estimator."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.utils.validation import check_is_fitted, validate_data

from carbonshed.checks import choose
from carbonshed.numerics.som import hit_counts, train_som, two_nearest_nodes
from carbonshed.numerics.som_sheet import MISSING, as_samples, distortion, fill_with_means, map_shape, topographic_error, u_matrix

Floats = NDArray[np.float64]
INITIALISATIONS = ("linear", "sample")


def worker_count(n_jobs: int | None) -> int:
    """Number of threads for scikit-learn's `n_jobs`: None is 1, -1 is all processors, -2 all but one.

    >>> worker_count(None), worker_count(3)
    (1, 3)
    """
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max((os.cpu_count() or 1) + 1 + n_jobs, 1)


class SOM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Batch self-organising map: a sheet of nodes laid through the data; `predict` gives the best matching node of each row.

    Parameters
    ----------
    shape : (rows, columns), optional
        Size of the sheet. None: about ``5 sqrt(N)`` nodes (at most 900), sides in the ratio of the two first principal components.
    lattice : {"hexagonal", "rectangular"}
        Six or eight neighbours.
    epochs : int, optional
        None: 30 with a shrinking radius, then until the quantisation error settles.
    end_radius : float
        Last radius of the neighbourhood, in distances between adjacent nodes; sets quantisation against topographic error.
    seed : int
        Used by ``initialisation="sample"`` only: the linear initialisation and the batch rule draw nothing.
    n_jobs : int, optional
        Threads; changes the time, never a byte of the result.
    initialisation : {"linear", "sample"}
        On the plane of the two first principal components, or at rows drawn by `seed`.
    missing : {"refuse", "mask"}
        NaN is refused, or left out of the distances and means of its row, here as in `predict` and all measures of quality. The first
        codebook and the size of the sheet take the mean of the known values in its place.

    Attributes
    ----------
    codebook_ : array (nodes, features)
    shape_ : (rows, columns)
    labels_ : array (rows,)
        Best matching node of each row of the training data.
    hit_counts_ : array (nodes,)
        Rows of the training data at each node.
    n_iter_ : int
        Epochs that were run.
    start_radius_ : float
        First radius.
    n_features_in_ : int

    Notes
    -----
    The batch rule is that of `carbonshed.numerics.som.train_som`. Source: Kohonen (2001), Self-Organizing Maps, textbook form;
    defaults of the sheet: SOM Toolbox (Vesanto et al. 2000).

    Examples
    --------
    >>> som = SOM((1, 2), lattice="rectangular", end_radius=0.1).fit([[0.0], [0.2], [5.0], [5.2]])
    >>> som.codebook_.round(3).ravel().tolist(), som.predict([[1.0], [4.0]]).tolist(), som.hit_counts_.tolist()
    ([0.1, 5.1], [0, 1], [2, 2])
    """

    def __init__(
        self,
        shape: tuple[int, int] | None = None,
        *,
        lattice: str = "hexagonal",
        epochs: int | None = None,
        end_radius: float = 1.0,
        seed: int = 0,
        n_jobs: int | None = 1,
        initialisation: str = "linear",
        missing: str = "refuse",
    ):
        self.shape = shape
        self.lattice = lattice
        self.epochs = epochs
        self.end_radius = end_radius
        self.seed = seed
        self.n_jobs = n_jobs
        self.initialisation = initialisation
        self.missing = missing

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn must know of this estimator: whether it takes NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags

    def _checked(self, X: ArrayLike, *, reset: bool) -> Floats:
        finite = "allow-nan" if self.missing == "mask" else True
        data: Floats = validate_data(self, X, dtype=np.float64, reset=reset, ensure_all_finite=finite)
        return as_samples(data, missing=self.missing)

    def fit(self, X: ArrayLike, y: Any = None) -> SOM:
        """Train the map on `X`, an array (rows, features) of numbers in comparable units; `y` is not used."""
        choose(self.initialisation, INITIALISATIONS, where="initialisation")
        choose(self.missing, MISSING, where="missing")
        data = self._checked(X, reset=True)
        filled = fill_with_means(data)
        shape = map_shape(filled, lattice=self.lattice) if self.shape is None else self.shape
        initial = None
        if self.initialisation == "sample":
            size = shape[0] * shape[1]
            initial = filled[np.random.default_rng(self.seed).choice(len(data), size, replace=size > len(data))]
        options: dict[str, Any] = {"lattice": self.lattice, "epochs": self.epochs, "end_radius": self.end_radius, "missing": self.missing}
        threads = worker_count(self.n_jobs)
        trained = train_som(data, shape, initial=initial, threads=threads, **options)
        self.codebook_ = trained.codebook
        self.shape_ = (int(shape[0]), int(shape[1]))
        self.n_iter_ = trained.epochs
        self.start_radius_ = trained.start_radius
        self.labels_ = two_nearest_nodes(data, self.codebook_, missing=self.missing, threads=threads)[0]
        self.hit_counts_ = hit_counts(self.labels_, len(self.codebook_))
        return self

    def _nearest(self, X: ArrayLike) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64], Floats]:
        check_is_fitted(self)
        data = self._checked(X, reset=False)
        return data, *two_nearest_nodes(data, self.codebook_, missing=self.missing, threads=worker_count(self.n_jobs))

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Best matching node of each row, ``row * columns + column``; ties go to the lower index."""
        return self._nearest(X)[1]

    def transform(self, X: ArrayLike) -> Floats:
        """Distance of each row to each node, shape (rows, nodes)."""
        check_is_fitted(self)
        data = self._checked(X, reset=False)
        return nan_euclidean_distances(data, self.codebook_) if np.isnan(data).any() else pairwise_distances(data, self.codebook_)

    def quantization_error(self, X: ArrayLike) -> float:
        """Mean distance of the rows to their best matching nodes: ``mean |x_i - m_c(i)|``."""
        return float(self._nearest(X)[3].mean())

    def topographic_error(self, X: ArrayLike) -> float:
        """Share of rows whose best and second-best nodes are not adjacent on the sheet."""
        _, best, second, _ = self._nearest(X)
        return topographic_error(best, second, self.shape_, lattice=self.lattice)

    def distortion(self, X: ArrayLike) -> float:
        """Mean over rows of ``sum_u h_cu |x_i - m_u|^2`` at the end radius: what the last epochs minimise."""
        data, best, _, _ = self._nearest(X)
        sheet = {"lattice": self.lattice, "missing": self.missing}
        return distortion(data, self.codebook_, best, self.shape_, radius=self.end_radius, **sheet)

    def u_matrix(self) -> Floats:
        """Mean distance of each node's vector to those of the adjacent nodes, shape (rows, columns)."""
        check_is_fitted(self)
        return u_matrix(self.codebook_, self.shape_, lattice=self.lattice)

    @property
    def _n_features_out(self) -> int:
        return len(self.codebook_)
