"""What pictures and bars mark, and that it can be seen without colours."""

import json
import re

import pytest

from attention_zoo import report
from attention_zoo.plots.breakdown import AREAS

CELLS = ("FTPT", "FFPT", "FTPF", "FFPF")


def with_facts(run, **facts):
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | facts))
    return run


def test_the_kept_epoch_is_marked_in_curves_and_breakdown(make_run, tmp_path, read_page, drawn):
    run = with_facts(make_run(tmp_path), switched_epoch=1, kept_epoch=2)
    pictures = drawn(read_page(report.write(run)))
    by_epoch = {alt: svg for alt, svg in pictures.items() if "by epoch" in alt.lower()}
    assert len(by_epoch) == 5  # loss, accuracy, FT, entropy; breakdown
    for alt, svg in by_epoch.items():
        assert alt.endswith("; switch: epoch 1; kept: epoch 2")
        assert 'id="switch"' in svg and 'id="kept"' in svg


def test_nothing_is_marked_where_the_last_epoch_is_kept(make_run, tmp_path, read_page, drawn):
    pictures = drawn(read_page(report.write(with_facts(make_run(tmp_path), kept_epoch=None))))
    assert not any('id="kept"' in svg or "kept" in alt for alt, svg in pictures.items())


def test_runs_side_by_side_have_a_ring_each(make_run, tmp_path, read_page, drawn):
    runs = [make_run(tmp_path / name, seed) for seed, name in enumerate("ab")]
    with_facts(runs[1], kept_epoch=3)
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    for svg in drawn(page).values():
        assert 'id="kept-1"' in svg and 'id="kept-0"' not in svg
    assert "the epoch whose weights the run ended with" in page.text
    with_facts(runs[1], kept_epoch=None)
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert "the epoch whose weights" not in page.text


def test_areas_and_bars_have_the_same_colours_and_differ_in_pattern(make_run, tmp_path):
    runs = [make_run(tmp_path / name, seed) for seed, name in enumerate("ab")]
    style = report.compare(*runs, output=tmp_path / "page.html").read_text()
    colours = dict(re.findall(r"--(F[TF]P[TF]): (#\w+);", style))
    assert colours == {cell: colour for cell, (colour, *_) in AREAS.items()}
    patterns = dict(re.findall(r"^\.(F[TF]P[TF]) \{ background: (.*); \}$", style, re.MULTILINE))
    bare = [re.sub(r"var\(--F\w+\)", "", patterns[cell]) for cell in CELLS]
    assert len(set(bare)) == 4
    printed = style[style.index("@media print") :]
    assert re.search(r"\.bar,.*\.swatch.* print-color-adjust: exact", printed)


def test_the_breakdown_of_a_page_has_a_pattern_an_area(make_run, tmp_path, read_page, drawn):
    pictures = drawn(read_page(report.write(make_run(tmp_path))))
    (svg,) = [svg for alt, svg in pictures.items() if alt.startswith("Breakdown")]
    assert svg.count("<pattern") == 3  # the fourth is plain


def test_shares_stand_beside_their_bars_however_thin_they_are(make_run, tmp_path, read_page):
    figures = {"test": {"argmax_FTPT": 0.998, "argmax_FFPT": 0.001, "argmax_FTPF": 0.0}}
    figures["test"] |= {"argmax_FFPF": 0.001, "argmax_accuracy": 0.999}
    runs = [make_run(tmp_path / name, results=figures) for name in "ab"]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    text = " ".join(page.text.split())
    assert text.count("FTPT 99.8 FFPT 0.1 FTPF 0.0 FFPF 0.1") == 2
    swatches = [a["class"] for _, a in page.tags if a.get("class", "").startswith("swatch")]
    assert swatches == [f"swatch {cell}" for cell in CELLS] * 3  # the legend, two runs


@pytest.mark.parametrize(("count", "many"), [(4, False), (12, False), (13, True)])
def test_of_more_than_twelve_runs_the_six_best_are_told_apart(
    make_run, tmp_path, read_page, drawn, count, many
):
    files = ("histograms", "examples", "mosaics")
    runs = [make_run(tmp_path / f"r{i:02}", i, without=files) for i in range(count)]
    for i, run in enumerate(runs):
        (run / "metrics.csv").write_text(f"epoch,val_label_accuracy\n1,0.5\n2,0.{i:02}\n")
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    ((alt, _),) = drawn(page).items()
    best = [f"r{i:02} ends at" for i in range(count)][-6:]
    assert [one in alt for one in best] == [True] * min(6, count)
    assert alt.count("ends at") == (6 if many else count)
    assert (f"the other {count - 6}" in page.text) == many
