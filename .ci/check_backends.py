"""Whether all backends of Keras give the same numbers, and read one another's files.

    KERAS_BACKEND=jax python .ci/check_backends.py FOLDER

Runs models with fixed weights on fixed data under one backend, writes what came out to
FOLDER/<backend>.npz and a trained model to FOLDER/<backend>.keras, and compares both with those of
the backends that have been there before. So run it for one after another with one folder, and for
the first again at the end. Class scores, gradients, histories of `fit` and outputs may differ by
1e-5.
"""

import sys
from pathlib import Path

import keras
import numpy as np

import attention_zoo as az

B, M, D, C = 32, 4, 5, 3
ATTENTIONS = ("soft", "hard", "lvml", "hybrid")
ATOL = 1e-5


def data():
    """Segments (b, m, d), one of which decides the label; targets; a mask."""
    rng = np.random.default_rng(0)
    segments = rng.normal(size=(B, M, D)).astype("float32")
    label, focus = rng.integers(C, size=B), rng.integers(M, size=B)
    segments[np.arange(B), focus, label] += 3.0
    return segments, {"label": label, "focus": focus}, np.arange(M) <= focus[:, None] + 1


def with_fixed_weights(model):
    """The built model with the same weights under every backend."""
    rng = np.random.default_rng(1)
    model.set_weights(
        [
            0.3 * rng.normal(size=w.shape).astype(w.dtype) if w.ndim else w
            for w in model.get_weights()
        ]
    )
    return model


def network(outputs):
    """A network of one segment."""
    layers = [keras.layers.Dense(6, "tanh"), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((D,)), *layers])


def classifier(attention):
    """A FocusClassifier, built."""
    model = az.FocusClassifier(network(1), network(C), attention)
    model.build((None, M, D))
    return with_fixed_weights(model)


def of_classifier(attention):
    """Scores in both modes, gradients, a history of `fit`, an evaluation."""
    x, y, mask = data()
    model = classifier(attention)
    found = {"training": model(x, training=True), "masked": model({"segments": x, "mask": mask})}
    model.compile(keras.optimizers.SGD(1.0))
    before = model.get_weights()
    if attention == "hybrid":
        model.attention.switch()  # no callback is to do it in one epoch
    model.fit(x, y, batch_size=B, epochs=1, verbose=0)
    found["gradients"] = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    found["history"], model = fitted(attention)
    found["predicted"] = model.predict(x, verbose=0)
    found["evaluated"] = az.evaluate(model, (x, y)).scalars()
    return found


def fitted(attention):
    """A history of `fit` with Adam, a switch and validation; and the model."""
    x, y, _ = data()
    model = classifier(attention)
    model.compile(keras.optimizers.Adam(0.01))
    switch = [az.callbacks.SwitchAttention(when=2)] if attention == "hybrid" else []
    halves = (x[16:], {name: one[16:] for name, one in y.items()})
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=4,
        shuffle=False,
        verbose=0,
        validation_data=halves,
        callbacks=switch,
    )
    return history.history, model


