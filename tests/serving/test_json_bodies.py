"""TensorFlow Serving's JSON, in and out."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_zoo.serving.json_bodies import read_json, write_json
from attention_zoo.serving.request_error import RequestError

MOST_ROWS = 8


@pytest.fixture(scope="module")
def answer(kinds):
    """(request) -> what a server would answer."""

    def ask(request):
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        call = read_json(body, kinds, MOST_ROWS)
        return json.loads(write_json(call, call.signature(call.arrays)))

    return ask


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"instances": [[1, 2.5]]}, {"predictions": [[2.0, 5.0]]}),
        ({"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}, {"predictions": [[2.0, 4.0], [6.0, 8.0]]}),
        ({"inputs": [[1, 2]]}, {"outputs": [[2.0, 4.0]]}),
        ({"inputs": {"x": [[1, 2]]}, "signature_name": "double"}, {"outputs": [[2.0, 4.0]]}),
        (
            {"signature_name": "types", "instances": [{"i": [1, 2], "n": 255, "t": True}]},
            {"predictions": [{"i": [2, 3], "n": 255, "t": False}]},
        ),
        (
            {"signature_name": "types", "inputs": {"i": [[-1]], "n": [0], "t": [False]}},
            {"outputs": {"i": [[0]], "n": [0], "t": [True]}},
        ),
        (
            {"signature_name": "texts", "instances": ["é", b64(b"\xff\x00")]},
            {
                "predictions": [
                    {"text": "é", "text_bytes": b64("é".encode())},
                    {"text": b64(b"\xff\x00"), "text_bytes": b64(b"\xff\x00")},
                ]
            },
        ),
        ({"signature_name": "words", "inputs": ["a b", "c"]}, {"outputs": [["a", "b"], ["c", ""]]}),
        ({"signature_name": "total", "inputs": [1, 2]}, {"outputs": 3.0}),
    ],
)
def test_the_answer_has_the_shape_of_the_request(answer, request_, expected):
    assert answer(request_) == expected


def test_other_keys_are_ignored_as_tensorflow_serving_does(answer):
    more = {"id": "a", "parameters": {"instances": 3}, "outputs": None}
    assert answer({"instances": [[1, 2]]} | more) == {"predictions": [[2.0, 4.0]]}
    assert answer({"inputs": [[1, 2]]} | more) == {"outputs": [[2.0, 4.0]]}


@pytest.mark.parametrize(
    "text", ["/+8B", "/ +8\n\r\tB", " /+8B ", "/w==", "/w", "/w =  =", "/w..", "/+8=", "/+8.", ""]
)
def test_base64_is_read_as_tensorflow_serving_does(answer, text):
    """Blanks are skipped; padding is = or ., right or left out."""
    plain = "".join(text.split()).rstrip("=.")
    expected = base64.b64decode(plain + "=" * (-len(plain) % 4))
    request = {"signature_name": "texts", "inputs": [{"b64": text}]}
    assert answer(request)["outputs"]["text_bytes"] == [b64(expected)]


def test_the_numbers_of_a_classifier_are_its_own(classifier):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 3, 4)), np.array([[True, False, True], [True, True, True]])
    rows = [{"segments": a.tolist(), "mask": b.tolist()} for a, b in zip(x, mask, strict=True)]
    body = json.dumps({"signature_name": "explain", "instances": rows}).encode()
    call = read_json(body, classifier, MOST_ROWS)
    found = json.loads(write_json(call, call.signature(call.arrays)))["predictions"]
    expected = classifier.signatures["explain"]({"segments": np.float32(x), "mask": mask})
    for i, row in enumerate(found):
        assert set(row) == set(expected)
        for name, value in row.items():
            np.testing.assert_allclose(value, expected[name][i], atol=1e-6)


BAD = [
    (b"", "body is not JSON: Expecting value"),
    (b"{", "body is not JSON"),
    (b"\xff", "body is not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"instances": [' + b"1" * 5_000 + b"]}", "body is not JSON: Exceeds the limit"),
    ([], 'body is no object, expected one with "instances" or "inputs"'),
    ({}, "both or neither"),
    ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "both or neither"),
    ({"more": 1}, "both or neither"),
    ({"instances": []}, "no list or empty"),
    ({"instances": {"x": 1}}, "no list or empty"),
    ({"inputs": []}, r"x has shape \(0, 0\), expected \(b, 2\)"),
    ({"instances": [[1, 2]], "signature_name": "nowhere"}, "'nowhere', expected one of"),
    ({"instances": [[1, 2]], "signature_name": []}, r"signature_name is \[\], expected one of"),
    ({"instances": [{"y": [1, 2]}]}, r"inputs are \['y'\], expected \['x'\]"),
    ({"inputs": {"x": [[1, 2]], "y": 1}}, r"inputs are \['x', 'y'\], expected \['x'\]"),
    ({"instances": [1, 2]}, r"x has 1 axes, expected \(b, 2\)"),
    ({"instances": [[1, 2], 3]}, r"x has 1 axes, expected \(b, 2\)"),
    ({"instances": [[[1], [2]]]}, r"x has more axes, expected \(b, 2\)"),
    ({"instances": [[1, 2], [3]]}, "x has lists of 1 and 2 at axis 1, expected one length"),
    ({"instances": [[1, 2, 3]]}, r"x has shape \(1, 3\), expected \(b, 2\)"),
    ({"instances": [[1, "2"]]}, "x has values that are not numbers, expected float32"),
    ({"instances": [[1, None]]}, "x has values that are not numbers"),
    ({"instances": [[1, True]]}, "x has values that are not numbers"),
    ({"instances": [[1, {"b64": "AA=="}]]}, "x has values that are not numbers"),
    (b'{"instances": [[1, NaN]]}', "body has NaN, expected finite numbers"),
    (b'{"instances": [[1, -Infinity]]}', "body has -Infinity, expected finite"),
    (b'{"instances": [[1, 1e999]]}', "x has a number that is not finite"),
    (b'{"instances": [[1, 1e39]]}', "x has a number that is not finite, expected float32"),
    ({"instances": [[1, 10**400]]}, "x has a number out of range, expected float32"),
    (  # objects by name and plain values do not mix
        {"signature_name": "texts", "instances": ["é", b64(b"\xff\x00"), {"text": ""}]},
        r"inputs are \[\], expected \['text'\]",
    ),
    ({"instances": [1], "signature_name": "types"}, "inputs have no names, expected objects of"),
    (
        {"instances": [{"i": [1], "n": 256, "t": True}], "signature_name": "types"},
        "n has a number out of range, expected uint8",
    ),
    (
        {"instances": [{"i": [2**64, -1], "n": 1, "t": True}], "signature_name": "types"},
        "i has a number out of range, expected int32",
    ),
    (
        {"instances": [{"i": [1.0], "n": 1, "t": True}], "signature_name": "types"},
        "i has values that are not whole numbers, expected int32",
    ),
    (
        {"instances": [{"i": [1], "n": 1, "t": 1}], "signature_name": "types"},
        "t has values that are not true or false, expected bool",
    ),
    (
        {"instances": [{"i": [], "n": 1, "t": True}], "signature_name": "types"},
        r"i has shape \(1, 0\), expected \(b, \?\)",
    ),
    ({"instances": [3], "signature_name": "texts"}, "text has values that are not strings"),
    ({"instances": [{"b64": "?"}], "signature_name": "texts"}, "a string that is not valid"),
    ({"instances": [{"b64": "_-8="}], "signature_name": "texts"}, "a string that is not valid"),
    ({"instances": [{"b64": "AAAAA"}], "signature_name": "texts"}, "a string that is not valid"),
    ({"instances": [{"b64": "AA="}], "signature_name": "texts"}, "its padding is not that of"),
    ({"instances": [{"b64": "AAA=="}], "signature_name": "texts"}, "its padding is not that of"),
    ({"instances": [{"b64": "AA==AA=="}], "signature_name": "texts"}, "a string that is not"),
    ({"instances": [{"b64": "\u00e9AAA"}], "signature_name": "texts"}, "a string that is not"),
    ({"instances": [{"b64": 3}], "signature_name": "texts"}, "text has an object, expected a str"),
    (b'{"instances": ["\\ud800"], "signature_name": "texts"}', "a string that is not valid"),
    ({"instances": [1.0, 2.0], "signature_name": "total"}, r'total has shape .* expected "inputs"'),
]


@pytest.mark.parametrize(("body", "reason"), BAD)
def test_a_bad_body_is_refused_with_the_reason(answer, body, reason):
    with pytest.raises(RequestError, match=reason) as refused:
        answer(body)
    assert refused.value.status == 400
    assert "\n" not in str(refused.value)


def test_a_reason_is_short_whatever_came_in(answer):
    with pytest.raises(RequestError) as refused:
        answer({"instances": [{"x" * 100_000: 1}]})
    assert len(str(refused.value)) <= 400


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
NAMES = st.sampled_from(["x", "i", "n", "t", "text", "b64", "instances"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(
    key=st.sampled_from(["instances", "inputs"]),
    name=st.sampled_from(["double", "types", "texts"]),
    value=VALUES,
)
def test_any_json_is_a_call_or_refused(kinds, key, name, value):
    body = json.dumps({key: value, "signature_name": name}).encode()
    try:
        call = read_json(body, kinds, MOST_ROWS)
    except RequestError:
        return
    for name, spec in call.signature.inputs.items():
        array = call.arrays[name]
        assert spec.shape.is_compatible_with(array.shape)
        assert array.dtype == spec.dtype.as_numpy_dtype


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_too_many_rows_are_refused_before_they_are_looked_at(answer, key):
    with pytest.raises(RequestError, match="there are 9 instances, expected 8 or fewer") as refused:
        answer({key: [["no number", []]] * 9})
    assert refused.value.status == 413
