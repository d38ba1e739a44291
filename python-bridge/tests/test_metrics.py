"""What `/metrics` says, to the last window: a scraper computes rates from differences."""

from __future__ import annotations

from earmark_bridge.metrics import Metrics


def test_a_counter_moves_by_one_however_far_it_has_come() -> None:
    metrics = Metrics()
    metrics.connections_total = 12_345_678
    before = _value(metrics, "connections_total")
    metrics.connections_total += 1
    assert _value(metrics, "connections_total") - before == 1


def test_a_sum_of_seconds_moves_by_a_millisecond_after_days() -> None:
    metrics = Metrics()
    metrics.ran("fixture", 1, 300_000.0)
    before = _value(metrics, 'inference_seconds_sum{model="fixture"}')
    metrics.ran("fixture", 1, 0.001)
    assert abs(_value(metrics, 'inference_seconds_sum{model="fixture"}') - before - 0.001) < 1e-6


def _value(metrics: Metrics, name: str) -> float:
    (line,) = (line for line in metrics.text({}).splitlines() if line.startswith(f"earmark_{name} "))
    return float(line.rsplit(" ", 1)[1])
