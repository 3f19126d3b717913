import pytest

from attention_zoo.datasets.text.annotated_post import AnnotatedPost, check_annotators

TOXIC, RUDE, FINE = "hatespeech", "offensive", "normal"


def post(labels, rationales):
    tokens = ("sun", "thunder", "tea", "road")
    return AnnotatedPost("1", tokens, tuple(labels), tuple(rationales), ((),) * len(labels))


@pytest.mark.parametrize(
    ("labels", "majority", "first"),
    [
        ([TOXIC, TOXIC, RUDE], TOXIC, TOXIC),
        ([FINE, RUDE, RUDE], RUDE, FINE),
        ([FINE, RUDE, TOXIC], None, FINE),
        ([FINE, RUDE], None, FINE),
        ([RUDE, RUDE], RUDE, RUDE),
        ([TOXIC], TOXIC, TOXIC),
    ],
)
def test_labels(labels, majority, first):
    one = post(labels, [None] * len(labels))
    assert one.label() == one.label("union") == majority
    assert one.label("first") == first


@pytest.mark.parametrize(
    ("rationales", "majority", "union", "first"),
    [
        ([(0, 1, 0, 0), (0, 1, 1, 0), (1, 0, 1, 0)], (0, 1, 1, 0), (1, 1, 1, 0), (0, 1, 0, 0)),
        ([(0, 1, 0, 0), None, (0, 1, 1, 0)], (0, 1, 1, 0), (0, 1, 1, 0), (0, 1, 0, 0)),
        ([None, None, (0, 0, 0, 1)], (0, 0, 0, 1), (0, 0, 0, 1), None),
        ([None, None, None], None, None, None),
    ],
)
def test_rationales(rationales, majority, union, first):
    one = post([TOXIC] * 3, rationales)
    found = [one.rationale(annotators) for annotators in ("majority", "union", "first")]
    assert found == [majority, union, first]


def test_a_normal_post_has_no_rationale():
    one = post([FINE, FINE, RUDE], [None, None, (0, 1, 0, 0)])
    assert one.rationale() is None and one.rationale("union") is None
    assert one.rationale("first") is None


def test_no_text_is_shown():
    assert "thunder" not in repr(post([TOXIC], [(0, 1, 0, 0)]))


def test_unknown_way_to_sum_up():
    with pytest.raises(ValueError, match=r"^annotators is 'last', expected one of \['majority'"):
        check_annotators("last")
