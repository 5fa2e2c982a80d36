"""Floor 6b: figures, report and exports drawn from frames by their terms; nothing is computed here."""
