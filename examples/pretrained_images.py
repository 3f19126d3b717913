"""Finds the picture that decides, with a network of keras.applications under attention.

    python examples/pretrained_images.py --weights=imagenet
    python examples/pretrained_images.py                     # random weights, without a network

A mosaic is five pictures of 64×64 pixels, digits of scikit-learn in place of your own; one is a
0, 1 or 2. The network is frozen first: it runs once over the pictures, and attention is trained on
its features. The same model then reads pictures, and is fine-tuned on them.
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits

import attention_zoo as az

M, CLASSES = 5, 3


def pictures():
    """Pictures (n, 64, 64, 3), uint8, and which digit each shows, (n,)."""
    digits = load_digits()
    images = np.uint8(digits.images * (255 / 16)).repeat(8, axis=1).repeat(8, axis=2)
    return np.stack([images] * 3, axis=-1), digits.target


def mosaics(images, digits, count, seed):
    """`Mosaics`: a table (count, M) of pictures, labels, and where the one is that decides."""
    return az.datasets.sdc.from_arrays(
        images,
        digits,
        foreground_classes=range(CLASSES),
        num_segments=M,
        num_examples=count,
        seed=seed,
    )


def head(outputs):
    """From features to scores or logits."""
    return keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(outputs)])


def main(name="MobileNetV3Small", weights=None, epochs=20, tuning_epochs=1):
    """Trains; returns the evaluations of the frozen and the fine-tuned network, by name."""
    keras.utils.set_random_seed(0)
    images, digits = pictures()
    half = len(images) // 2
    training = mosaics(images[:half], digits[:half], 2048, seed=0)
    test = mosaics(images[half:], digits[half:], 512, seed=1)

    backbone = az.models.application(name, 64, weights=weights, pooling="avg")
    backbone.trainable = False
    features = backbone.predict(images[:half], verbose=0)  # once, however many epochs
    scale = keras.layers.Normalization()
    scale.adapt(features)
    network = keras.Sequential([backbone, scale])
    encoder = az.layers.Precomputed(az.layers.PerSegment(network))
    model = az.FocusClassifier(head(1), head(CLASSES), "lvml", encoder=encoder)
    model.build((None, M, *images.shape[1:]))
    model.compile(keras.optimizers.Adam(0.003))
    features = np.asarray(scale(features))
    model.fit(features[training.table], training.targets, epochs=epochs, verbose=0)

    seen = images[half:][test.table]  # (n, M, 64, 64, 3)
    found = {"frozen": model.evaluate(seen, test.targets, return_dict=True, verbose=0)}
    if tuning_epochs:
        az.models.unfreeze(backbone)
        model.compile(keras.optimizers.Adam(1e-4))
        given = (
            images[:half][training.table[:512]],
            {key: truth[:512] for key, truth in training.targets.items()},
        )
        model.fit(*given, epochs=tuning_epochs, verbose=0)
        found["fine-tuned"] = model.evaluate(seen, test.targets, return_dict=True, verbose=0)
    for how, figures in found.items():
        shown = (f"{figures[one]:.1%}" for one in ("label_accuracy", "focus_accuracy"))
        print(f"{how}: {' right, the deciding picture chosen '.join(shown)}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--name", default="MobileNetV3Small", help="of keras.applications")
    parser.add_argument("--weights", help="imagenet, or a file of weights; random if unset")
    main(**vars(parser.parse_args()))
