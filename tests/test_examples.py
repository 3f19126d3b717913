"""What the examples say is true."""

import numpy as np
import pytest


def test_bags_are_right_and_the_seven_is_found_without_being_told(load_example, capsys):
    accuracy, precision = load_example("multiple_instance_learning").main(epochs=6)
    assert accuracy > 0.9 and precision > 0.9
    assert f"{accuracy:.1%} right; in positive ones, the 7 chosen {precision:.1%}" in (
        capsys.readouterr().out
    )


def test_bags_hold_what_they_say(load_example):
    example = load_example("multiple_instance_learning")
    images = np.arange(1, 11, dtype=float)[:, None, None, None]  # of digit d: d + 1, never 0
    segments, mask, labels, focus = example.bags(images, np.arange(10), 200, seed=0)
    is_seven = (segments[..., 0, 0, 0] == 8) & mask
    np.testing.assert_array_equal(is_seven.sum(axis=1), labels)
    np.testing.assert_array_equal(is_seven.argmax(axis=1)[labels == 1], focus[labels == 1])
    assert set(focus[labels == 0]) == {-1} and set(mask.sum(axis=1)) == {2, 3, 4, 5, 6}


@pytest.mark.tensorflow("a look-up of words inside the graph")
def test_the_word_that_tells_is_attended_and_the_label_right(load_example, capsys):
    found = load_example("text_with_rationales").main()
    assert found.ways["marginal"].accuracy > 0.95 and found.focus_accuracy > 0.95
    assert capsys.readouterr().out.strip() == found.table()


def test_the_layer_reads_the_marked_step_alone(load_example, capsys):
    error, weights, mask, marked = load_example("attention_layer").main()
    assert error < 0.1 and np.mean(weights.argmax(axis=-1) == marked) > 0.95
    assert np.all(weights[~mask] == 0) and np.mean(weights == 0) > 0.5
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    assert "largest weight on the marked step" in capsys.readouterr().out


def test_class_scores_is_what_differs_in_models_of_ones_own(load_example):
    """The calls of the layers agree; the losses of both models agree, and those of paradigms not.

    q is enumerated: the loss of hard is never below that of LVML for one pair of networks, and
    here, trained apart, it stays above.
    """
    losses, averages = load_example("class_scores").main(epochs=6)
    for name in ("hard", "lvml", "hybrid"):
        np.testing.assert_array_equal(averages[name], averages["soft"])
    for name in averages:
        assert losses[name, "functional"] == pytest.approx(losses[name, "Subclassed"], abs=1e-4)
    soft, hard, lvml = (losses[name, "functional"] for name in ("soft", "hard", "lvml"))
    assert min(abs(soft - hard), abs(soft - lvml)) > 0.02 and hard > lvml + 0.02
    assert losses["hybrid", "functional"] == losses["soft", "functional"]  # until a switch


def test_frozen_random_network_is_enough_to_find_the_deciding_digit(load_example, capsys):
    found = load_example("pretrained_images").main(epochs=10, tuning_epochs=0)
    assert found.keys() == {"frozen"}
    assert found["frozen"]["label_accuracy"] > 0.75 and found["frozen"]["focus_accuracy"] > 0.6
    assert capsys.readouterr().out.startswith("frozen: ")


@pytest.mark.slow
def test_the_network_is_fine_tuned(load_example):
    """An epoch on few mosaics changes it, and does not spoil it."""
    found = load_example("pretrained_images").main(epochs=10, tuning_epochs=1)
    assert found["fine-tuned"]["loss"] != found["frozen"]["loss"]
    assert found["fine-tuned"]["label_accuracy"] > 0.5
