"""An encoder of Keras's layers gives with padding what it gives without, or is refused by name."""

import re

import keras
import numpy as np
import pytest
from keras.layers import (
    GRU,
    LSTM,
    Add,
    Attention,
    AveragePooling1D,
    Bidirectional,
    Concatenate,
    Conv1D,
    Dense,
    Dot,
    Dropout,
    EinsumDense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GroupNormalization,
    Lambda,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    Reshape,
    SpectralNormalization,
    TimeDistributed,
    UnitNormalization,
)

from attention_zoo import layers
from attention_zoo.models import FocusClassifier
from attention_zoo.models.kept_masks import check_mask_is_kept, without_warnings
from attention_zoo.models.networks.text import text_networks

B, M, D, C = 6, 4, 6, 3
ANY_NUMBER = (None, D)


k, array = keras.ops, keras.ops.convert_to_numpy
BIAS = keras.initializers.Constant(0.7)  # so that padding is no longer 0 where it is read


def functional(make, shape=ANY_NUMBER):
    inputs = keras.Input(shape)
    return keras.Model(inputs, make(inputs))


def sequential(*parts):
    return lambda: keras.Sequential([keras.Input(ANY_NUMBER), *[part() for part in parts]])


def graph(make, shape=ANY_NUMBER):
    return lambda: functional(make, shape)


def dense(units=D):
    return Dense(units, bias_initializer=BIAS)


def conv(size, **settings):
    return Conv1D(D, size, padding="same", bias_initializer=BIAS, **settings)


def lstm(**settings):
    return LSTM(D, return_sequences=True, **settings)


