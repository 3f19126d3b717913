import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets


@pytest.mark.parametrize(("name", "segment"), [("sdc/digits", (8, 8, 1)), ("orthogonal", (4,))])
def test_elements_are_segments_label_and_focus(name, segment):
    options = {"num_classes": 3} if name == "orthogonal" else {}
    dataset, info = datasets.load(name, batch_size=32, num_segments=7, num_examples=40, **options)
    assert dataset.element_spec == (
        tf.TensorSpec((None, 7, *segment), tf.float32),
        {"label": tf.TensorSpec((None,), tf.int32), "focus": tf.TensorSpec((None,), tf.int32)},
    )
    assert len(dataset) == 2 and info.num_examples == 40 and info.segment_shape == segment


def test_settings_reach_the_pipeline():
    settings = {"batch_size": 16, "shuffle": True, "drop_remainder": True, "seed": 3}
    dataset, info = datasets.load("sdc/digits", "test", num_examples=40, **settings)
    assert len(dataset) == 2
    pairs = zip(dataset, info.source.dataset(**settings), strict=True)
    for (segments, _), (expected, _) in pairs:
        np.testing.assert_array_equal(segments, expected)
    other = datasets.load("sdc/digits", "test", num_examples=40, seed=4)[1]
    assert (info.source.table != other.source.table).any()


@pytest.mark.parametrize("name", ["digits", "sdc/svhn", None])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ValueError, match="is unknown, expected one of sdc/digits, .*bags/slides$"):
        datasets.load(name)


@pytest.mark.parametrize(
    ("name", "option"), [("orthogonal", "protocol"), ("sdc/digits", "num_segment")]
)
def test_an_unknown_option_is_answered_with_the_known_ones(name, option):
    message = f"^{name} has no option '{option}', expected one of num_segments, "
    with pytest.raises(ValueError, match=message):
        datasets.load(name, **{option: 5})
