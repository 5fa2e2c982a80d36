"""Floor 4: how statistics answer to the side of the grid, and the choice of a side with its reason."""
