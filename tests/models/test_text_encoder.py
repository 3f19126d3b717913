"""Words of a pretrained model of word pieces, against the model read by hand."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets import words_of
from attention_zoo.evaluation import evaluate_rationales
from attention_zoo.models import FocusClassifier, TextEncoder, TokenEncoder, reading_networks

pytestmark = pytest.mark.tensorflow("tokenizers within the graph")

TEXTS = [["the", "Thunderstorm", "is", "hot", "!"], ["teaspoon", "soup"], ["rain", "quark", "teas"]]
# Sums of up to some thirty terms, of features that layer normalisation keeps below 3.
ATOL = 32 * 3 * 2.0**-23


@pytest.fixture
def encoder(tiny_bert):
    def make(pooling="first", max_pieces=4, **sizes):
        tokenizer, backbone = tiny_bert(**sizes)
        return TextEncoder(tokenizer, backbone, pooling, max_pieces)

    return make


def padded(texts):
    return tf.ragged.constant(texts, dtype=tf.string).to_tensor("")


def by_hand(encoder, text):
    """Features of each word of a text, a list: KerasHub's own way, one text without padding."""
    tokenizer, backbone = encoder.tokenizer, encoder.backbone
    pieces = [[int(i) for i in tokenizer(word)] for word in text]
    row = [tokenizer.cls_token_id, *sum(pieces, []), tokenizer.sep_token_id]
    ids = np.int32([row])
    inputs = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    h = np.asarray(backbone(inputs)["sequence_output"])[0, 1:-1]
    starts = np.cumsum([0, *map(len, pieces)])
    pooled = {"first": lambda x: x[0], "mean": lambda x: x.mean(axis=0)}[encoder.pooling]
    return [pooled(h[i:j]) for i, j in zip(starts, starts[1:])]


def test_pieces_are_the_tokenizers_words_by_words(encoder):
    one = encoder()
    pieces = one.look_up(padded([["Thunderstorm", "tea", "quark", ""]]))
    names = [[one.tokenizer.id_to_token(int(i) - 1) for i in row if i] for row in pieces[0]]
    assert names == [["thunder", "##storm"], ["tea"], ["[UNK]"], []]


def test_pieces_of_words_are_those_of_the_whole_text(encoder):
    one, text = encoder(), "The thunderstorm, is HOT! teas x"
    words = one.look_up(padded([words_of(text)])).numpy()
    assert [int(i) for i in one.tokenizer(text)] == [i - 1 for i in words.ravel() if i]


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_features_are_the_backbones_of_each_word(pooling, encoder):
    one = encoder(pooling)
    found = np.asarray(one(one.look_up(padded(TEXTS))))
    for row, text in zip(found, TEXTS):
        np.testing.assert_allclose(row[: len(text)], by_hand(one, text), atol=ATOL)
        np.testing.assert_array_equal(row[len(text) :], 0.0)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_a_masked_word_is_an_absent_one(pooling, encoder):
    one = encoder(pooling)
    pieces = one.look_up(padded([["soup", "thunderstorm", "hot"]]))
    masked = one(pieces, mask=np.array([[True, False, True]]))
    expected = one(one.look_up(padded([["soup", "hot"]])))
    np.testing.assert_allclose(np.asarray(masked)[0, [0, 2]], expected[0], atol=ATOL)
    np.testing.assert_array_equal(masked[0, 1], 0.0)
    np.testing.assert_array_equal(masked._keras_mask, [[True, False, True]])


def test_a_text_without_words_is_zeros(encoder):
    one = encoder()
    for texts in ([["", ""]], [["", ""], ["soup", "teas"]]):
        found = one(one.look_up(padded(texts)))
        np.testing.assert_array_equal(found[0], np.zeros((2, 8)))
        np.testing.assert_array_equal(found._keras_mask[0], [False, False])


@pytest.mark.parametrize("last", ["thunderstorm", "thunder"])
def test_a_text_longer_than_the_positions_is_cut_and_counted(last, encoder):
    """Seven pieces beside start and end: of the fourth word the first piece is the last read."""
    one = encoder("mean", max_sequence_length=9)
    text = ["teas", "teaspoon", "teas", last, "soup"]
    found = one(one.look_up(padded([text])))
    np.testing.assert_array_equal(found._keras_mask, [[True, True, True, True, False]])
    expected = by_hand(one, ["teas", "teaspoon", "teas", "thunder"])
    np.testing.assert_allclose(found[0, :4], expected, atol=ATOL)
    np.testing.assert_array_equal(found[0, 4], 0.0)
    assert one.num_cut(tf.ragged.constant([text, ["soup"]])) == (0, 1)


