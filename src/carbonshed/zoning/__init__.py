"""Floor 5: indicators, self-organising map, clusters, and their names: payment, balanced, recipient."""
