"""Floor 7: the study - its specification, its steps and its result folder."""
