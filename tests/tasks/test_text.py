import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.models import load_token_encoder
from attention_zoo.tasks import TextTask
from attention_zoo.tasks.text_config import TextConfig
from attention_zoo.training import run as run_module
from attention_zoo.training.checkpoints import find_checkpoints

TINY = {"batch_size": 16, "epochs": 2, "subwords": 50, "embedding_size": 8}


@pytest.fixture(scope="module")
def tiny(hatexplain_dir):
    return TINY | {"data_dir": str(hatexplain_dir)}


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, az.train("text", workdir, **tiny)


def test_the_saved_models_agree_with_the_evaluation(finished, hatexplain_dir):
    workdir, evaluations = finished
    model = keras.models.load_model(workdir / "model.keras")
    posts = az.datasets.load("hatexplain", "test", data_dir=hatexplain_dir)[1].source
    found = az.evaluate_rationales(model, posts.encoded(model.encoder.look_up).dataset(8))
    assert found.scalars() == pytest.approx(evaluations["test"].scalars(), abs=1e-5)
    text = [" ".join(t.decode() for t in tokens.numpy()) for tokens, _ in posts.dataset()]
    served = tf.saved_model.load(str(workdir / "saved_model")).signatures["explain"]
    outputs = served(text=tf.constant(text))
    accuracy = np.mean(outputs["label"].numpy() == posts.labels)
    assert accuracy == pytest.approx(found.ways["argmax"].accuracy)


@pytest.mark.slow
def test_the_miniature_is_learnt(tiny, tmp_path):
    """One word decides, and its attention shows that it does."""
    settings = tiny | {"attention": "lvml", "epochs": 12, "learning_rate": 0.02, "dropout": 0.2}
    settings |= {"ema_momentum": 0}  # of 48 steps an average over fifty lags behind
    test = az.train("text", tmp_path, **settings)["test"]
    assert test.ways["marginal"].accuracy > 0.9 and test.focus_accuracy > 0.9
    assert test.agreement["auprc"] > 0.9
    assert test.ways["marginal"].belief["comprehensiveness"] > 0.2


def write_posts(folder, labels):
    """Own posts, in a folder of JSON Lines; returns the settings that read them."""
    folder.mkdir(exist_ok=True)
    for name in ("train", "validation", "test"):
        posts = [{"tokens": ["tea", one], "label": one} for one in labels * 12]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, posts)))
    return TINY | {"dataset": "json_lines", "data_dir": str(folder), "attention": "lvml"}


def test_posts_that_were_edited_are_not_gone_on_with(tmp_path, broken_off):
    """Labels exchanged, or posts taken out, between a kill and the same command."""
    settings = write_posts(tmp_path / "posts", ["good", "bad"]) | {"steps_per_call": 1}
    workdir = tmp_path / "run"
    with broken_off(2):
        az.train("text", workdir, **settings, checkpoint_steps=1)
    assert find_checkpoints(workdir / "checkpoints")
    train = tmp_path / "posts/train.jsonl"
    sound = train.read_text()
    swapped = sound.replace('"label": "bad"', '"label": "x"').replace('"good"}', '"bad"}')
    for text in (swapped.replace('"x"', '"good"'), sound.rsplit("\n", 2)[0]):
        train.write_text(text)
        with pytest.raises(ValueError, match=r"holds a run on other data \(train changed since"):
            az.train("text", workdir, **settings, checkpoint_steps=1)
    train.write_text(sound)
    with broken_off(1):  # it goes on
        az.train("text", workdir, **settings, checkpoint_steps=1)


