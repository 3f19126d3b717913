"""A SavedModel over HTTP: `python -m attention_zoo.serving --saved_model=...`."""
