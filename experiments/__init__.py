"""Experiments: the paper's suite, and what the figures of docs were made by; not in the wheel."""
