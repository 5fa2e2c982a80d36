"""Floor 2: grids, counties, class areas, neighbours."""
