"""What is written to files: can Keras load it, and weights that a full disk cannot harm."""
