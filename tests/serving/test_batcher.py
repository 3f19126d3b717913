"""Joined requests: fewer calls of the model, the same answers, no harm from neighbours."""

import asyncio
import weakref

import numpy as np
import pytest

from attention_zoo.serving.batcher import Batcher
from attention_zoo.serving.limits import Limits
from attention_zoo.serving.request_error import RequestError

ROWS = [1, 3, 2, 4, 1, 1, 3]


class Counted:
    """A signature that notes the rows of every call."""

    def __init__(self, signature):
        self.signature, self.rows = signature, []
        self.name, self.inputs = signature.name, signature.inputs
        self.joins, self.has_texts = signature.joins, signature.has_texts

    def __call__(self, arrays):
        self.rows.append(len(next(iter(arrays.values()))))
        return self.signature(arrays)


def answers(calls, **limits):
    """Outputs or exceptions of (signature, arrays) given at once."""

    async def run():
        batcher = Batcher(Limits(**({"max_batch": 8} | limits)))
        worker = asyncio.create_task(batcher.work())
        found = await asyncio.gather(*(batcher(*call) for call in calls), return_exceptions=True)
        worker.cancel()
        batcher.close()
        return found

    return asyncio.run(run())


@pytest.fixture
def requests():
    """Segments and masks of several sizes."""
    rng = np.random.default_rng(0)
    return [
        {
            "segments": rng.normal(size=(n, 3, 4)).astype("float32"),
            "mask": rng.random((n, 3)) < 0.7,
        }
        for n in ROWS
    ]


@pytest.mark.parametrize("name", ["serving_default", "explain"])
def test_joined_answers_are_those_of_each_alone(classifier, requests, name):
    signature = Counted(classifier.signatures[name])
    found = answers([(signature, arrays) for arrays in requests])
    assert len(signature.rows) < len(ROWS) and max(signature.rows) <= 8
    assert sum(signature.rows) == sum(ROWS)
    for outputs, arrays in zip(found, requests):
        expected = classifier.signatures[name](arrays)
        assert outputs.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(outputs[key], value, atol=1e-6)


def test_only_one_signature_and_one_shape_are_joined(kinds):
    types, double = Counted(kinds.signatures["types"]), Counted(kinds.signatures["double"])

    def typed(m):
        return {"i": np.ones((2, m), "int32"), "n": np.ones(2, "uint8"), "t": np.ones(2, bool)}

    calls = [(types, typed(1)), (double, {"x": np.ones((2, 2), "float32")})]
    calls += [(types, typed(2)), (double, {"x": np.ones((1, 2), "float32")}), (types, typed(1))]
    found = answers(calls)
    assert [found[i]["i"].shape for i in (0, 2, 4)] == [(2, 1), (2, 2), (2, 1)]
    assert double.rows == [3] and sorted(types.rows) == [2, 4]


def test_outputs_as_wide_as_their_longest_row_are_not_joined(kinds):
    words = Counted(kinds.signatures["words"])
    texts = [np.array([b"a b c"], object), np.array([b"a", b"b c"], object)]
    found = answers([(words, {"text": text}) for text in texts])
    assert [outputs["words"].shape for outputs in found] == [(1, 3), (2, 2)]
    assert sorted(words.rows) == [1, 2]


def test_a_request_that_the_model_refuses_spoils_no_other(kinds):
    picky = Counted(kinds.signatures["picky"])
    inputs = [np.float32([4.0]), np.float32([-1.0]), np.float32([9.0, 16.0])]
    good, bad, other = answers([(picky, {"x": x}) for x in inputs], max_wait_ms=50.0)
    assert picky.rows[0] == 4  # all three at first
    assert good["root"].tolist() == [2.0] and other["root"].tolist() == [3.0, 4.0]
    assert isinstance(bad, RequestError) and bad.status == 400
    assert "the model refuses the inputs" in str(bad) and "x is negative" in str(bad)


def test_a_request_larger_than_a_batch_runs_alone(kinds):
    double = Counted(kinds.signatures["double"])
    found = answers([(double, {"x": np.ones((n, 2), "float32")}) for n in (9, 1, 2)], max_batch=3)
    assert [len(outputs["y"]) for outputs in found] == [9, 1, 2]
    assert double.rows == [9, 3]


