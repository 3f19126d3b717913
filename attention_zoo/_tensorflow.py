"""What runs on TensorFlow alone says so."""

import keras


def require_backend(what):
    """Raises RuntimeError of one line where Keras does not run on TensorFlow."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            f"{what} runs on TensorFlow alone, and Keras runs on {backend}, expected "
            "KERAS_BACKEND=tensorflow in the environment: .keras files of any backend load there"
        )
