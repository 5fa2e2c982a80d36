"""The sheet of a fitted self-organising map as a table: what its U-matrix, component planes and hit map are drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbonshed.checks import refuse
from carbonshed.numerics.som_sheet import node_positions
from carbonshed.zoning.model import ZoneModel

SHEET_COLUMNS = ("som_node", "som_row", "som_column", "som_x", "som_y", "som_hits", "som_distance", "cluster", "zone")


def som_nodes(model: ZoneModel) -> pd.DataFrame:
    """One row a node: its place on the sheet, hits, distance to its neighbours, cluster and zone, and its value of each feature.

    ``som_distance(u) = mean over adjacent v of |m_u - m_v|`` (the U-matrix, in the space of the weighted z-scores). The value of a
    feature is ``m_u / sqrt(w)`` taken back through the scaler: in the unit of the indicator, within the limits of winsorising.

    Parameters
    ----------
    model : ZoneModel
        As `fit_zones` gives it.

    Returns
    -------
    DataFrame
        ``som_node`` (row * columns + column), ``som_row``, ``som_column``, ``som_x``, ``som_y`` (adjacent nodes are 1 apart),
        ``som_hits`` (rows of the fit), ``som_distance``, ``cluster``, ``zone``, then one column a feature (NaN where its weight is 0).

    Raises
    ------
    InputError
        If the zones were made without a map.

    Notes
    -----
    Source: Ultsch and Siemon (1990) for the U-matrix; Kohonen (2001) for component planes; textbook forms.
    """
    som, node_cluster = model.clusterer.som, model.clusterer.node_cluster
    if som is None or node_cluster is None:
        raise refuse(
            "no_som",
            expected="zones by a self-organising map",
            got=f"method {model.clusterer.method!r}",
            where="som_nodes",
            fix="Use method = 'som_kmeans' with at least 30 rows.",
        )
    rows, columns = som.shape_
    place = node_positions(som.shape_, lattice=som.lattice)
    number = np.arange(rows * columns)
    sheet = pd.DataFrame(
        {
            "som_node": number,
            "som_row": number // columns,
            "som_column": number % columns,
            "som_x": place[:, 0],
            "som_y": place[:, 1],
            "som_hits": som.hit_counts_,
            "som_distance": som.u_matrix().ravel(),
            "cluster": node_cluster,
            "zone": np.asarray(model.zone_of_cluster)[node_cluster],
        }
    )
    weights = np.sqrt(model.scaler.weights)
    z = pd.DataFrame(np.divide(som.codebook_, weights, out=np.full(som.codebook_.shape, np.nan), where=weights > 0))
    return sheet.join(model.scaler.inverse(z.set_axis(model.scaler.names, axis=1)))