def test_a_failure_of_the_model_does_not_end_the_thread(kinds):
    double = kinds.signatures["double"]
    broken = Counted(double)
    broken.signature = lambda arrays: 1 / 0
    calls = [
        (broken, {"x": np.ones((1, 2), "float32")}),
        (kinds.signatures["picky"], {"x": np.float32([1.0])}),
    ]
    failed, fine = answers(calls)
    assert isinstance(failed, ZeroDivisionError)
    assert fine["root"].tolist() == [1.0]


def test_a_request_waits_for_others_no_longer_than_allowed(kinds):
    double = Counted(kinds.signatures["double"])
    one = {"x": np.ones((1, 2), "float32")}

    async def run():
        batcher = Batcher(Limits(max_batch=3, max_wait_ms=1000.0))
        worker = asyncio.create_task(batcher.work())
        first = asyncio.create_task(batcher(double, one))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, batcher(double, one))
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(batcher(double, one) for _ in range(3)))  # full: no wait
        took = asyncio.get_running_loop().time() - began
        worker.cancel()
        batcher.close()
        return took

    assert asyncio.run(run()) < 1.0
    assert double.rows == [2, 3]


def test_what_nobody_waits_for_is_not_run(kinds):
    double = Counted(kinds.signatures["double"])
    one = {"x": np.ones((1, 2), "float32")}

    async def run():
        batcher = Batcher(Limits())
        left = asyncio.create_task(batcher(double, one))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        worker = asyncio.create_task(batcher.work())
        await batcher(double, {"x": np.ones((2, 2), "float32")})
        worker.cancel()
        batcher.close()

    asyncio.run(run())
    assert double.rows == [2]


def test_what_is_joined_has_no_more_bytes_than_allowed(kinds):
    double = Counted(kinds.signatures["double"])
    x = np.ones((2, 2), "float32")  # 16 bytes
    found = answers([(double, {"x": x})] * 7, max_batch=64, max_body_bytes=48)
    assert double.rows == [6, 6, 2]
    assert all((outputs["y"] == 2.0).all() for outputs in found)


def test_joined_texts_have_no_more_bytes_than_allowed_when_padded(kinds):
    texts = Counted(kinds.signatures["texts"])
    words = [b"a" * 30, b"b", b"c", b"d" * 3, b"e" * 3, b"f" * 40]
    calls = [(texts, {"text": np.array([word], object)}) for word in words]
    found = answers(calls, max_text_bytes=60)
    assert texts.rows == [2, 3, 1]
    assert [outputs["text"].tolist() for outputs in found] == [[word] for word in words]


def test_a_full_lane_does_not_wait_behind_one_that_is_not(kinds):
    double, picky = kinds.signatures["double"], kinds.signatures["picky"]

    async def run():
        batcher = Batcher(Limits(max_batch=2, max_wait_ms=1000.0))
        worker = asyncio.create_task(batcher.work())
        began = asyncio.get_running_loop().time()
        alone = asyncio.create_task(batcher(double, {"x": np.ones((1, 2), "float32")}))
        await asyncio.sleep(0)
        await batcher(picky, {"x": np.float32([1.0, 4.0])})
        took = asyncio.get_running_loop().time() - began
        assert not alone.done()
        await alone
        waited = asyncio.get_running_loop().time() - began
        worker.cancel()
        batcher.close()
        return took, waited

    took, waited = asyncio.run(run())
    assert took < 0.9 and waited >= 1.0


def test_what_is_given_up_is_kept_no_longer(kinds):
    """While the model is busy: its arrays are freed, and its rows fill no batch."""
    double, slow = Counted(kinds.signatures["double"]), kinds.signatures["slow"]

    async def run():
        batcher = Batcher(Limits(max_batch=2, max_wait_ms=300.0))
        worker = asyncio.create_task(batcher.work())
        busy = asyncio.create_task(batcher(slow, {"milliseconds": np.int32([200, 0])}))
        await asyncio.sleep(0.05)
        x = np.ones((1, 2), "float32")
        freed = weakref.ref(x)
        given_up = asyncio.create_task(batcher(double, {"x": x}))
        del x
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        del given_up
        is_free = freed() is None
        others = [batcher(double, {"x": np.ones((1, 2), "float32")}) for _ in range(2)]
        await asyncio.gather(busy, *others)
        worker.cancel()
        batcher.close()
        return is_free

    assert asyncio.run(run())
    assert double.rows == [2]
