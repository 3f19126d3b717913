import numpy as np

from attention_zoo import plots

ROWS = [[3, 0.2, 0.1], [0, np.nan, np.nan], [5, 0.9, 0.8]]
RISK = [0.5, 1.0], [0.0, 0.25]


def lines(ax):
    return {line.get_gid(): np.transpose(line.get_data()) for line in ax.lines}


def test_lines_are_the_bins_with_examples_and_the_risks():
    figure = plots.calibration({"soft": ROWS}, {"certainty": RISK})
    left, right = map(lines, figure.axes)
    np.testing.assert_allclose(left["reliability-soft"], [[0.2, 0.1], [0.9, 0.8]])
    np.testing.assert_allclose(right["risk-certainty"], np.transpose(RISK))
