"""Networks of focus and classification models, and the layers they are built of."""
