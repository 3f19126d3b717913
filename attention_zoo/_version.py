"""The version, in the one place it is written (`setup.py` reads this file without importing it)."""

__version__ = "0.1.0"
