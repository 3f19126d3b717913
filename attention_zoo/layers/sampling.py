"""What the samplers share: one seed generator, saved and restored with the layer."""

import keras
from keras import ops as kops

from attention_zoo import ops
from attention_zoo.layers.base import Attention


@keras.saving.register_keras_serializable(package="attention_zoo")
class SamplingAttention(Attention):
    """An attention that draws segments in training and takes the argmax otherwise.

    Args:
        seed: int, where the samples start; None takes a random one.
        normalizer: as in `Attention`.
    """

    inference = "argmax"

    def __init__(self, normalizer="softmax", seed=None, **kwargs):
        super().__init__(normalizer=normalizer, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def perturbed(self, log_a, num_samples=1):
        """log a + Gumbel noise: (b, m) -> (b, num_samples, m); each argmax is a sample of a."""
        b, m = kops.shape(log_a)
        noise = ops.gumbel_noise((b, num_samples, m), self.seed_generator)
        return log_a[:, None, :] + noise

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras starts a SeedGenerator anew on load; a resumed run must draw what comes next.
        store["seed_generator"] = self.seed_generator.state

    def load_own_variables(self, store):
        names = set(store.keys()) - {"seed_generator"}
        super().load_own_variables({name: store[name] for name in names})
        self.seed_generator.state.assign(store["seed_generator"])

    def get_config(self):
        return super().get_config() | {"seed": self.seed}
