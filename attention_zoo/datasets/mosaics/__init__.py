"""Mosaics of images: base images, how they are drawn, and their batches."""