def test_a_word_of_many_pieces_is_cut_and_counted(encoder):
    one, shorter = encoder(max_pieces=2), ["rain", "teas"]
    pieces = one.look_up(padded([["rain", "teasss"]]))
    np.testing.assert_array_equal(pieces, one.look_up(padded([shorter])))
    assert one.num_cut(tf.ragged.constant([["teasss", "rain"], shorter])) == (1, 0)


def test_a_tokenizer_that_never_splits_gives_segments_as_a_token_encoder_does(encoder):
    """Pooling and places say nothing then."""
    words = padded([["the", "soup", "is", "hot"], ["tea", "!", "", ""]])
    first, mean = encoder("first", 1), encoder("mean", 5)
    mean.backbone.set_weights(first.backbone.get_weights())
    one, other = first(first.look_up(words)), mean(mean.look_up(words))
    np.testing.assert_allclose(one, other, atol=ATOL)
    np.testing.assert_array_equal(one._keras_mask, other._keras_mask)


def classifier_of(encoder, attention="lvml"):
    focus, classifier = reading_networks(encoder.dim, 3, hidden=4)
    model = FocusClassifier(focus, classifier, attention, encoder=encoder)
    model.build((None, None, *encoder.segment_shape))
    return model


class WordsOfBackbone(keras.layers.Layer):
    """Ids of a `TokenEncoder` -> the backbone's features, start and end put around the words."""

    def __init__(self, encoder, vocabulary):
        super().__init__()
        tokenizer, self.backbone = encoder.tokenizer, encoder.backbone
        self.start, self.end = tokenizer.cls_token_id, tokenizer.sep_token_id
        self.of_word = np.int32([0, 1, *(int(tokenizer(word)[0]) for word in vocabulary)])

    def call(self, ids, training=None):
        """Words that are taken away leave no gap."""
        there = ids != 0
        order = tf.argsort(tf.cast(~there, "int32"), axis=1, stable=True)
        pieces = tf.gather(tf.gather(self.of_word, ids), order, batch_dims=1)
        pieces = tf.pad(pieces, [[0, 0], [1, 1]])
        place = tf.range(tf.shape(pieces)[1])
        count = tf.reduce_sum(tf.cast(there, "int32"), axis=1, keepdims=True)
        row = tf.where(place == 0, self.start, tf.where(place == count + 1, self.end, pieces))
        inputs = {
            "token_ids": row,
            "segment_ids": tf.zeros_like(row),
            "padding_mask": place <= count + 1,
        }
        h = self.backbone(inputs, training=training)["sequence_output"][:, 1:-1]
        back = tf.gather(h, tf.argsort(order, axis=1), batch_dims=1)
        return tf.where(there[..., None], back, 0.0)


def test_rationale_metrics_are_a_token_encoders_where_no_word_is_split(encoder):
    """Every figure, also those of texts from which words were taken away."""
    words = ["the", "soup", "is", "hot", "tea", "rain", "good"]
    rng = np.random.default_rng(0)
    texts = [list(rng.choice(words, size=n)) for n in rng.integers(2, 6, size=12)]
    of_pieces = encoder("mean")
    of_words = TokenEncoder(words, WordsOfBackbone(of_pieces, words))
    marked = [rng.integers(2, size=len(text)) for text in texts]
    focus = np.stack([np.pad(one, (0, 5 - len(one))) for one in marked])
    truth = {"label": rng.integers(3, size=12), "focus": focus.astype("float32")}
    keras.utils.set_random_seed(3)
    focus, classifier = reading_networks(of_pieces.dim, 3, hidden=4)
    found = []
    for one in (of_pieces, of_words):
        model = FocusClassifier(focus, classifier, "lvml", encoder=one)
        x = one.look_up(padded(texts))
        model.build(x.shape)
        found.append(evaluate_rationales(model, [(x.numpy(), truth)], top_k=2).scalars())
    assert found[0] == pytest.approx(found[1], abs=1e-5) and len(found[0]) > 30
    assert found[0]["marginal_comprehensiveness"] != 0


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_fit_moves_all_that_is_read_and_nothing_else(attention, encoder):
    """BERT's pooler has no gradient: it is not trained, and Keras has nothing to warn of."""
    model = classifier_of(encoder(), attention)
    pieces = model.encoder.look_up(padded(TEXTS)).numpy()
    before = [variable.numpy() for variable in model.trainable_variables]
    assert not [v for v in model.trainable_variables if "pooled" in v.path]
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(pieces, np.int32([0, 1, 2]), epochs=2, verbose=0)
    moved = [np.any(a != b.numpy()) for a, b in zip(before, model.trainable_variables)]
    still = [v.path for v, m in zip(model.trainable_variables, moved) if not m]
    # A key's bias adds the same to all of a query's scores; a hard segment's score has no bias.
    assert all("key/bias" in path for path in still), still


