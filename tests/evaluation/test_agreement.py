"""Agreement of attention with other means, and of models with one another."""

import keras
import numpy as np
import pytest

from attention_zoo import layers, metrics
from attention_zoo._explain.attributions import occlusion
from attention_zoo._explain.deletions import Deletions
from attention_zoo.evaluation import evaluate_agreement, evaluate_stability
from attention_zoo.models import FocusClassifier

N, M, D = 7, 3, 4


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, M, D)).astype("float32")
    return [(x[:4], np.zeros(4, int)), (x[4:], np.zeros(3, int))]


def test_figures_are_means_over_the_examples(linear_model, data):
    model = linear_model("lvml")
    result = evaluate_agreement(model, data)
    x = np.concatenate([batch for batch, _ in data])
    a = keras.ops.convert_to_numpy(model(x)["focus"])
    expected = metrics.rank_correlation(a, keras.ops.convert_to_numpy(occlusion(model, x)))
    np.testing.assert_allclose(result.examples["occlusion"], expected)
    assert result.rank_correlation["occlusion"] == pytest.approx(np.nanmean(expected))
    assert set(result.scalars()) == {
        *("occlusion_correlation", "gradient_x_input_correlation"),
        *("integrated_gradients_correlation", "permutation_stability"),
    }
    assert result.permutation == pytest.approx(1.0)  # every segment is scored by itself


class Position(keras.layers.Layer):
    """An encoder that reads the place of a segment instead of its content."""

    def call(self, x):
        place = keras.ops.arange(x.shape[1], dtype="float32")[None, :, None]
        return 0.0 * x + 5.0 * place


def test_attention_on_a_place_is_not_stable_under_permutation(data):
    dense = keras.layers.Dense
    focus = dense(1, use_bias=False, kernel_initializer="ones")
    model = FocusClassifier(focus, dense(3), encoder=Position())
    model.build((None, M, D))
    result = evaluate_agreement(model, data, methods=())
    assert result.permutation < 0.8


@pytest.mark.parametrize(
    ("encoder", "height"),
    [
        (lambda: layers.Regions(keras.layers.AveragePooling2D(2)), 4),
        (lambda: layers.Regions(keras.layers.AveragePooling2D(2)), 2),  # fewer lines than regions
        (
            lambda: keras.Sequential(
                [layers.Patches(2), layers.PerSegment(keras.layers.GlobalAveragePooling2D())]
            ),
            4,
        ),
    ],
)
def test_segments_of_one_picture_have_no_other_order(encoder, height):
    """Lines of pixels in another order are another picture, not the same segments."""
    pictures = np.random.default_rng(0).normal(size=(3, height, 4, 2)).astype("float32")
    dense = keras.layers.Dense
    model = FocusClassifier(dense(1), dense(3), encoder=encoder())
    model.build((None, height, 4, 2))
    result = evaluate_agreement(model, [(pictures, np.zeros(3, int))], methods=["occlusion"])
    assert np.isnan(result.permutation) and np.isnan(result.examples["permutation"]).all()
    assert set(result.scalars()) == {"occlusion_correlation"}


def test_features_in_place_of_pictures_have_one():
    dense = keras.layers.Dense
    encoder = layers.Precomputed(layers.Regions(keras.layers.AveragePooling2D(2)))
    model = FocusClassifier(dense(1), dense(3), encoder=encoder)
    model.build((None, 4, 4, 2))
    features = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    result = evaluate_agreement(model, [(features, np.zeros(3, int))], methods=[])
    assert result.permutation == pytest.approx(1.0)


def test_a_model_is_like_itself_and_unlike_its_opposite(linear_model, data):
    model, other = linear_model("soft"), linear_model("soft")
    u, *rest = model.get_weights()
    other.set_weights([-u, *rest])
    assert evaluate_stability([model, model], data) == {
        "rank_correlation": pytest.approx(1.0),
        "same_segment": 1.0,
    }
    assert evaluate_stability([model, other], data) == {
        "rank_correlation": pytest.approx(-1.0),
        "same_segment": 0.0,
    }


@pytest.mark.parametrize("measure", ["agreement", "stability"])
def test_no_segment_is_left_out_for_nothing(measure, linear_model, data, monkeypatch):
    """What both compare is attention as it is; methods that leave segments out do it themselves."""
    masks = []
    monkeypatch.setattr(Deletions, "of", lambda *_: masks.append(1))
    model = linear_model("lvml")
    if measure == "agreement":
        evaluate_agreement(model, data, methods=[])
    else:
        evaluate_stability([model, model], data)
    assert not masks


def test_errors_say_what_came(linear_model, data):
    with pytest.raises(ValueError, match="methods has 'saliency', expected some of"):
        evaluate_agreement(linear_model(), data, methods=["saliency"])
    with pytest.raises(ValueError, match="there is 1 model, expected 2 or more"):
        evaluate_stability([linear_model()], data)


def test_where_nothing_is_chosen_nobody_agrees(linear_model):
    """Of examples without segments, and of attention that is NaN."""
    model = linear_model("lvml")
    x = np.random.default_rng(0).normal(size=(3, 3, 4)).astype("float32")
    x[1] = np.nan
    mask = np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0]], bool)
    data = [({"segments": x, "mask": mask}, np.zeros(3, int))]
    assert evaluate_stability([model, model], data)["same_segment"] == 1.0
    data[0][0]["mask"][0] = False
    assert np.isnan(evaluate_stability([model, model], data)["same_segment"])


def test_examples_without_segments_are_no_stable_ones(linear_model):
    x = np.random.default_rng(0).normal(size=(3, 3, 4)).astype("float32")
    mask = np.array([[1, 1, 1], [0, 0, 0], [1, 1, 0]], bool)
    data = [({"segments": x, "mask": mask}, np.zeros(3, int))]
    found = evaluate_agreement(linear_model("soft"), data, methods=())
    np.testing.assert_allclose(found.examples["permutation"], [1.0, np.nan, 1.0], rtol=1e-6)
