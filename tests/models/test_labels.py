import numpy as np
import pytest

from attention_zoo.models.labels import as_targets, check_labels


def test_ids_alone_become_the_label():
    ids = np.arange(3)
    assert as_targets(ids) == {"label": ids}


def test_dict_stays_as_it_is():
    targets = {"label": 1, "focus": 2}
    assert as_targets(targets) is targets


def test_dict_without_label_is_refused():
    with pytest.raises(ValueError, match=r"labels have the keys \['focus'\], expected 'label'"):
        as_targets({"focus": 0})


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32"])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_every_class_may_be_a_label(dtype, shape):
    check_labels(np.arange(3).reshape(shape).astype(dtype), num_classes=3)


@pytest.mark.parametrize("wrong", [3, -1, 0.5, float("nan")])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_first_label_that_names_no_class_is_named(wrong, shape):
    labels = np.reshape([0, 2, wrong, wrong], shape)
    message = f"label is {wrong:g} at row 2, expected 0 to 2: the classifier has 3 classes"
    with pytest.raises(ValueError, match=message):
        check_labels(labels, num_classes=3)
