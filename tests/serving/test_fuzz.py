"""Malformed bodies by the hundred: each is refused with a reason, and the server lives on."""

import runpy
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "serving_bodies.py"


def test_malformed_bodies_are_refused(classifier_without_mask, serve):
    malformed = runpy.run_path(str(SCRIPT))["malformed"]
    limits = {"max_batch": 8, "max_body_bytes": 2**16}
    with serve(classifier_without_mask, **limits) as client:
        for body in malformed(440, (3, 4), 8, 2**16):
            status, _, answer = client(
                "POST", "/v1/models/model:predict", body.data, body.content_type, **body.headers
            )
            if not (body.may_pass and status == 200):
                assert status in (400, 413, 415), (body, status, answer)
                assert answer.keys() == {"error"} and answer["error"]
        assert client.predict({"instances": np.zeros((2, 3, 4)).tolist()})[0] == 200
