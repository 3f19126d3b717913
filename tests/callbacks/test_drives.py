"""The drives to focus against their formula in NumPy, float64, on a linear model."""

import keras
import numpy as np
import pytest

from attention_zoo.callbacks import focus_drive
from attention_zoo.models import FocusClassifier

ATOL = 2e-4  # float32 losses, their rounding counted 1/h times


def softmax(logits):
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


class Oracle:
    """Attention a, likelihoods p_j(y) and the three losses of a linear model."""

    def __init__(self, model, x, y, mask=None):
        u, self.w, self.e = (v.numpy().astype("float64") for v in model.trainable_variables)
        self.x, self.rows, self.y = x.astype("float64"), np.arange(len(x)), y
        scores = (self.x @ u)[..., 0]
        self.a = softmax(scores if mask is None else np.where(mask, scores, -1e9))
        self.p = softmax(self.x @ self.w + self.e)[self.rows, :, y]  # (b, m)
        self.r = self.a * self.p / np.sum(self.a * self.p, axis=1, keepdims=True)

    def loss(self, name, a):
        if name == "soft":
            average = np.einsum("bm,bmd->bd", a, self.x)
            return -np.mean(np.log(softmax(average @ self.w + self.e)[self.rows, self.y]))
        if name == "hard":
            return -np.mean(np.sum(a * np.log(self.p), axis=1))
        return -np.mean(np.log(np.sum(a * self.p, axis=1)))

    def drives(self, t, h=0.01):
        moved = (1 - h) * self.a + h * t
        names = ("soft", "hard", "lvml")
        return {n: (self.loss(n, self.a) - self.loss(n, moved)) / h for n in names}


def assert_drives(found, expected, atol=ATOL):
    assert list(found) == ["soft", "hard", "lvml"]
    for name, drive in expected.items():
        assert isinstance(found[name], float)
        np.testing.assert_allclose(found[name], drive, atol=atol, rtol=0, err_msg=name)


@pytest.fixture
def model(linear_model):
    return linear_model()


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "hybrid", "gumbel"])
def test_truth_by_index_whatever_the_attention(linear_model, data, attention):
    x, y = data
    model = linear_model(attention)
    expected = Oracle(model, x, y["label"]).drives(np.eye(3)[y["focus"]])
    assert_drives(focus_drive(model, x, y), expected)


@pytest.mark.parametrize("step", [0.03, 0.5, 1.0])
def test_step(model, data, step):
    x, y = data
    expected = Oracle(model, x, y["label"]).drives(np.eye(3)[y["focus"]], step)
    assert_drives(focus_drive(model, x, y, step=step), expected)


def test_hard_drive_is_linear_in_the_step(model, data):
    """Hard's loss is linear in a: the drive is its derivative, sum_j (t_j - a_j) log p_j(y)."""
    x, y = data
    o = Oracle(model, x, y["label"])
    derivative = np.mean(np.sum((np.eye(3)[y["focus"]] - o.a) * np.log(o.p), axis=1))
    for step in (0.01, 1.0):
        found = focus_drive(model, x, y, step=step)["hard"]
        np.testing.assert_allclose(found, derivative, atol=ATOL)


def test_lvml_drive_tends_to_its_derivative(model, data):
    """d/dh log sum_j a'_j p_j(y) = p_z(y) / sum_j a_j p_j(y) - 1 at h = 0."""
    x, y = data
    rng = np.random.default_rng(0)  # small weights, the same on every backend: h^2 is little
    model.set_weights([0.5 * rng.normal(size=weight.shape) for weight in model.get_weights()])
    o = Oracle(model, x, y["label"])
    p_z = o.p[o.rows, y["focus"]]
    derivative = np.mean(p_z / np.sum(o.a * o.p, axis=1) - 1)
    errors = [abs(focus_drive(model, x, y, step=h)["lvml"] - derivative) for h in (0.04, 0.01)]
    assert errors[1] < 0.35 * errors[0]  # first order in h: a quarter


def test_rationale_is_spread_in_equal_parts(model, data):
    x, y = data
    rationale = np.tile([[0, 1, 1], [1, 0, 0]], (6, 1))
    expected = Oracle(model, x, y["label"]).drives(rationale / rationale.sum(axis=1)[:, None])
    for given in (rationale, rationale.astype(bool), rationale.astype("float64")):
        assert_drives(focus_drive(model, x, {"label": y["label"], "focus": given}), expected)


def test_without_truth_the_responsibilities_are_the_target(model, data):
    x, y = data
    o = Oracle(model, x, y["label"])
    expected = o.drives(o.r)
    nowhere = -np.ones(12, int), np.zeros((12, 3), int)
    for targets in (y["label"], {"label": y["label"]}):
        assert_drives(focus_drive(model, x, targets), expected)
    for focus in nowhere:
        assert_drives(focus_drive(model, x, y | {"focus": focus}), expected)
    assert min(expected.values()) > 0


def test_unknown_truth_is_looked_at_row_by_row(model, data):
    x, y = data
    o = Oracle(model, x, y["label"])
    unknown = np.arange(12) % 3 == 0
    focus = np.where(unknown, -1, y["focus"])
    expected = o.drives(np.where(unknown[:, None], o.r, np.eye(3)[y["focus"]]))
    assert_drives(focus_drive(model, x, y | {"focus": focus}), expected)


