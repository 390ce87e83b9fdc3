"""What this service measures of itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

messages_received = Counter(
    "malha_messages_received_total", "Messages stored, by whether they trigger.", ["triggers"]
)
turns_opened = Counter("malha_turns_opened_total", "Turns opened, by why.", ["flush_reason"])
turns_superseded = Counter(
    "malha_turns_superseded_total", "Attempts that a later message made start again."
)
turns_ended = Counter("malha_turns_ended_total", "Turns that ended, by how.", ["status"])
buffers_recovered = Counter(
    "malha_buffers_recovered_total", "Buffers that the durable timer handed on, not Valkey's."
)
buffer_seconds = Histogram(
    "malha_buffer_seconds",
    "Time from a buffer's first message until it was handed on.",
    buckets=(0.5, 1, 2, 3, 4, 6, 9, 12, 15, 20, 30, 60, 300),
)
flush_lag_seconds = Histogram(
    "malha_flush_lag_seconds",
    "Time by which a buffer was handed on late.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
