import keras
import numpy as np
import pytest

from attention_zoo.layers import (
    GumbelAttention,
    HardAttention,
    HybridAttention,
    LVMLAttention,
    ReinforceAttention,
    SoftAttention,
)
from attention_zoo.ops import entmax15

B, M = 6, 4


class Cold(SoftAttention):
    """An attention of its own: scores times 10."""

    def attend(self, scores, mask=None):
        return super().attend(10 * scores, mask)

    def log_attend(self, scores, mask=None):
        return super().log_attend(10 * scores, mask)


@pytest.fixture
def to_gumbel():
    """Soft, then a sampler with everything that a layer can have to remember."""

    def make():
        schedule = keras.optimizers.schedules.ExponentialDecay(2.0, 1, 0.5)
        return HybridAttention("soft", GumbelAttention(schedule, straight_through=False, seed=1))

    return make


def test_is_its_first_attention_until_the_switch_then_its_second(
    step, assert_steps_agree, segments, scores, kernel, labels
):
    hybrid = HybridAttention("lvml", "hard", normalizer="entmax15")
    first, second = LVMLAttention(normalizer="entmax15"), HardAttention(normalizer="entmax15")
    arguments = scores, segments, kernel, labels
    assert_steps_agree(step(hybrid, *arguments), step(first, *arguments), atol=0)
    hybrid.switch()
    assert_steps_agree(step(hybrid, *arguments), step(second, *arguments), atol=0)


def test_attention_is_that_of_the_part_whose_phase_it_is(scores):
    """Also of a hybrid within a hybrid."""
    mask = np.arange(M) < np.arange(B)[:, None]
    cold, soft = Cold(), SoftAttention()
    hybrid = HybridAttention(HybridAttention(cold, "hard"), soft)
    for part in (cold, soft):
        np.testing.assert_array_equal(hybrid.attend(scores, mask), part.attend(scores, mask))
        np.testing.assert_array_equal(hybrid.log_attend(scores), part.log_attend(scores))
        hybrid.switch()


@pytest.mark.filterwarnings("ignore:attention is hybrid")
def test_focus_of_a_model_is_that_of_the_part_in_training_and_after(focus_classifier, segments):
    model = focus_classifier(HybridAttention(Cold(), "hard"))
    for twin in (focus_classifier(Cold()), focus_classifier("hard")):
        expected = twin(segments, training=True)["focus"]
        np.testing.assert_allclose(model(segments, training=True)["focus"], expected, atol=1e-6)
        np.testing.assert_allclose(model.predict(segments, verbose=0)["focus"], expected, atol=1e-6)
        np.testing.assert_allclose(
            model.every_way(*model.encode(segments))["focus"], expected, atol=1e-6
        )
        model.attention.switch()


@pytest.mark.tensorflow("graphs that can be looked into")
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_a_graph_holds_the_phase_it_was_traced_in(tf, step, segments, scores, kernel, labels, xla):
    """And knows both paradigms' gradients: the right one, without any conditional."""
    hybrid = HybridAttention()

    def loss_and_gradient(s):
        with tf.GradientTape() as tape:
            tape.watch(s)
            q, _ = hybrid.class_scores(lambda x: tf.matmul(x, kernel), segments, s)
            loss = -tf.reduce_sum(tf.gather(q, labels, batch_dims=1))
        return loss, tape.gradient(loss, s)

    for attention in (SoftAttention(), HardAttention()):
        graph = tf.function(loss_and_gradient, jit_compile=xla, autograph=False)
        expected = step(attention, scores, segments, kernel, labels)
        loss, gradient = graph(tf.constant(scores))
        np.testing.assert_allclose(loss, -expected.q[np.arange(B), labels].sum(), rtol=1e-5)
        np.testing.assert_allclose(gradient, expected.d_scores, atol=1e-5)
        traced = graph.get_concrete_function(tf.constant(scores)).graph
        assert not any(op.type in ("If", "StatelessIf") for op in traced.get_operations())
        hybrid.switch()


@pytest.mark.tensorflow("graphs that raise as they run")
@pytest.mark.parametrize(
    "call",
    [
        lambda hybrid, *given: hybrid(*given, training=True)[1],
        lambda hybrid, segments, scores: hybrid.attend(scores),
    ],
    ids=["call", "attend"],
)
def test_a_graph_of_the_other_phase_fails_instead_of_being_wrong(tf, segments, scores, call):
    hybrid = HybridAttention("soft", GumbelAttention(seed=1))
    graph = tf.function(lambda: call(hybrid, segments, scores), autograph=False)
    graph()
    hybrid.phase.assign(1)  # as weights that are loaded do
    with pytest.raises(tf.errors.InvalidArgumentError, match="traced in the other phase"):
        graph()


