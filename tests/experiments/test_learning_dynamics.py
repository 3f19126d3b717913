"""What learning_dynamics draws without training."""

import pytest

from experiments import learning_dynamics


def test_theory_of_held_focus():
    figure = learning_dynamics.theory_of_held_focus()
    assert [ax.get_title("left") for ax in figure.axes] == ["soft", "hard", "LVML"]
    ends = {line.get_gid(): line.get_ydata()[-1] for ax in figure.axes for line in ax.lines}
    assert ends["soft-0.6"] < 0.3 < 1.0 < ends["hard-0.6"]


def test_switch_map():
    figure = learning_dynamics.switch_map()
    cells = len(learning_dynamics.SEGMENTS) * len(learning_dynamics.CLASSES)
    assert [len(ax.texts) for ax in figure.axes] == [cells, cells]
    saved = [float(text.get_text().rstrip("%")) for text in figure.axes[1].texts]
    assert min(saved) >= 0 and max(saved) == pytest.approx(32.8)
