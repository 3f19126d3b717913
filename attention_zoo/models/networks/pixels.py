"""Pixels: images as a pretrained network takes them."""

import keras
from keras import ops

from attention_zoo._checks import as_count


@keras.saving.register_keras_serializable(package="attention_zoo")
class Pixels(keras.layers.Layer):
    """Resizes images and scales their pixels to what a network was trained on.

    Args:
        to: what the network takes: "bytes", 0 to 255; "scaled", x / 127.5 - 1; "caffe", blue,
            green, red, each less its mean over ImageNet; "torch", x / 255, less the mean over
            ImageNet and divided by the deviation, by channel. The last two take RGB.
        given: what the images are: "bytes", 0 to 255, uint8 or floats; or "scaled", in [-1, 1].
        size: height and width to resize to, bilinearly; None leaves them as they are.

    Call arguments:
        images: (b, h, w, c).

    Returns:
        (b, h, w, c), or (b, size, size, c).
    """

    def __init__(self, to="bytes", given="bytes", size=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        for name, value, known in (("to", to, _SCALES), ("given", given, ("bytes", "scaled"))):
            if value not in known:
                raise ValueError(f"{name} is {value!r}, expected one of {sorted(known)}")
        self.to, self.given = to, given
        self.size = None if size is None else as_count("size", size, least=1)

    def call(self, images):
        x = ops.cast(images, "float32")
        if self.size is not None:
            x = ops.image.resize(x, (self.size, self.size), data_format="channels_last")
        if self.given != self.to:
            x = _SCALES[self.to](x * 127.5 + 127.5 if self.given == "scaled" else x)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, images_shape):
        size = images_shape[1:3] if self.size is None else (self.size, self.size)
        return (images_shape[0], *size, images_shape[3])

    def get_config(self):
        own = {"to": self.to, "given": self.given, "size": self.size}
        return super().get_config() | own


def _caffe(x):
    return ops.flip(x, axis=-1) - ops.convert_to_tensor([103.939, 116.779, 123.68])


def _torch(x):
    mean = ops.convert_to_tensor([0.485, 0.456, 0.406])
    return (x / 255.0 - mean) / ops.convert_to_tensor([0.229, 0.224, 0.225])


# Bytes, RGB -> what the network takes; as `keras.applications`' own preprocess_input.
_SCALES = {
    "bytes": lambda x: x,
    "scaled": lambda x: x / 127.5 - 1.0,
    "caffe": _caffe,
    "torch": _torch,
}
