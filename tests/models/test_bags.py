"""Bags of unequal size give what the same bags give padded and masked."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.datasets import pad
from attention_zoo.models.bags import without_bools

SIZES = [3, 1, 4, 2, 4, 3, 2, 1]
D = 5
rng = np.random.default_rng(0)
BAGS = [rng.normal(size=(m, D)).astype("float32") for m in SIZES]
LABELS = rng.integers(2, size=len(BAGS))
MARKS = [(rng.random(m) < 0.5).astype("int32") for m in SIZES]
RAGGED = tf.RaggedTensor.from_row_lengths(np.concatenate(BAGS), SIZES)
RAGGED_MARKS = tf.RaggedTensor.from_row_lengths(np.concatenate(MARKS), SIZES)
FORMS = {
    "list": BAGS,
    "nested lists": [bag.tolist() for bag in BAGS],
    "array of objects": np.array([*BAGS, None], object)[:-1],
    "ragged": RAGGED,
    "ragged twice": tf.ragged.constant([bag.tolist() for bag in BAGS]),
    "dict": {"segments": BAGS},
    "dict of ragged": {"segments": RAGGED},
}


@pytest.fixture
def model():
    """A model of segments (5,), the same every time."""
    keras.utils.set_random_seed(0)
    networks = [keras.Sequential([keras.Input((D,)), keras.layers.Dense(n)]) for n in (1, 2)]
    model = az.FocusClassifier(*networks, attention="lvml")
    model.compile(keras.optimizers.SGD(0.1))
    return model


def test_pad():
    padded = pad(BAGS)
    assert padded["segments"].shape == (8, 4, D) and padded["segments"].dtype == np.float32
    np.testing.assert_array_equal(padded["mask"].sum(axis=1), SIZES)
    for bag, row, there in zip(BAGS, padded["segments"], padded["mask"], strict=True):
        np.testing.assert_array_equal(row[there], bag)
        assert np.all(row[~there] == 0)
    assert pad(BAGS, length=7)["segments"].shape == (8, 7, D)
    np.testing.assert_array_equal(pad([[1], []], value=-1)["segments"], [[1], [-1]])
    assert pad([["a", "b"], ["c"]])["segments"].tolist() == [["a", "b"], ["c", ""]]
    for form in (RAGGED, FORMS["ragged twice"], FORMS["nested lists"]):
        np.testing.assert_allclose(pad(form)["segments"], padded["segments"], rtol=1e-6)


@pytest.mark.parametrize(
    ("bags", "message"),
    [
        ([], "^there are 0 bags, expected 1 or more$"),
        (
            [np.ones((2, 3)), np.ones((1, 4))],
            r"^bag 1 has segments of shape \(4,\), expected \(3,\)",
        ),
        ([1.0, 2.0], r"^bag 0 has shape \(\) and dtype float64, expected segments"),
        ([[None]], "^bag 0 has .* dtype object, expected segments"),
    ],
)
def test_what_cannot_be_padded(bags, message):
    with pytest.raises(ValueError, match=message):
        pad(bags)
    with pytest.raises(ValueError, match="^a bag has 4 segments, expected 3 or fewer$"):
        pad(BAGS, length=3)


@pytest.mark.parametrize("form", FORMS)
def test_fit_predict_and_evaluate_take_bags(model, form):
    bags, padded = FORMS[form], pad(BAGS)
    start = None
    results = []
    for x, focus in ((bags, MARKS), (padded, pad(MARKS)["segments"])):
        model.build((None, None, D))
        start = model.get_weights() if start is None else start
        model.set_weights(start)
        model.fit(x, {"label": LABELS, "focus": focus}, verbose=0, shuffle=False)
        outputs = model.predict(x, verbose=0)
        figures = model.evaluate(x, {"label": LABELS, "focus": focus}, verbose=0)
        on_batch = model.predict_on_batch(x)
        measured = az.evaluate(model, (x, {"label": LABELS, "focus": focus})).scalars()
        results.append((outputs, figures, on_batch, measured))
    keras.tree.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6), *results
    )


def test_pipelines_and_batches_of_bags(model):
    model.build((None, None, D))
    start, truth = model.get_weights(), {"label": LABELS, "focus": pad(MARKS)["segments"]}
    model.fit(pad(BAGS), truth, batch_size=4, shuffle=False, verbose=0)
    true, expected = model.get_weights(), az.evaluate(model, [(pad(BAGS), truth)]).scalars()
    ragged = tf.data.Dataset.from_tensor_slices((RAGGED, {"label": LABELS, "focus": RAGGED_MARKS}))
    model.set_weights(start)
    model.fit(ragged.batch(4), validation_data=ragged.batch(4), verbose=0)
    for one, other in zip(model.get_weights(), true, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert model.predict(ragged.batch(8), verbose=0)["focus"].shape == (8, 4)
    lists = [
        (BAGS[i : i + 4], {"label": LABELS[i : i + 4], "focus": MARKS[i : i + 4]}) for i in (0, 4)
    ]
    for batches in (ragged.batch(4), lists):
        assert az.evaluate(model, batches).scalars() == pytest.approx(expected, abs=1e-5)
    by_rationale = az.evaluate_rationales(model, lists, top_k=1)
    assert by_rationale.num_examples == 8
    np.testing.assert_allclose(model(RAGGED)["focus"], model(pad(BAGS))["focus"], atol=1e-6)


def test_validation_data_may_be_bags(model):
    held_out = (BAGS[:3], LABELS[:3])
    history = model.fit(BAGS, LABELS, validation_data=held_out, verbose=0).history
    figures = model.evaluate(*held_out, verbose=0, return_dict=True)
    assert history["val_loss"][-1] == pytest.approx(figures["loss"], rel=1e-5)


def test_a_mask_beside_bags_holds_too(model):
    masks = [np.arange(m) > 0 for m in SIZES]
    focus = model.predict({"segments": BAGS, "mask": masks}, verbose=0)["focus"]
    assert np.all(focus[:, 0] == 0)


def test_bags_and_labels_of_another_number(model):
    with pytest.raises(ValueError, match="^there are 8 bags and 5 labels, expected as many$"):
        model.fit(BAGS, LABELS[:5], verbose=0)


def test_rationales_may_be_lists_beside_dense_bags(model):
    x = np.stack([bag[:1].repeat(2, axis=0) for bag in BAGS])
    marks = [[0, 1]] * len(BAGS)
    lists, arrays = (
        model.evaluate(x, {"label": LABELS, "focus": focus}, verbose=0, return_dict=True)
        for focus in (marks, np.array(marks, bool))
    )
    assert lists == arrays


def test_rationales_of_patches_are_as_long_as_there_are_patches():
    """Of which there are others than rows of pixels."""
    networks = (keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(n)]) for n in (1, 2))
    model = az.FocusClassifier(*networks, encoder=az.layers.Patches(2))
    model.compile("sgd")
    pictures = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
    truth = {"label": np.array([0, 1]), "focus": [[0, 1] + [0] * 7, [1] + [0] * 8]}
    found = model.evaluate(pictures, truth, verbose=0, return_dict=True)
    assert 0.0 <= found["focus_accuracy"] <= 1.0


@pytest.mark.parametrize("form", [list, tf.ragged.constant])
def test_a_rationale_of_one_segment_is_no_index(model, form):
    """0 marks nothing: the key is not known."""
    for mark, known in ((0, 0), (1, 1)):
        truth = {"label": [1], "focus": form([[mark]])}
        found = az.evaluate(model, [([BAGS[1]], truth)])
        assert found.num_known == known


def test_another_key_than_segments_is_said(model):
    with pytest.raises(ValueError, match="segment"):
        model.fit({"segment": np.stack([BAGS[0]] * 2), "mask": np.ones((2, 3), bool)}, LABELS[:2])


def test_bags_that_are_all_empty_are_predicted_as_one_beside_others(model):
    empty = np.zeros((0, D), "float32")
    alone, beside = (
        model.predict(bags, verbose=0)["label"][0] for bags in ([empty], [empty, *BAGS])
    )
    np.testing.assert_allclose(alone, beside, rtol=1e-6)


def test_a_distributed_data_set_is_left_as_it_is():
    class Distributed:
        element_spec = None

    one = Distributed()
    assert without_bools(one) == (one, None)
