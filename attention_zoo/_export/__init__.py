"""SavedModels for deployment: TensorFlow alone loads and serves them."""

from attention_zoo._export.export import export

__all__ = ["export"]