@pytest.mark.tensorflow("graphs that raise as they run")
def test_a_functional_model_says_that_it_is_to_be_compiled_again(tf, segments, scores):
    hybrid = HybridAttention("soft", "gumbel")
    inputs = keras.Input(segments.shape[1:]), keras.Input(scores.shape[1:])
    model = keras.Model(inputs, hybrid(*inputs)[0])
    model.predict([segments, scores], verbose=0)
    hybrid.switch()
    with pytest.raises(tf.errors.InvalidArgumentError, match="compile it again"):
        model.predict([segments, scores], verbose=0)
    model.make_predict_function(force=True)
    chosen = segments[np.arange(B), np.argmax(scores, axis=1)]
    np.testing.assert_allclose(model.predict([segments, scores], verbose=0), chosen, atol=1e-6)


def test_trace_key_names_the_phase_and_what_is_within():
    inner = HybridAttention("soft", "lvml")
    hybrid, keys = HybridAttention(inner, "hard"), []
    for change in (lambda: None, lambda: inner.phase.assign(1), hybrid.switch):
        change()
        keys.append(hybrid.trace_key)
    assert keys == [(0, (0, None)), (0, (1, None)), (1, None)]


def test_layer_call_follows_the_phase(to_gumbel, segments, scores):
    hybrid, twin = to_gumbel(), to_gumbel().second
    _, w = hybrid(segments, scores, training=True)
    np.testing.assert_array_equal(w, SoftAttention()(segments, scores)[1])
    hybrid.switch()
    _, w = hybrid(segments, scores, training=True)
    np.testing.assert_array_equal(w, twin(segments, scores, training=True)[1])


def test_phase_and_samplers_are_saved(to_gumbel, focus_classifier, segments, tmp_path):
    model = focus_classifier(to_gumbel())
    model.attention.switch()
    for _ in range(2):
        model(segments, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.attention.phase.numpy()) == 1
    assert int(loaded.attention.second.step.numpy()) == 2
    for _ in range(2):
        expected = model(segments, training=True)["label"]
        np.testing.assert_array_equal(loaded(segments, training=True)["label"], expected)


def test_samplers_in_two_replicas(to_gumbel, focus_classifier, segments, labels, two_replicas):
    with two_replicas.scope():
        model = focus_classifier(to_gumbel())
        model.attention.switch()
        model.compile("sgd", metrics=[])
    model.fit(segments, labels, batch_size=B, verbose=0)
    assert int(model.attention.second.step.numpy()) == 1


def test_both_attentions_are_told_the_outcome():
    hybrid = HybridAttention(ReinforceAttention(decay=0.5), ReinforceAttention(decay=0.75))
    hybrid.observe([-1.0, -3.0])
    np.testing.assert_allclose(hybrid.first.moving_average, -1.0)
    np.testing.assert_allclose(hybrid.second.moving_average, -0.5)


def test_way_to_predict_is_that_of_the_second():
    assert HybridAttention("soft", "lvml").inference == LVMLAttention.inference == "marginal"
    assert HybridAttention("lvml", "hard").inference == HardAttention.inference == "argmax"


def test_config():
    hybrid = HybridAttention(
        "lvml", ReinforceAttention("none", 3, normalizer="sparsemax", seed=4), "sparsemax"
    )
    twin = HybridAttention.from_config(hybrid.get_config())
    assert type(twin.first) is LVMLAttention
    assert twin.second.get_config() == hybrid.second.get_config()
    assert twin.normalizer is hybrid.first.normalizer


def test_names_take_the_normalizer_of_the_layer():
    for hybrid in (
        HybridAttention(SoftAttention(normalizer="entmax15"), "hard"),
        HybridAttention("soft", HardAttention(normalizer="entmax15")),
        HybridAttention("soft", HardAttention(normalizer="entmax15"), normalizer="entmax15"),
    ):
        for layer in (hybrid, hybrid.first, hybrid.second):
            assert layer.normalizer is entmax15


@pytest.mark.parametrize(
    ("second", "settings", "message"),
    [
        (HardAttention(), {}, r"entmax15 \(first\), softmax \(second\)"),
        ("hard", {"normalizer": "softmax"}, r"softmax \(normalizer\), entmax15 \(first\)"),
        (
            HardAttention(normalizer="entmax15"),
            {"normalizer": "sparsemax"},
            r"sparsemax \(normalizer\), entmax15 \(first\), entmax15 \(second\)",
        ),
    ],
)
def test_different_normalizers_raise(second, settings, message):
    with pytest.raises(ValueError, match=f"^the normalizers are {message}, expected the same one$"):
        HybridAttention(SoftAttention(normalizer="entmax15"), second, **settings)


@pytest.mark.parametrize("state", [None, '{"when": "epoch"}'])
def test_weights_of_before_the_state_was_one_of_them_are_loaded(state):
    store = {"0": np.array(1)}
    if state is not None:
        store["switch_state"] = np.frombuffer(state.encode(), "uint8")
    hybrid = HybridAttention()
    hybrid.load_own_variables(store)
    assert (int(hybrid.phase.numpy()), hybrid.switch_state) == (1, state)
