"""SavedModels of texts, asked by a process that knows TensorFlow and the ops in them alone."""

import json
import subprocess
import sys

import pytest

_SERVE = """
import json, pathlib, sys
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
signatures = tf.saved_model.load(folder / "served").signatures
texts = json.loads((folder / "texts.json").read_text("utf-8"))


def words(tokens):
    return [words(one) if isinstance(one, list) else one.decode() for one in tokens]


def asked(name, batch):
    found = signatures[name](text=tf.constant(batch))
    found = {name: value.numpy().tolist() for name, value in found.items()}
    return {k: words(v) if k in ("token", "tokens") else v for k, v in found.items()}


found = []
for batch in [texts, *([text] for text in texts)]:
    outputs = asked("explain", batch)
    assert asked("serving_default", batch)["probabilities"] == outputs["probabilities"]
    found.append(outputs | {"argmax": asked("argmax", batch)})
(folder / "outputs.json").write_text(json.dumps(found))
assert not {"attention_zoo", "keras_hub"} & set(sys.modules)  # TensorFlow imports Keras itself
"""


@pytest.fixture(scope="session")
def served_texts():
    """(model, texts, folder, ops=None) -> what `explain` says, and under "argmax" that signature.

    Of all texts at once, then of each alone; `ops` is a module that brings ops of the SavedModel.
    """

    def ask(model, texts, folder, ops=None):
        from attention_zoo._export import export

        export(model, folder / "served")
        (folder / "texts.json").write_text(json.dumps(texts))
        code = ("" if ops is None else f"import {ops}\n") + _SERVE
        command = [sys.executable, "-c", code, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads((folder / "outputs.json").read_text())

    return ask