def both_ways():
    return Bidirectional(LSTM(D // 2, return_sequences=True))


def ids(**settings):
    return Embedding(9, D, **settings)


def attends(x, y=None, **masks):
    return MultiHeadAttention(2, 4)(x, x if y is None else y, **masks)


def there(x):
    return k.any(k.not_equal(x, 0.0), axis=-1)


def post_norm(x, add, blocks=2):
    for _ in range(blocks):
        x = LayerNormalization()(add(x, attends(x)))
    return x


def pre_norm(x, add, blocks=2):
    for _ in range(blocks):
        x = add(x, attends(LayerNormalization()(x)))
        x = add(x, dense()(LayerNormalization()(x)))
    return x


def plus(x, y):
    return x + y


def added(x, y):
    return Add()([x, y])


def by_hand(x):
    """Self attention of plain operations."""
    y = dense()(x)
    return k.matmul(k.softmax(k.matmul(y, k.transpose(y, (0, 2, 1)))), y)


def beside(reduced):
    """x and a number of the set, in every segment."""
    return graph(lambda x: x + reduced(dense()(x)))


class Doubled(Layer):
    """A layer that says nothing of masks."""

    def call(self, x):
        return 2.0 * x


class Grouped(GroupNormalization):
    """One with a kernel, which `SpectralNormalization` asks for."""

    def build(self, shape):
        super().build(shape)
        self.kernel = self.add_weight(shape=(1, shape[-1]), initializer="ones", name="kernel")


# What is refused: the encoder, and whom the line names. Padding does count in all of them.
LEAKS = {
    "two convolutions": (sequential(lambda: conv(3), lambda: conv(3)), "Conv1D"),
    "functional convolutions": (graph(lambda x: conv(3)(conv(3)(x))), "Conv1D"),
    "in a model in a model": (
        lambda: keras.Sequential([keras.Sequential([conv(1), conv(3)]), conv(1)]),
        "Conv1D",
    ),
    "pooling": (sequential(dense, lambda: AveragePooling1D(3, 1, padding="same")), "Average"),
    "LSTM behind a kernel of one": (
        sequential(lambda: conv(1), lstm),
        "LSTM .*no mask .Conv1D .* passes none on",
    ),
    "LSTM behind vectors": (
        lambda: keras.Sequential([ids(), lstm()]),
        "LSTM .*Embedding .*mask_zero=True",
    ),
    "attention behind a sum": (
        graph(lambda x: attends(x + conv(1)(x))),
        "MultiHeadAttention .*the operation Add before it .*expected keras.layers.Add in its",
    ),
    "attention behind a residual": (
        graph(lambda x: attends(added(x, attends(x)))),
        "MultiHeadAttention .*MultiHeadAttention .*took the mask off .*LayerNormalization",
    ),
    "attention behind Add": (
        graph(lambda x: attends(added(x, conv(1)(x)))),
        "MultiHeadAttention .*Conv1D .* passes none on",
    ),
    "post-norm": (graph(lambda x: post_norm(x, added)), "took the mask off"),
    "pre-norm with +": (graph(lambda x: pre_norm(x, plus)), "the operation Add before it"),
    "masked query, plain values": (graph(lambda x: attends(x, dense()(x) + 0.0)), "operation Add"),
    "masked query, plain values in a list": (
        graph(lambda x: Attention()([x, dense()(x) + 0.0])),
        "Attention .*operation Add",
    ),
    "LSTM behind vectors with a mask and without": (
        graph(lambda x: lstm()(Concatenate()([x, conv(1)(x)]))),
        "LSTM .*is given no mask .Concatenate .*expected a mask on each",
    ),
    "LSTM behind a mean": (
        graph(lambda x: both_ways()(added(x, GlobalAveragePooling1D(keepdims=True)(x)))),
        "Bidirectional .*GlobalAveragePooling1D",
    ),
    "backwards": (sequential(lambda: lstm(go_backwards=True)), "LSTM .*go_backwards"),
    "spectral group normalization": (
        sequential(dense, lambda: SpectralNormalization(Grouped(2))),
        "SpectralNormalization",
    ),
    "group normalization": (sequential(dense, lambda: GroupNormalization(2)), "GroupNorm"),
    "Lambda": (
        sequential(dense, lambda: Lambda(lambda x: x - k.mean(x, 1, True))),
        "Lambda .*mask",
    ),
    "unit normalization": (sequential(dense, lambda: UnitNormalization(axis=1)), "UnitNorm"),
    "dot": (
        graph(lambda x: x + k.sum(Dot((1, 1))([dense()(x), dense()(x)]), -1)[:, None]),
        "Dot",
    ),
    "einsum layer": (
        lambda: functional(EinsumDense("bmd,mn->bnd", (M, D)), (M, D)),
        "EinsumDense",
    ),
    "reshaped": (
        lambda: functional(lambda x: Reshape((M, D))(dense(M * D)(Reshape((1, M * D))(x))), (M, D)),
        "Reshape",
    ),
    "MLP mixer": (
        graph(lambda x: k.transpose(dense(M)(k.transpose(x, (0, 2, 1))), (0, 2, 1)), (M, D)),
        "Dense",
    ),
    "mean": (beside(lambda x: k.mean(x, axis=1, keepdims=True)), "the operation Mean"),
    "mean of all": (beside(lambda x: k.mean(x)), "the operation Mean"),
    "sum": (beside(lambda x: k.sum(x, axis=-2, keepdims=True)), "the operation Sum"),
    "max": (beside(lambda x: k.max(x, axis=1)[:, None]), "the operation Max"),
    "min": (beside(lambda x: k.min(x, axis=1)[:, None]), "the operation Min"),
    "prod": (beside(lambda x: k.prod(x, axis=1, keepdims=True)), "the operation Prod"),
    "variance": (beside(lambda x: k.var(x, axis=1, keepdims=True)), "the operation Var"),
    "softmax": (graph(lambda x: k.softmax(dense()(x), axis=1)), "the operation Softmax"),
    "cumsum": (graph(lambda x: k.cumsum(dense()(x), axis=1)), "the operation Cumsum"),
    "flip": (graph(lambda x: k.flip(dense()(x), axis=1)), "the operation Flip"),
    "last one": (beside(lambda x: x[:, -2:-1]), "the operation GetItem"),
    "self attention": (graph(by_hand), "the operation Softmax"),
    "matmul": (
        graph(lambda x: k.matmul(np.ones((M, M), "float32"), dense()(x)), (M, D)),
        "the operation Matmul",
    ),
    "einsum": (
        graph(lambda x: k.einsum("bmd,bne->bmd", x, dense()(x))),
        "the operation Einsum",
    ),
    "convolution": (
        graph(lambda x: k.conv(dense()(x), np.ones((3, D, D), "float32"), padding="same")),
        "the operation Conv",
    ),
}
FIXED = {"einsum layer", "reshaped", "MLP mixer", "matmul"}
KEEP = {
    "dense": sequential(dense, lambda: Dropout(0.0)),
    "LSTM": sequential(dense, lstm, dense),
    "both ways": sequential(dense, both_ways, lambda: GRU(D, return_sequences=True)),
    "kernel of one": sequential(lambda: conv(1), dense),
    "vectors": lambda: keras.Sequential([ids(), dense()]),
    "vectors with a mask": lambda: keras.Sequential([ids(mask_zero=True), lstm()]),
    "convolutions per segment": lambda: keras.Sequential(
        [layers.PerSegment(keras.Sequential([Reshape((D, 1)), conv(3), Flatten()]))]
    ),
    "per step": sequential(lambda: TimeDistributed(dense())),
    "per step behind a sum": graph(lambda x: TimeDistributed(dense())(x + dense()(x))),
    "attention, and a sum": graph(lambda x: x + attends(x)),
    "attention twice": graph(lambda x: attends(LayerNormalization()(attends(x)))),
    "plain query, masked values": graph(lambda x: attends(x + 0.0, dense()(x))),
    "pre-norm": graph(lambda x: pre_norm(x, added)),
    "post-norm, one block": graph(lambda x: post_norm(x, added, 1)),
    "post-norm with a mask by hand": graph(lambda x: masked_post_norm(x)),
    "LSTM with a mask by hand": graph(lambda x: both_ways()(dense()(x) + 0.0, mask=there(x))),
    "mask by hand, passed on": graph(lambda x: both_ways()(lstm()(x + 0.0, mask=there(x)))),
    "mask by hand, by its place": graph(lambda x: lstm()(x + 0.0, None, there(x))),
    "attention of operations, masked": graph(lambda x: dot_product(x)),
    "einsum layer": sequential(lambda: EinsumDense("bmd,de->bme", (None, 7), bias_axes="e")),
    "einsum layer with dots": sequential(lambda: EinsumDense("...d,de->...e", (7,))),
    "reshape": sequential(dense, lambda: Reshape((-1, 3, 2)), lambda: Reshape((-1, D))),
    "spectral": sequential(lambda: SpectralNormalization(dense())),
    "spectral einsum": sequential(
        lambda: SpectralNormalization(EinsumDense("abc,cd->abd", (None, D)))
    ),
    "Lambda with a mask": sequential(dense, lambda: Lambda(masked_centre)),
    "concatenated": graph(lambda x: both_ways()(Concatenate()([dense()(x), dense()(x)]))),
    "mean of features": graph(lambda x: x - k.mean(dense()(x), axis=-1, keepdims=True)),
    "softmax of features": graph(lambda x: k.softmax(dense()(x))),
    "product with a matrix": graph(lambda x: k.matmul(x, np.ones((D, 5), "float32"))),
    "dot with a matrix": graph(lambda x: k.dot(x, np.ones((D, 5), "float32"))),
    "einsum with a matrix": graph(
        lambda x: k.einsum("...d,de->...e", x, np.ones((D, 5), "float32"))
    ),
    "heads": graph(lambda x: k.sum(k.reshape(x, (-1, M, 2, D // 2)), axis=2), (M, D)),
    "outer product": graph(lambda x: k.sum(x[:, :, :, None] * x[:, :, None], axis=-1)),
    "positions": graph(lambda x: x + np.ones((M, D), "float32"), (M, D)),
    "masked mean": graph(lambda x: x + GlobalAveragePooling1D(keepdims=True)(x)),
    "own of tokens": lambda: text_networks("transformer", list("abcdefg"), C, dim=D)[2],
    "own of pieces": lambda: text_networks("simple", list("abcdefg"), C, dim=D, subwords=7)[2],
}
FIXED |= {"heads", "positions"}
TAKE_IDS = {"LSTM behind vectors", "vectors", "vectors with a mask", "own of tokens"}
TAKE_IDS |= {"own of pieces"}
LAST = {"last one"}  # reads padding where it is at the end
COUNT_PLACES = {"own of tokens"}  # whose positions padding in front would move


def masked_post_norm(x):
    mask = there(x)[:, None, :]
    for _ in range(2):
        x = LayerNormalization()(added(x, attends(x, attention_mask=mask)))
    return x


def dot_product(x):
    y = dense()(x)[:, :, None]  # one head
    return k.dot_product_attention(y, y, y, mask=there(x)[:, None, None])[:, :, 0]


def masked_centre(x, mask=None):
    kept = k.ones_like(x[..., :1]) if mask is None else k.cast(mask, x.dtype)[..., None]
    return x - k.sum(x * kept, axis=1, keepdims=True) / k.sum(kept, axis=1, keepdims=True)


def of_encoder(encoder, takes_ids, front):
    """(model, its inputs without padding, the same with it, at the end or `front` of it)."""
    keras.utils.set_random_seed(0)
    networks = [keras.Sequential([Dense(5), Dense(units)]) for units in (1, C)]
    model = FocusClassifier(*networks, "soft", encoder=encoder)
    rng = np.random.default_rng(2)
    x = rng.integers(1, 9, (B, 2)) if takes_ids else rng.normal(size=(B, 2, D)).astype("float32")
    mask = np.tile(np.arange(M) >= M - 2 if front else np.arange(M) < 2, (B, 1))
    padded = np.zeros((B, M, *x.shape[2:]), x.dtype)
    padded[mask] = x.reshape(-1, *x.shape[2:])
    return model, x, {"segments": padded, "mask": mask}


@pytest.mark.parametrize("name", LEAKS)
def test_encoder_that_lets_padding_in_is_refused_by_name(name):
    make, named = LEAKS[name]
    model, _, padded = of_encoder(make(), name in TAKE_IDS, front=True)
    line = f"encoder is a (Sequential|Functional) with .*{named}"
    for training in (False, True):
        with pytest.raises(ValueError, match=f"{line}.*padding would count"):
            model(padded, training=training)


@pytest.mark.parametrize("name", sorted(LEAKS.keys() - FIXED))
def test_padding_would_have_counted(name):
    """That is no false refusal: unchecked, features of real segments change by padding."""
    model, x, padded = of_encoder(LEAKS[name][0](), name in TAKE_IDS, name not in LAST)
    expected = array(model.encode(x)[0])
    found = array(model.encode(padded, may_lose_mask=True)[0])[padded["mask"]]
    assert np.abs(found.reshape(expected.shape) - expected).max() > 1e-3


@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize("name", sorted(KEEP.keys() - FIXED))
def test_encoder_that_keeps_the_mask_gives_what_it_gives_without_padding(name, front):
    if front and name in COUNT_PLACES:
        pytest.skip("its positions count from the first place")
    model, x, padded = of_encoder(KEEP[name](), name in TAKE_IDS, front)
    expected, found = keras.tree.map_structure(array, [model(x), model(padded)])
    np.testing.assert_allclose(found["label"], expected["label"], atol=1e-5)
    weights = found["focus"][padded["mask"]].reshape(B, 2)
    np.testing.assert_allclose(weights, expected["focus"], atol=1e-5)


@pytest.mark.parametrize("name", sorted(KEEP.keys() & FIXED))
def test_encoder_of_a_fixed_number_of_segments_reads_each_by_itself(name):
    model, _, padded = of_encoder(KEEP[name](), False, front=False)
    other = padded | {"segments": np.where(padded["mask"][..., None], padded["segments"], 7.0)}
    np.testing.assert_array_equal(array(model(padded)["label"]), array(model(other)["label"]))


def test_layer_of_which_nothing_is_known_is_refused_with_the_way_out():
    model, x, padded = of_encoder(keras.Sequential([Doubled()]), False, front=False)
    way_out = "Doubled .*set its supports_masking where it reads each segment by itself"
    with pytest.raises(ValueError, match=way_out):
        model(padded)
    model.encoder.layers[0].supports_masking = True
    found, expected = array(model(padded)["label"]), array(model(x)["label"])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["mean of features", "LSTM with a mask by hand", "pre-norm"])
def test_fit_with_padding_is_fit_without(name):
    """Compiled, as `fit` is: the check is made while the step is traced."""

    def loss(padding):
        keras.utils.set_random_seed(0)
        model, x, padded = of_encoder(KEEP[name](), False, front=True)
        model.compile(keras.optimizers.SGD(0.1))
        labels = np.arange(B) % C
        return model.fit(padded if padding else x, labels, epochs=2, verbose=0).history["loss"]

    np.testing.assert_allclose(loss(True), loss(False), rtol=1e-4)


def test_fit_refuses_a_mean_over_segments():
    model, _, padded = of_encoder(LEAKS["mean"][0](), False, front=True)
    model.compile("sgd")
    with pytest.raises(ValueError, match="the operation Mean over segments, which heeds no mask"):
        model.fit(padded, np.arange(B) % C, verbose=0)


def test_line_says_which_of_two_layers_lost_the_mask():
    encoder = functional(
        lambda x: LSTM(D, return_sequences=True, name="reader")(
            Conv1D(D, 1, name="other")(Conv1D(D, 1, name="thief")(x))
        )
    )
    line = re.escape("LSTM 'reader', which is given no mask (Conv1D 'thief' before it")
    with pytest.raises(ValueError, match=line):
        check_mask_is_kept(encoder)


def test_what_passed_once_is_judged_anew_where_it_changed():
    class Own(Layer):
        def call(self, x):
            return x

    own = Own()
    encoder = keras.Sequential([keras.Input(ANY_NUMBER), own])
    for _ in range(2):
        own.supports_masking = True
        check_mask_is_kept(encoder)
        check_mask_is_kept(encoder)
        own.supports_masking = False
        with pytest.raises(ValueError, match="^encoder is a Sequential with Own"):
            check_mask_is_kept(encoder)
    own.supports_masking = True
    encoder.add(GroupNormalization(2))
    with pytest.raises(ValueError, match="^encoder is a Sequential with GroupNormalization"):
        check_mask_is_kept(encoder)


# Encoders that are given no mask and make one


def of_ids(make, shape=(None,)):
    """A functional encoder of what an Embedding gives that masks id 0."""

    def encoder():
        ids = keras.Input(shape, dtype="int32")
        with without_warnings():
            return keras.Model(ids, make(Embedding(9, D, mask_zero=True)(ids), ids))

    return encoder


class Gate(Layer):
    """Each segment times a context of all."""

    supports_masking = True

    def call(self, x, context):
        return x * k.expand_dims(context, 1)


class Seeds(Layer):
    """Two queries, whatever is given."""

    def call(self, x):
        return k.ones_like(k.repeat(x[:, :1], 2, axis=1))

    def compute_output_shape(self, shape):
        return (shape[0], 2, D)


def mean_by_hand(x, ids):
    there = k.cast(k.not_equal(ids, 0), "float32")[:, :, None]
    return k.sum(x * there, axis=1) / k.sum(there, axis=1)


# Refused: the encoder, and the line.
LOSE = {
    "residual": (
        of_ids(lambda x, ids: added(x, attends(x))),
        "makes a mask and loses it .MultiHeadAttention .*took the mask off .*LayerNormalization",
    ),
    "sum": (of_ids(lambda x, ids: x + dense()(x)), "loses it .the operation Add .*layers.Add in"),
    "product": (of_ids(lambda x, ids: x * 2.0), "loses it .the operation Multiply .*or inputs"),
    "times a mask": (
        of_ids(lambda x, ids: x * k.cast(ids > 0, "float32")[:, :, None]),
        "loses it .the operation Multiply",
    ),
    "positions": (
        of_ids(lambda x, ids: added(x, ids_without()(ids))),
        "one of its inputs has none",
    ),
    "kernel of one": (of_ids(lambda x, ids: conv(1)(x)), "loses it .Conv1D"),
    "convolution": (of_ids(lambda x, ids: conv(3)(x)), "Conv1D .*heeds no mask"),
    "LSTM behind a sum": (of_ids(lambda x, ids: lstm()(x + 0.0)), "LSTM .*is given no mask"),
    "concatenated": (
        of_ids(lambda x, ids: Concatenate()([x, ids_without()(ids)])),
        "loses it .Concatenate .*a mask on each of its inputs",
    ),
    "in a model": (
        of_ids(lambda x, ids: keras.Sequential([dense(), conv(3)])(x)),
        "Conv1D .*heeds no mask",
    ),
}
HOLD = {
    "plain": of_ids(lambda x, ids: x),
    "LSTM": lambda: keras.Sequential([ids(mask_zero=True), dense(), lstm()]),
    "attention": of_ids(lambda x, ids: attends(x)),
    "pre-norm": of_ids(lambda x, ids: pre_norm(x, added)),
    "mask by hand": of_ids(lambda x, ids: lstm()(x + 0.0, mask=k.not_equal(ids, 0))),
    "mean by hand": of_ids(lambda x, ids: Gate()(x, mean_by_hand(x, ids))),
    "memory": of_ids(lambda x, ids: attends(x, Seeds()(ids_without()(ids)))),
    "own of tokens": KEEP["own of tokens"],
    "own of pieces": KEEP["own of pieces"],
    "own of pieces in context": lambda: text_networks("transformer", ["a"] * 7, C, subwords=7)[2],
}


def ids_without():
    return Embedding(9, D)


def without_a_mask(encoder):
    """(model, ids, the same with padding behind)."""
    model, x, padded = of_encoder(encoder, True, front=False)
    return model, x, padded["segments"]


@pytest.mark.parametrize("name", LOSE)
def test_encoder_that_loses_its_own_mask_is_refused_by_name(name):
    make, line = LOSE[name]
    model, _, padded = without_a_mask(make())
    for training in (False, True):
        with pytest.raises(ValueError, match=f"encoder is a (Sequential|Functional) .*{line}"):
            model(padded, training=training)


@pytest.mark.parametrize("name", LOSE)
def test_padding_would_have_had_attention(name):
    """That is no false refusal."""
    model, _, padded = without_a_mask(LOSE[name][0]())
    with without_warnings():
        segments, mask = model.encode(padded, may_lose_mask=True)
    a = array(layers.SoftAttention().attend(model.scores(segments), mask))
    assert (a * (padded == 0)).sum(axis=1).min() > 0.1


@pytest.mark.parametrize("name", ["residual", "sum", "product", "kernel of one"])
def test_the_line_says_what_helps(name):
    """The mask in the inputs does."""
    model, x, padded = without_a_mask(LOSE[name][0]())
    found = model({"segments": padded, "mask": padded > 0})
    every = model({"segments": x, "mask": x > 0})
    np.testing.assert_allclose(array(found["label"]), array(every["label"]), atol=1e-5)
    np.testing.assert_array_equal(array(found["focus"])[padded == 0], 0.0)


@pytest.mark.parametrize("name", HOLD)
def test_encoder_that_holds_its_own_mask_gives_what_it_gives_without_padding(name):
    model, x, padded = without_a_mask(HOLD[name]())
    expected, found = keras.tree.map_structure(array, [model(x), model(padded)])
    np.testing.assert_allclose(found["label"], expected["label"], atol=1e-5)
    np.testing.assert_array_equal(found["focus"][padded == 0], 0.0)


def words_in_segments(x):
    """Of ids (b, m, words): the mask that is made is of words."""
    return k.mean(Embedding(9, D, mask_zero=True)(x), axis=2)


FREE = {
    "words": (lambda: keras.Model(i := keras.Input((M, 3)), words_in_segments(i)), (M, 3)),
    "slots": (of_ids(lambda x, ids: attends(Seeds()(ids_without()(ids)), x)), (M,)),
    "no mask": (lambda: keras.Sequential([ids(), conv(3)]), (M,)),
    "mask behind": (sequential(lambda: conv(3), keras.layers.Masking, lstm), (M, D)),
}


@pytest.mark.parametrize("name", FREE)
def test_encoder_without_a_mask_of_segments_is_not_refused(name):
    make, shape = FREE[name]
    model = of_encoder(make(), len(shape) < 3, front=False)[0]
    x = np.random.default_rng(0).integers(0, 9, (B, *shape))
    x = x.astype("float32") if shape == (M, D) else x
    assert np.isfinite(array(model(x)["label"])).all()


def test_fit_refuses_an_encoder_that_loses_its_own_mask():
    model, _, padded = without_a_mask(LOSE["residual"][0]())
    model.compile("sgd")
    with pytest.raises(ValueError, match="makes a mask and loses it"):
        model.fit(padded, np.arange(B) % C, verbose=0)