def test_masked_segment_equals_absent_segment(linear_model, data):
    x, y = data
    model, mask = linear_model(), np.tile([True, True, False], (12, 1))
    focus = y["focus"] % 2
    full = x.copy()
    full[:, 2] = 100.0
    for targets in (y["label"], y | {"focus": focus}):
        found = focus_drive(model, {"segments": full, "mask": mask}, targets)
        assert_drives(found, focus_drive(model, x[:, :2], targets))


def test_masked_truth_counts_as_unknown(model, data):
    x, y = data
    mask = np.tile([True, True, False], (12, 1))
    o = Oracle(model, x, y["label"], mask)
    t = np.where(y["focus"][:, None] == 2, o.r, np.eye(3)[y["focus"]])
    assert_drives(focus_drive(model, {"segments": x, "mask": mask}, y), o.drives(t))


def test_row_without_segments_has_no_drive(model, data):
    x, y = data
    mask = np.ones((12, 3), bool)
    mask[6:] = False
    found = focus_drive(model, {"segments": x, "mask": mask}, y)
    half = focus_drive(model, x[:6], {name: value[:6] for name, value in y.items()})
    assert_drives(found, {name: drive / 2 for name, drive in half.items()})


def test_labels_may_stand_in_a_column(model, data):
    x, y = data
    column = {name: value[:, None] for name, value in y.items()}
    assert focus_drive(model, x, column) == focus_drive(model, x, y)


def test_classifier_is_in_inference_mode(data):
    """Dropout does nothing, and batch normalisation leaves its averages alone."""
    x, y = data
    head = keras.layers.Dense(3)
    classifier = keras.Sequential(
        [keras.layers.BatchNormalization(epsilon=0.0), keras.layers.Dropout(0.9), head]
    )
    model = FocusClassifier(keras.layers.Dense(1, use_bias=False), classifier)
    model.build((None, 3, 4))
    before = [v.numpy() for v in model.variables]
    found = focus_drive(model, x, y)
    for variable, value in zip(model.variables, before):
        np.testing.assert_array_equal(variable.numpy(), value)
    plain = FocusClassifier(model.focus, head)
    plain.build((None, 3, 4))
    assert_drives(found, focus_drive(plain, x, y))


def test_encoder_makes_the_segments(linear_model, data):
    x, y = data
    plain = linear_model()
    encoder = keras.layers.Rescaling(0.5)
    model = FocusClassifier(plain.focus, plain.classifier, encoder=encoder)
    model.build((None, 3, 4))
    assert_drives(focus_drive(model, x, y), focus_drive(plain, 0.5 * x, y))


@pytest.mark.low_precision
def test_half_precision_keeps_losses_in_float32(data):
    x, y = data
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = FocusClassifier(keras.layers.Dense(1, use_bias=False), keras.layers.Dense(3))
    finally:
        keras.config.set_dtype_policy(policy)
    model.build((None, 3, 4))
    expected = Oracle(model, x, y["label"]).drives(np.eye(3)[y["focus"]], 1.0)
    assert_drives(focus_drive(model, x, y, step=1.0), expected, atol=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.zeros(5, int)}, r"label has shape \(5,\), expected \(12,\)"),
        ({"label": np.full(12, 3)}, "label is 3 at row 0, expected 0 to 2"),
        ({"focus": np.full(12, 3)}, "focus is 3, expected an index below 3"),
        ({"focus": np.zeros((12, 2))}, r"focus has shape \(12, 2\), expected \(12,\) or \(12, 3\)"),
        ({"focus": np.full(12, 1.5)}, "focus is 1.5, expected an index below 3, the segments; bel"),
        ({"focus": np.full(12, -0.5)}, "focus is -0.5, expected an index below 3"),
        ({"focus": np.full(12, np.nan)}, "focus is nan somewhere, expected a number; below 0"),
        ({"focus": np.full((12, 3), np.nan)}, "focus is nan somewhere, expected a number"),
        ({"focus": np.full(12, "a")}, "focus has dtype <U1, expected numbers"),
    ],
)
def test_targets_that_do_not_fit_are_refused(model, data, change, message):
    x, y = data
    with pytest.raises(ValueError, match=message):
        focus_drive(model, x, y | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: x.tolist(),
            r"segments of the probe are a list, expected an array \(b, m, ...\)",
        ),
        (lambda x: {"segments": x.tolist()}, "segments of the probe are a list, expected"),
        (
            lambda x: {"mask": x},
            r"inputs .* have the keys \['mask'\], expected 'segments' and maybe",
        ),
        (lambda x: x[:, 0, 0], r"segments of the probe have shape \(12,\), expected \(b, m, ...\)"),
        (lambda x: x[:0], r"have shape \(0, 3, 4\), expected \(b, m, ...\), b and m 1 or more"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(model, data, change, message):
    x, y = data
    with pytest.raises(ValueError, match=message) as error:
        focus_drive(model, change(x), y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("step", [0, -0.01, 1.5, float("nan"), "0.1", None])
def test_step_must_lie_between_0_and_1(model, data, step):
    with pytest.raises(
        ValueError, match=f"step is {step!r}, expected a number above 0 and up to 1"
    ):
        focus_drive(model, *data, step=step)


def test_other_model_is_refused(data):
    with pytest.raises(ValueError, match="model is a Sequential, expected a FocusClassifier"):
        focus_drive(keras.Sequential(), *data)


def test_model_that_is_not_built_is_refused(data):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3))
    with pytest.raises(ValueError, match="model is not built"):
        focus_drive(model, *data)