def test_the_model_is_saved_with_tokenizer_and_vocabulary(encoder, tmp_path):
    model = classifier_of(encoder("mean"))
    expected = model(model.encoder.look_up(padded(TEXTS)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = FocusClassifier.from_config(model.get_config())
    clone.build((None, None, 4))
    clone.set_weights(model.get_weights())
    for one in (loaded, clone):
        found = one(one.encoder.look_up(padded(TEXTS)))
        for name in ("label", "focus"):
            np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.low_precision
def test_mixed_precision_keeps_ids_and_comes_near(encoder):
    one, policy = encoder("mean"), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = encoder("mean")
    finally:
        keras.config.set_dtype_policy(policy)
    low.backbone.set_weights(one.backbone.get_weights())
    pieces = one.look_up(padded(TEXTS))
    found = low(pieces)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    # Some twenty roundings on the way, of 8 bits.
    np.testing.assert_allclose(tf.cast(found, "float32"), one(pieces), atol=20 * 3 * 2.0**-8)


def test_what_does_not_belong_together_is_refused(tiny_bert, keras_hub):
    tokenizer, backbone = tiny_bert()
    other = keras_hub.models.BertTokenizer(tokenizer.vocabulary + ["y"])
    roberta = keras_hub.models.RobertaBackbone(24, 1, 2, 8, 16)
    for pair, message in [
        ((other, backbone), "^tokenizer has 25 pieces and backbone 24, expected as many"),
        ((tokenizer, roberta), "^tokenizer is a BertTokenizer and backbone a RobertaBackbone, exp"),
        ((tokenizer, keras.layers.Dense(1)), r"^backbone is a Dense of \[\], expected one of tok"),
    ]:
        with pytest.raises(ValueError, match=message):
            TextEncoder(*pair)
    for settings, message in [
        ({"pooling": "last"}, r"^pooling is 'last', expected one of \['first', 'mean'\]$"),
        ({"max_pieces": 0}, "^max_pieces is 0, expected 1 or more$"),
    ]:
        with pytest.raises(ValueError, match=message):
            TextEncoder(tokenizer, backbone, **settings)


def test_ids_without_their_pieces_are_refused(encoder):
    with pytest.raises(ValueError, match=r"^pieces have shape \(None, 5\), expected \(batch, wo"):
        encoder()(keras.KerasTensor((None, 5)))


def test_a_preset_is_a_folder(tiny_bert, tmp_path):
    tokenizer, backbone = tiny_bert()
    tokenizer.save_to_preset(str(tmp_path))
    backbone.save_to_preset(str(tmp_path))
    one, loaded = TextEncoder(tokenizer, backbone), TextEncoder.from_preset(tmp_path)
    pieces = one.look_up(padded(TEXTS))
    np.testing.assert_array_equal(loaded.look_up(padded(TEXTS)), pieces)
    np.testing.assert_array_equal(loaded(pieces), one(pieces))


def test_an_unknown_preset_is_refused_in_a_line(keras_hub, tmp_path):
    for name in ("nothing_of_this_name", tmp_path):
        with pytest.raises(
            ValueError, match="^preset .* cannot be loaded .*, expected a preset"
        ) as e:
            TextEncoder.from_preset(name)
        assert "\n" not in str(e.value)


WORD_PIECES = (
    '{"model": {"type": "WordPiece", "max_input_chars_per_word": 9, "vocab": {"[UNK]": 0}}}'
)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"tokenizer.json": WORD_PIECES}, "config.json"),
        ({"tokenizer.json": WORD_PIECES, "config.json": "{"}, "Expecting property name"),
        ({"tokenizer.json": "no"}, "Expecting value"),
        ({"tokenizer.json": "[]"}, "has no attribute"),
        ({"tokenizer.json": WORD_PIECES.replace("vocab", "v"), "config.json": "{}"}, "vocab"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_in_a_line(files, reason, keras_hub, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    message = rf"^preset .* cannot be loaded \(.*{reason}.*\), expected a preset of KerasHub"
    with pytest.raises(ValueError, match=message) as error:
        TextEncoder.from_preset(tmp_path)
    assert "\n" not in str(error.value)


def test_without_keras_hub_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match=r"pip install attention-zoo\[pretrained\]$"):
        TextEncoder.from_preset("bert_tiny_en_uncased")


@pytest.fixture
def tiny_roberta(keras_hub):
    letters = ["t", "e", "a", "h", "o", "Ġ", "!", "te", "tea", "Ġtea", "ho", "hot", "Ġhot", "Ġh"]
    vocabulary = {one: i for i, one in enumerate(["<s>", "<pad>", "</s>", "<mask>", *letters])}
    merges = ["t e", "te a", "Ġ tea", "h o", "ho t", "Ġ hot", "Ġ h"]
    tokenizer = keras_hub.models.RobertaTokenizer(vocabulary, merges)
    return tokenizer, keras_hub.models.RobertaBackbone(len(vocabulary), 1, 2, 8, 16, 0.0, 16)


def test_byte_pairs_of_a_word_are_those_after_a_blank(tiny_roberta, tmp_path):
    """No "segment_ids", a padding that is not 0, and a vocabulary of two files."""
    tokenizer, backbone = tiny_roberta
    one = TextEncoder(tokenizer, backbone, "mean", 6)
    words = padded([["hot", "tea", "!", "heat"], ["tea", "", "", ""]])
    pieces = one.look_up(words)
    assert [int(i) for i in tokenizer(" hot tea ! heat")] == [
        i - 1 for i in pieces[0].numpy().ravel() if i
    ]
    found = one(pieces)
    alone = one(one.look_up(padded([["tea"]])))
    np.testing.assert_allclose(found[1, :1], alone[0], atol=ATOL)
    model = classifier_of(one)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = loaded.encoder.look_up(words)
    np.testing.assert_array_equal(again, pieces)
    np.testing.assert_array_equal(loaded(again)["label"], model(pieces)["label"])


@pytest.fixture
def tiny_deberta(keras_hub):
    """Pieces that SentencePiece found in a few words; relative positions, no "segment_ids"."""
    import io

    sentencepiece = pytest.importorskip("sentencepiece", reason="KerasHub brought none")
    memory = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(" ".join(text) for text in TEXTS * 20),
        model_writer=memory,
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
        user_defined_symbols="[MASK]",
        minloglevel=2,
    )
    tokenizer = keras_hub.models.DebertaV3Tokenizer(memory.getvalue())
    size = tokenizer.vocabulary_size()
    return tokenizer, keras_hub.models.DebertaV3Backbone(size, 1, 2, 8, 16, 0.0, 16, 8)


@pytest.fixture
def tiny_distilbert(tiny_bert, keras_hub):
    vocabulary = tiny_bert()[0].vocabulary
    tokenizer = keras_hub.models.DistilBertTokenizer(vocabulary, lowercase=True)
    return tokenizer, keras_hub.models.DistilBertBackbone(len(vocabulary), 1, 2, 8, 16, 0.0, 16)


# KerasHub leaves the file of SentencePiece's vocabulary open when it has read it.
@pytest.mark.filterwarnings("ignore:(?s).*vocabulary.spm:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["tiny_deberta", "tiny_distilbert"])
def test_other_backbones_read_and_are_saved(kind, request, tmp_path):
    one = TextEncoder(*request.getfixturevalue(kind), "mean", 12)
    pieces = one.look_up(padded(TEXTS))
    alone = one(one.look_up(padded(TEXTS[2:])))
    np.testing.assert_allclose(one(pieces)[2, :3], alone[0], atol=ATOL)
    model = classifier_of(one)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = loaded.encoder.look_up(padded(TEXTS))
    np.testing.assert_array_equal(again, pieces)
    np.testing.assert_array_equal(loaded(again)["label"], model(pieces)["label"])
