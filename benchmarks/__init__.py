"""Benchmarks: one script a subject, each against its peer; see `harness`."""