def test_word_vectors_are_data_of_a_run(tmp_path, broken_off):
    settings = write_posts(tmp_path / "posts", ["good", "bad"]) | {"checkpoint_steps": 1}
    vectors = tmp_path / "vectors.txt"
    settings |= {"word_vectors": str(vectors), "steps_per_call": 1}
    vectors.write_text("good 1 0\nbad 0 1\n")
    with broken_off(2):
        az.train("text", tmp_path / "run", **settings)
    vectors.write_text("good 0 1\nbad 1 0\n")
    with pytest.raises(ValueError, match=r"other data \(word_vectors changed since"):
        az.train("text", tmp_path / "run", **settings)


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["gumbel", "reinforce", "hard"])
def test_other_attentions_and_the_transformer(attention, tiny, tmp_path):
    settings = tiny | {"attention": attention, "network": "transformer", "optimizer": "sgd"}
    settings |= {"normalizer": "entmax15", "keep": "last", "annotators": "first"}
    evaluations = az.train("text", tmp_path, **settings)
    assert evaluations["test"].num_examples == 30
    assert not list(tmp_path.glob("best*"))


@pytest.mark.parametrize("network", ["simple", pytest.param("transformer", marks=pytest.mark.slow)])
def test_posts_of_ones_own_strange_ones_among_them(network, tmp_path, strange_texts, caplog):
    """Through training, evaluation, prediction and export."""
    posts = [{"tokens": tokens, "label": "bad"} for tokens in strange_texts.values()]
    posts += [{"tokens": ["soup", "thunder"], "label": "bad", "rationale": [0, 1]}] * 8
    posts += [{"tokens": ["soup", "sun"], "label": "good"}] * 8
    lines = "\n".join(json.dumps(post) for post in posts)
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.jsonl").write_text(lines, "utf-8")
    settings = TINY | {"dataset": "json_lines", "data_dir": str(tmp_path), "min_count": 2}
    run = tmp_path / "run"
    evaluations = az.train("text", run, **settings, network=network)
    named = {"focus_accuracy", "auprc", "token_f1", "iou_f1", "soft_auroc", "argmax_nll"}
    named |= {"marginal_comprehensiveness", "argmax_sufficiency"}
    assert "test has the same posts as train, expected others" in caplog.text
    assert evaluations["test"].scalars().keys() >= named  # scalars has finite numbers only
    served = tf.saved_model.load(str(run / "saved_model")).signatures["explain_tokens"]
    for tokens in strange_texts.values():
        outputs = served(tokens=tf.constant([tokens or [""]]))
        np.testing.assert_allclose(outputs["probabilities"].numpy().sum(), 1.0, atol=1e-5)


@pytest.mark.slow
def test_an_encoder_out_of_a_file(tiny, tmp_path):
    tokens = keras.Input((None,), dtype="string")
    ids = keras.layers.StringLookup(vocabulary=["thunder", "drizzle"], mask_token="")(tokens)
    x = keras.layers.Embedding(4, 6, mask_zero=True)(ids)
    keras.Model(tokens, x).save(tmp_path / "encoder.keras")
    settings = tiny | {"encoder": str(tmp_path / "encoder.keras"), "attention": "soft"}
    az.train("text", tmp_path / "run", **settings)
    loaded = keras.models.load_model(tmp_path / "run/model.keras")
    encoder = load_token_encoder(tmp_path / "encoder.keras")
    assert loaded.encoder.vocabulary == encoder.vocabulary == ("thunder", "drizzle")


def test_word_vectors_set_the_size(tiny, tmp_path):
    (tmp_path / "vectors.txt").write_text("soup 1 2 3 4\nthunder 5 6 7 8\n")
    settings = TextConfig(**tiny, word_vectors=str(tmp_path / "vectors.txt"))
    info = az.datasets.load("hatexplain", data_dir=tiny["data_dir"])[1]
    task = TextTask()
    model = task.build(settings, {"train": info}, task.attention(settings))
    vectors = model.encoder.network.weights[0].numpy()
    thunder = 2 + model.encoder.vocabulary.index("thunder")
    assert vectors.shape == (2 + len(model.encoder.vocabulary), 4)
    np.testing.assert_array_equal(vectors[thunder], [5, 6, 7, 8])


