"""GatherSegments: base images on the device; a model is given the rows of an index table."""

import keras
import numpy as np
from keras import ops as kops

from attention_zoo import ops
from attention_zoo._assertions import can_raise, require_all


@keras.saving.register_keras_serializable(package="attention_zoo")
class GatherSegments(keras.layers.Layer):
    """x_j = base[row_j], bytes scaled to [-1, 1], looked up within the compiled step.

    The encoder of a `FocusClassifier` that is trained on mosaics, on any backend of Keras: base
    images are on the device once, and a batch is m numbers an example.

        mosaics = az.datasets.sdc.from_arrays(images, labels, ...)
        model = az.FocusClassifier(f, g, "lvml", encoder=az.layers.GatherSegments(mosaics.images))
        model.fit(mosaics.table, mosaics.targets)
        model.predict(pixels)  # (b, m, h, w, c): such segments are scaled, and go on as they are

    Base images are data: they are a weight that is not trained, which is saved neither in `.keras`
    files and checkpoints nor in exported models. A loaded model takes pixels alone; to train it
    further on rows, join its networks to a new layer: `FocusClassifier(model.focus,
    model.classifier, model.attention, encoder=GatherSegments(images))`.

    A row outside 0 to N - 1 raises, as `losses.NegativeLogLikelihood` does of labels; under XLA and
    JAX, and with PyTorch on a GPU, its segment is NaN. Masked rows are looked up like any: pad with
    rows that there are, such as 0. A `FocusClassifier` reads them as 0 itself.

    Args:
        base: base images or vectors (N, ...): uint8, scaled by (x - 127.5) / 127.5, or floating,
            kept as they are. None makes a layer for pixels alone, as of a loaded model.
        shape: of one segment, where there is no base.
        scales_bytes: whether segments may be bytes; where there is a base it decides.

    Call arguments:
        inputs: rows of a table, integers (b, m), each 0 to N - 1; or segments (b, m, ...), floating
            or, where base images are not floating, uint8.

    Returns:
        Segments (b, m, ...), float32.

    Raises:
        ValueError: bytes beside floating base images, of which the layer does not know the scale;
            rows that are not there.
    """

    reads_segments_alone = True  # as of `PerSegment`

    def __init__(self, base=None, shape=None, scales_bytes=True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        base = None if base is None else np.asarray(base)
        if (base is None) == (shape is None):
            raise ValueError("base and shape are both given or both None, expected one of them")
        self.segment_shape = tuple(shape if base is None else base.shape[1:])
        self.scales_bytes = scales_bytes if base is None else base.dtype == np.uint8
        self.base = None if base is None else self._held(base)

    def _held(self, base):
        if base.ndim < 2 or not (base.dtype == np.uint8 or np.issubdtype(base.dtype, np.floating)):
            raise ValueError(
                f"base has shape {base.shape} and dtype {base.dtype}, expected (N, ...) of uint8 "
                "or floating"
            )
        return self.add_weight(
            shape=base.shape,
            dtype="uint8" if base.dtype == np.uint8 else "float32",
            initializer=lambda shape, dtype: kops.convert_to_tensor(base, dtype=dtype),
            trainable=False,
            autocast=False,
            name="base",
        )

    @property
    def input_ranks(self):
        """Of what a call takes: rows and segments."""
        return 2, 2 + len(self.segment_shape)

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        if len(inputs.shape) == 2 + len(self.segment_shape):
            return self._pixels(inputs)
        if self.base is None:
            raise ValueError(
                "inputs are rows and the base images are not there, expected segments: base images "
                "are not saved with a model"
            )
        return _looked_up(self.base, kops.cast(inputs, "int32"))

    def _pixels(self, segments):
        if ops.is_integer(segments) and not self.scales_bytes:
            kind = keras.backend.standardize_dtype(segments.dtype)
            raise ValueError(
                f"segments are of dtype {kind} beside floating base images, expected floats, "
                "scaled as these are"
            )
        return ops.scaled(segments)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], *self.segment_shape)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def save_own_variables(self, store):
        """Saves nothing: base images are data."""

    def load_own_variables(self, store):
        """Loads nothing, and keeps the base images."""

    def get_config(self):
        own = {"shape": self.segment_shape, "scales_bytes": self.scales_bytes}
        return super().get_config() | {"base": None} | own


def _looked_up(base, rows):
    """Segments (b, m, ...) of rows (b, m); NaN of those that there are not, or an error."""
    count = base.shape[0]
    there = kops.logical_and(rows >= 0, rows < count)
    expected = f"expected 0 to {count - 1}: there are {count} base images"
    require_all(there, lambda: ("rows are from", kops.min(rows), "to", kops.max(rows), expected))
    segments = ops.scaled(kops.take(base, kops.where(there, rows, 0), axis=0))
    return segments if can_raise() else ops.nan_where(kops.logical_not(there), segments)
