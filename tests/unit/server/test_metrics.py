"""The text that Prometheus reads."""

from __future__ import annotations

import re

from metaflow.server.metrics import Metrics


def test_what_is_counted_is_in_the_text():
    metrics = Metrics()
    for seconds in (0.0004, 0.03, 99):
        metrics.count_request("GET", "/a", 200, seconds)
    metrics.count_request("GET", 'we"ird\n', 404, 0.1)
    metrics.count("events_total", "Events.", 3)
    metrics.count("events_total", "Events.")
    metrics.gauge("listeners", "Listeners.", lambda: 7)
    text = metrics.text()
    assert 'metaflow_http_requests_total{method="GET",route="/a",status="200"} 3\n' in text
    assert 'route="we\\"ird\\n"' in text
    buckets = re.findall(r'_bucket\{route="/a",le="([^"]*)"\} (\d+)', text)
    assert buckets[0] == ("0.001", "1")
    assert dict(buckets)["0.05"] == "2"
    assert buckets[-1] == ("+Inf", "3")
    assert 'metaflow_http_request_seconds_sum{route="/a"} 99.0304' in text
    assert 'metaflow_http_request_seconds_count{route="/a"} 3' in text
    assert "# TYPE events_total counter\nevents_total 4\n" in text
    assert "# TYPE listeners gauge\nlisteners 7\n" in text
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{.*\})? \S+", line), line
