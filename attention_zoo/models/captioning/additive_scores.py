"""Additive attention scores: how much a region matters to a state."""

import keras
from keras import ops as kops


@keras.saving.register_keras_serializable(package="attention_zoo")
class AdditiveScores(keras.layers.Layer):
    """s_j = v . tanh(W x_j + U h + e), for every region j.

    `project` makes W x_j + e, which does not depend on the state, once for all words; `compare`
    makes the scores of that.

    Args:
        units: size of the space that regions and states are compared in.

    Call arguments:
        features: (b, r, d), of the regions.
        state: (b * k, u): k states for each of the b images.

    Returns:
        Scores (b * k, r), float32 under every dtype policy.

    Reference: Bahdanau, Cho and Bengio, arXiv:1409.0473.
    """

    def __init__(self, units=256, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.of_region = keras.layers.Dense(units, name="of_region")
        self.of_state = keras.layers.Dense(units, use_bias=False, name="of_state")
        self.score = keras.layers.Dense(1, use_bias=False, name="score")

    def build(self, features_shape, state_shape):
        self.of_region.build(features_shape)
        self.of_state.build(state_shape)
        self.score.build((None, self.units))
        self.built = True

    def project(self, features):
        """W x_j + e: features (b, r, d) -> (b, r, units)."""
        return self.of_region(features)

    def call(self, features, state):
        return self.compare(self.project(features), state)

    def compare(self, projected, state):
        """Scores (b * k, r) of projected regions (b, r, units) and states (b * k, u)."""
        b, r, units = kops.shape(projected)
        of_state = kops.reshape(self.of_state(state), (b, -1, 1, units))
        fit = kops.tanh(projected[:, None] + of_state)  # (b, k, r, units)
        scores = self.score(kops.reshape(fit, (-1, units)))  # (b * k * r, 1)
        return kops.cast(kops.reshape(scores, (-1, r)), "float32")

    def get_config(self):
        return super().get_config() | {"units": self.units}
