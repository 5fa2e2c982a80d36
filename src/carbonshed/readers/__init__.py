"""Floor 2b: a foreign file becomes a canonical object with its licence and citation."""
