"""Trainers: absl-flag binaries, one job a module."""
