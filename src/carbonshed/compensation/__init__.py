"""Floor 6: county accounts revised, amounts, priority and payment flows."""