def test_the_vocabulary_is_of_the_training_posts_alone(tmp_path):
    for name in ("train", "validation", "test"):
        posts = [{"tokens": ["soup", name], "label": label} for label in ("good", "bad")] * 4
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, posts)))
    settings = TINY | {"dataset": "json_lines", "data_dir": str(tmp_path), "batch_size": 4}
    task, config = TextTask(), TextConfig(**settings)
    model = task.build(config, task.load(config), task.attention(config))
    assert set(model.encoder.vocabulary) == {"soup", "train"}


@pytest.mark.slow
def test_replicas_end_as_one(tiny, tmp_path, monkeypatch, two_replicas, weights):
    """The same weights but for rounding; batches of two posts of unequal lengths are padded."""
    settings = tiny | {
        "attention": "lvml",
        "dropout": 0.0,
        "token_dropout": 0.0,
        "optimizer": "sgd",
        "keep": "last",
    }
    one = az.train("text", tmp_path / "one", **settings)
    monkeypatch.setattr(run_module, "make_strategy", lambda name: two_replicas)
    two = az.train("text", tmp_path / "two", **settings, strategy="mirrored")
    for a, b in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert two["test"].scalars() == pytest.approx(one["test"].scalars(), abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "sdc/digits"}, "^dataset is 'sdc/digits', expected one of"),
        ({"network": "bert"}, r"^network is 'bert', expected one of \['simple', 'transformer'\]$"),
        ({"annotators": "last"}, "^annotators is 'last', expected one of"),
        ({"batch_size": 99}, "^batch_size is 99, expected 77 or less, the training examples$"),
        ({"dropout": 0.95}, "^dropout is 0.95, expected 0.9 or less$"),
        ({"test_split": "dev"}, "^split is 'dev', expected train or validation or test"),
        ({"embedding_size": 7, "network": "transformer"}, "^embedding_size is 7, expected an even"),
        ({"subwords": 1}, "^subwords is 1, expected 0, or 2 or more"),
        ({"word_vectors": "nowhere.txt"}, "^word vectors nowhere.txt cannot be read"),
        ({"min_count": 10**6}, "^min_count is 1000000, expected one that some token"),
        ({"encoder": "a", "word_vectors": "b"}, "^word_vectors is 'b' beside an encoder, expected"),
        ({"encoder": "nowhere.keras"}, "^encoder nowhere.keras cannot be loaded"),
        ({"weight_decay": -0.1}, "^weight_decay is -0.1, expected 0 or more$"),
    ],
)
def test_bad_settings_are_one_line_errors_and_leave_nothing(tiny, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        az.train("text", tmp_path / "run", **(tiny | settings))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_the_command_prints_one_line_for_bad_input(tmp_path):
    """In a process of its own: another trainer's flags of the same names may be defined here."""
    command = [sys.executable, "-m", "attention_zoo.trainers.hatexplain"]
    flags = [f"--workdir={tmp_path}", "--top_k=0"]
    done = subprocess.run(command + flags, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: flag --top_k=0: 0 is not a positive integer")


def test_the_drive_is_measured_on_posts_drawn_at_random():
    """Theirs may be an order of classes. Few posts are measured whole, as they lie."""
    sorted_by_label = [0] * 400 + [1] * 400
    for labels, count in ((sorted_by_label, 256), ([0, 1, 1, 0], 4)):
        posts = az.datasets.Posts.from_lists([["a", "b"]] * len(labels), labels)
        splits = {"train": TextTask().accept(posts, TextConfig(dataset="json_lines"))}
        _, targets = TextTask().probe(splits)
        found = np.asarray(targets["label"])
        assert len(found) == count and abs(found.mean() - 0.5) < 0.1
        _, again = TextTask().probe(splits)
        np.testing.assert_array_equal(found, again["label"])
    np.testing.assert_array_equal(found, labels)
