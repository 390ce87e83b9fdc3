"""What a process measures of itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

rpc_seconds = Histogram(
    "malha_rpc_seconds", "Time to answer an RPC.", ["method", "code"], buckets=_FAST
)
bus_seconds = Histogram(
    "malha_bus_seconds",
    "Time to handle a bus message, by what became of it: ack, retry, dead.",
    ["handler", "outcome"],
    buckets=_FAST,
)
bus_lag_seconds = Histogram(
    "malha_bus_lag_seconds",
    "Time from a message's storing in the stream to its handling.",
    ["handler"],
    buckets=_FAST,
)
dead_letters = Counter(
    "malha_dead_letters_total", "Messages parked among the dead letters.", ["handler"]
)
outbox_published = Counter("malha_outbox_published_total", "Outbox rows published.", ["stream"])
outbox_failures = Counter("malha_outbox_failures_total", "Times the relay could not publish.")
timers_fired = Counter("malha_timers_fired_total", "Durable timers that came due.", ["kind"])
cache_reads = Counter("malha_cache_reads_total", "Cache reads.", ["outcome"])
pool_connections = Gauge("malha_db_pool_connections", "Database connections, by state.", ["state"])
