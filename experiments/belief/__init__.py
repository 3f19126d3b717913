"""The study behind `experiments.believe`: its models, what is measured of them, its tables."""
