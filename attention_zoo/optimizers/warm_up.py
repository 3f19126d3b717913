"""WarmUp: a learning rate that waits, rises, and then follows another schedule."""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule


@keras.saving.register_keras_serializable(package="attention_zoo")
class WarmUp(LearningRateSchedule):
    """0 for some steps, then up in equal steps to a rate, then as that goes on.

        rate(t) = 0                          for t < start,
                  after(0) (t - start + 1) / warmup_steps    for the warmup_steps after it,
                  after(t - start - warmup_steps)             then

    A part of a model whose rate is 0 stays as it is: its weights are frozen, bit for bit, while its
    optimizer gathers moments.

    Args:
        after: a number, or a schedule of Keras, such as `PolynomialDecay` or `CosineDecay`.
        warmup_steps: 0 or more.
        start: steps at rate 0, 0 or more.
    """

    def __init__(self, after, warmup_steps=0, start=0):
        for name, steps in (("warmup_steps", warmup_steps), ("start", start)):
            if steps < 0:
                raise ValueError(f"{name} is {steps}, expected 0 or more")
        self.after, self.warmup_steps, self.start = after, warmup_steps, start

    def __call__(self, step):
        t = ops.cast(step, "float32") - self.start
        rising = self._rate(0.0) * (t + 1.0) / max(self.warmup_steps, 1)
        then = self._rate(ops.maximum(t - self.warmup_steps, 0.0))
        return ops.where(t < 0, 0.0, ops.where(t < self.warmup_steps, rising, then))

    def _rate(self, t):
        return ops.cast(self.after(t) if callable(self.after) else self.after, "float32")

    def get_config(self):
        after = self.after
        if callable(after):
            after = keras.optimizers.schedules.serialize(after)
        return {"after": after, "warmup_steps": self.warmup_steps, "start": self.start}

    @classmethod
    def from_config(cls, config):
        after = config["after"]
        if isinstance(after, dict):
            after = keras.optimizers.schedules.deserialize(after)
        return cls(**config | {"after": after})
