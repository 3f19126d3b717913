import os

import pytest

from attention_zoo.report.html import parts, write_whole


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_page_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch, step):
    path = tmp_path / "page.html"
    write_whole(path, "old")

    def full(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="no space"):
            write_whole(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
    write_whole(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("attention=soft,top_k=3,seed=0", ["attention=soft,", "top_k=3,", "seed=0"]),
        ("num_test_examples", ["num_", "test_", "examples"]),
        ("runs/my_run", ["runs/", "my_", "run"]),
        ("plain", ["plain"]),
        ("", []),
    ],
)
def test_a_name_breaks_after_what_joins_its_parts(name, expected):
    assert parts(name) == expected
