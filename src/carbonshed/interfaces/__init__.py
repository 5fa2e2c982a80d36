"""Floor 8: words and HTTP to `Study`."""
