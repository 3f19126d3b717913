"""Adam by TensorFlow's own kernel."""

import keras


@keras.saving.register_keras_serializable(package="attention_zoo")
class Adam(keras.optimizers.Adam):
    """Keras's Adam with the same arguments and state, in one pass over a variable.

    So on TensorFlow; on other backends it is Keras's own, which takes some ten passes: where
    embeddings are large, most of a training step on a CPU. The updates are the same, with one
    exception: the second moment of an embedding's row that a batch names twice takes the square of
    the summed gradient, as everywhere else, where Keras takes the sum of the squares.

    Args: as of `keras.optimizers.Adam`, without `amsgrad`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError("amsgrad is True, expected False: use keras.optimizers.Adam for it")

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index, dtype = self._get_variable_index(variable), variable.dtype
        steps = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.cast(self.beta_1, dtype) ** steps,
            beta2_power=tf.cast(self.beta_2, dtype) ** steps,
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), dtype),
        )


def _handle(variable):
    """Of a Keras variable, or of the TensorFlow one that a strategy gives."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
