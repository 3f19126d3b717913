"""Fixed focus: the networks that learn under a focus that is held, and their records."""
