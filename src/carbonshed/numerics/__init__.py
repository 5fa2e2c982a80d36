"""Floor 1: arrays in, arrays out; no domain words."""
