"""Land-use carbon accounts, the scale that fits, compensation zones, and who pays whom."""

__version__ = "0.1.0"
