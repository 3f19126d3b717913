"""What a server tells supervisors and Prometheus."""

import concurrent.futures
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from attention_zoo.serving.batcher import Batcher

PREDICT = "/v1/models/model:predict"


@pytest.mark.parametrize("path", ["/healthz", "/healthz/live", "/healthz/ready"])
def test_a_server_at_rest_is_live_and_ready(client, path):
    assert client("GET", path)[::2] == (200, {"status": "ok"})


def test_a_server_with_a_full_queue_is_live_and_not_ready(kinds, serve):
    slow = {"signature_name": "slow", "instances": [1000]}
    with serve(kinds, max_queue=1) as client, concurrent.futures.ThreadPoolExecutor() as threads:
        taken = threads.submit(client.predict, slow)
        time.sleep(0.4)
        status, _, answer = client("GET", "/healthz/ready")
        assert status == 503 and answer["error"].startswith("1 requests are in hand")
        assert client("GET", "/healthz/live")[0] == client("GET", "/healthz")[0] == 200
        assert taken.result()[0] == 200
        assert client("GET", "/healthz/ready")[0] == 200


def test_a_server_whose_model_computes_for_too_long_is_not_ready(kinds, serve):
    slow = {"signature_name": "slow", "instances": [1500]}
    with serve(kinds, timeout_seconds=0.3) as client:
        assert client.predict(slow)[0] == 504
        time.sleep(0.2)
        status, _, answer = client("GET", "/healthz/ready")
        assert status == 503 and answer["error"].startswith("the model computes for ")
        assert client("GET", "/healthz/live")[0] == 200


def test_a_server_that_can_compute_no_more_is_not_live(kinds, serve, monkeypatch, caplog):
    async def work(batcher):
        raise RuntimeError("the end")

    monkeypatch.setattr(Batcher, "work", work)
    with serve(kinds) as client:
        for path in ("/healthz/live", "/healthz/ready"):
            status, _, answer = client("GET", path)
            assert (status, answer) == (503, {"error": "the batches have ended, see the log"})
        assert client("GET", "/healthz")[0] == 200
    assert "RuntimeError: the end" in caplog.text


def test_what_is_served_is_counted_for_prometheus(kinds, serve):
    with serve(kinds) as client:
        for request in ({"instances": [[1, 2], [3, 4]]}, {}, {"instances": [[1, 2]]}):
            client.predict(request)
        status, headers, data = client("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=")
    families = {one.name: one for one in text_string_to_metric_families(data.decode())}
    samples = {
        (one.name, *one.labels.values()): one.value
        for name in families
        for one in families[name].samples
    }
    assert samples["attention_zoo_requests_total", "200"] == 2
    assert samples["attention_zoo_requests_total", "400"] == 1
    assert samples["attention_zoo_request_seconds_count",] == 3
    assert samples["attention_zoo_batch_rows_count",] == 2
    assert samples["attention_zoo_batch_rows_sum",] == 3
    assert samples["attention_zoo_requests_in_hand",] == samples["attention_zoo_uploads",] == 0
    assert 1 <= samples["attention_zoo_connections",] <= 4
