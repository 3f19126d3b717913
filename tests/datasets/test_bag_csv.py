"""Bags from the field's CSV, a row an instance."""

import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets.bags import csv_file

ROWS = "1,a,0.5,1\n1,a,0.25,2\n0,b,3,4\n0,c,5,6\n0,b,7,8\n"


def test_rows_of_a_bag_are_found_wherever_they_stand(tmp_path):
    numbered = f"label,bag,0,1\n{ROWS}"  # as pandas names columns without names
    counted = f"bag_label,bag_id,1,2\n{ROWS}", f"y,patient,0,1\n{ROWS}"
    named = f"label,bag,f1,f2\n{ROWS}", f"class,f1,f2,f3\n{ROWS}"
    for text in (ROWS, numbered, *counted, *named):
        (tmp_path / "bags.csv").write_text(text)
        _, info = datasets.load("bags/csv", data_dir=str(tmp_path / "bags.csv"))
        assert info.source.names == ("a", "b", "c") and info.class_names == ("0", "1")
        assert info.source.labels.tolist() == [1, 0, 0]
        np.testing.assert_array_equal(info.source.read(1), [[3, 4], [7, 8]])
        assert datasets.load("bags/csv", "train[:1]", data_dir=str(tmp_path / "bags.csv"))[
            1
        ].source.names == ("a",)


@pytest.mark.parametrize("first", [0, 1])
def test_a_first_line_that_counts_all_columns_is_one_of_names(first, tmp_path):
    """As pandas names the columns of an array; without that line the bags are the same."""
    path = tmp_path / "bags.csv"
    rows = "1,a,0.5,1,2\n1,a,0.25,2,2\n0,b,3,4,2\n"
    counted = ",".join(map(str, range(first, first + 5)))
    found = []
    for text in (rows, f"{counted}\n{rows}"):
        path.write_text(text)
        found.append(csv_file.load(data_dir=str(path)))
    plain, named = found
    assert named.source.names == ("a", "b") and named.class_names == ("0", "1")
    assert named.source.fingerprint() == plain.source.fingerprint()


def test_four_columns_that_count_are_a_row(tmp_path):
    """Such as label 0, bag 1 and two features."""
    path = tmp_path / "bags.csv"
    path.write_text("0,1,2,3\n1,2,5,6\n")
    assert csv_file.load(data_dir=str(path)).source.names == ("1", "2")


def test_a_first_row_that_counts_is_a_row_where_its_label_comes_again(tmp_path):
    path = tmp_path / "bags.csv"
    path.write_text("tumour,s1,0,1\nhealthy,s2,1,0\ntumour,s3,1,1\n")
    _, info = datasets.load("bags/csv", data_dir=str(path))
    assert info.source.names == ("s1", "s2", "s3")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,d", "line 6 has 2 cells, expected label,bag,features"),
        (",d,1,2", "line 6 has no label"),
        ("1,d,1,1e300", "line 6 has NaN or infinity"),
        ("nan,d,1,2", "line 6 has no label"),
        ("1,,1,2", "line 6 has no bag"),
        ("1,d,1", "line 6 has 1 features, expected 2"),
        ("1,d,1,x", "line 6 has a feature that is no number"),
        ("1,d,1,nan", "line 6 has NaN or infinity"),
        ("NA,d,1,2", "line 6 has no label"),
        ("1,<NA>,1,2", "line 6 has no bag"),
        ("1,b,1,2", "line 6 has the label '1', expected '0', that of bag b before"),
    ],
)
def test_a_bad_row_is_named_with_its_line(row, message, tmp_path):
    (tmp_path / "bags.csv").write_text(ROWS + row + "\n")
    with pytest.raises(ValueError, match=message) as error:
        csv_file.load(data_dir=str(tmp_path / "bags.csv"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["NA,NA", ",", "<NA>,1", "nan,nan"])
def test_a_row_with_missing_features_is_an_error_in_the_first_line_too(missing, tmp_path):
    path, messages = tmp_path / "bags.csv", []
    for text in (f"1,d,{missing}\n{ROWS}", f"{ROWS}1,d,{missing}\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="line [16] has .*, expected") as error:
            csv_file.load(data_dir=str(path))
        messages.append(str(error.value).replace("line 6", "line 1"))
    assert messages[0] == messages[1]


def test_a_file_of_no_bags_or_one_class_or_none_at_all(tmp_path):
    path = tmp_path / "bags.csv"
    with pytest.raises(FileNotFoundError, match="expected a CSV file of bags"):
        csv_file.load(data_dir=str(path))
    path.write_text("")
    with pytest.raises(ValueError, match="has 0 instances"):
        csv_file.load(data_dir=str(path))
    path.write_text("1,a,0.5,1\n1.0,b,0.5,1\n")  # one class, in two writings
    with pytest.raises(ValueError, match="the labels are all '1', expected 2 classes"):
        csv_file.load(data_dir=str(path))


@pytest.mark.parametrize(
    ("name", "bags", "positive", "instances", "width"),
    [("musk1", 92, 47, 476, 166), ("elephant", 200, 100, 1391, 230)],
)
def test_the_benchmarks_of_the_field(name, bags, positive, instances, width, shared_dir):
    info = csv_file.load(data_dir=str(shared_dir / "data" / "bags" / f"{name}.csv"))
    assert (info.num_examples, info.source.labels.sum()) == (bags, positive)
    assert info.source.lengths.sum() == instances and info.segment_shape == (width,)
