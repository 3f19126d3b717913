"""WordEncoder: what encoders whose segments are words have in common."""

import abc

import keras


class WordEncoder(keras.layers.Layer, abc.ABC):
    """The encoder of a `FocusClassifier` of texts: it knows how words become numbers."""

    @property
    def segment_shape(self):
        """The shape of what `look_up` makes of a word."""
        return ()

    @abc.abstractmethod
    def look_up(self, tokens):
        """Words, a tensor of strings (...), as this encoder reads them: int (..., *segment_shape).

        The word "" is padding, and all zeros.
        """
