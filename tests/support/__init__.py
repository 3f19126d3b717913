"""What tests share, by what it is of: fixtures, which conftest.py has, and helpers to import."""