def of_rows():
    """A fit on rows of a table of base images."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (40, 4, 4, 1)).astype("uint8")
    mosaics = az.datasets.sdc.from_arrays(
        images, np.arange(40) % 5, foreground_classes=(0, 1, 2), num_segments=M, num_examples=B
    )
    networks = [
        keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                keras.layers.Conv2D(3, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(n),
            ]
        )
        for n in (1, C)
    ]
    model = az.FocusClassifier(*networks, "lvml", encoder=az.layers.GatherSegments(images))
    model.build((None, M))
    base, rng = model.encoder.base, np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(0.3 * rng.normal(size=weight.shape))
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(mosaics.table, mosaics.targets, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(base), images)
    rows = model.predict(mosaics.table, verbose=0)
    pixels = model.predict(images[mosaics.table], verbose=0)
    return {"history": history.history, "rows": rows, "pixels": pixels}


def of_carried_mask():
    """A history and a prediction on ids, whose mask the encoder makes and Keras carries."""
    ids, (_, y, mask) = np.random.default_rng(5).integers(1, 9, (B, M)), data()
    ids = np.where(mask, ids, 0)
    encoder = keras.layers.Embedding(9, D, mask_zero=True)
    model = az.FocusClassifier(network(1), network(C), "lvml", encoder=encoder)
    model.build((None, M))
    with_fixed_weights(model).compile(keras.optimizers.SGD(0.1))
    history = model.fit(ids, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    predicted = model.predict(ids, verbose=0)
    np.testing.assert_array_equal(predicted["focus"][~mask], 0.0)
    return {"history": history.history, "predicted": predicted}


def of_captions():
    """A captioner's scores, a history and its captions."""
    rng = np.random.default_rng(3)
    inputs = {
        "features": rng.normal(size=(8, 3, D)).astype("float32"),
        "words": np.tile([2, 4, 5, 6], (8, 1)),
    }
    targets = np.tile([4, 5, 6, 3], (8, 1))
    model = az.models.Captioner(
        ["a", "dog", "red"], "lvml", units=6, embedding_dim=4, attention_units=3
    )
    model.build({"features": (None, 3, D), "words": (None, None)})
    with_fixed_weights(model)
    model.compile(az.optimizers.Adam(0.01))
    found = {"training": model(inputs, training=True)}
    history = model.fit(inputs, targets, batch_size=4, epochs=3, shuffle=False, verbose=0)
    search = az.models.CaptionSearch(model, beam_width=2, max_length=5)
    return found | {"history": history.history, "beam": search({"features": inputs["features"]})}


def of_preset():
    """What a preset predicts."""
    model = az.FocusClassifier.from_preset("sdc_digits_hybrid")
    rng = np.random.default_rng(4)
    return model.predict(rng.uniform(-1, 1, (8, 5, 8, 8, 1)).astype("float32"), verbose=0)


def of_file(path):
    """What a saved model predicts, and how training goes on from its optimizer's state."""
    model = keras.saving.load_model(path)
    x, y, _ = data()
    found = {"predicted": model.predict(x, verbose=0)}
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return found | {"history": history.history}


def flat(tree, name=""):
    """Arrays by name, out of dicts and lists of them."""
    if isinstance(tree, dict):
        return {k: v for key, part in tree.items() for k, v in flat(part, f"{name}/{key}").items()}
    if isinstance(tree, list | tuple) and not all(np.ndim(part) == 0 for part in tree):
        return flat(dict(enumerate(tree)), name)
    return {name[1:]: np.asarray(keras.ops.convert_to_numpy(tree), "float64")}


def compared(found, other, what):
    """The largest difference of two sets of arrays; raises where it is above 1e-5."""
    assert found.keys() == other.keys(), (what, found.keys() ^ other.keys())
    for name, one in found.items():
        np.testing.assert_allclose(
            one, other[name], rtol=ATOL, atol=ATOL, err_msg=f"{what}: {name}"
        )
    return max(float(np.max(np.abs(one - other[name]), initial=0.0)) for name, one in found.items())


def found_by(path):
    """The arrays of a backend that has been there."""
    with np.load(path) as arrays:
        return {name.replace("|", "/"): arrays[name] for name in arrays.files}


def write(path):
    """Runs all, writes what came out and a trained model."""
    found = {attention: of_classifier(attention) for attention in ATTENTIONS}
    found |= {"rows": of_rows(), "mask": of_carried_mask()}
    found |= {"captions": of_captions(), "preset": of_preset()}
    fitted("hybrid")[1].save(path.with_suffix(".keras"))
    found = flat(found | {"file": of_file(path.with_suffix(".keras"))})
    np.savez(path, **{name.replace("/", "|"): array for name, array in found.items()})
    print(f"{path.stem}: {len(found)} arrays")


def main(folder):
    """Runs and writes, unless that was done before, and compares."""
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / f"{keras.backend.backend()}.npz"
    if not own.exists():
        write(own)
    found = found_by(own)
    trained = {name: array for name, array in found.items() if name.startswith("file/")}
    for path in sorted({*folder.glob("*.npz")} - {own}):
        difference = compared(found, found_by(path), f"{own.stem} and {path.stem}")
        file = path.with_suffix(".keras")
        read = compared(flat({"file": of_file(file)}), trained, file.name)
        print(
            f"{own.stem} and {path.stem}: all within {difference:.1e}; "
            f"{file.name} within {read:.1e}"
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
