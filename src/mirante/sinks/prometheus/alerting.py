"""How alerts and notices stand, as metrics: a monitor of the monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirante.store import AlertRow

__all__ = ["Alerting"]


class Alerting(Collector):
    """Open alerts by rule, and notices by channel and outcome.

    Parameters
    ----------
    alerts : sequence of AlertRow
        The pending and the firing ones.
    notices : sequence of (str, str, int, int)
        Channel, status, how many, and how many tries they took.

    Examples
    --------
    >>> (notices, tries) = Alerting([], [("chat", "delivered", 3, 4)]).collect()
    >>> notices.samples[0].labels, notices.samples[0].value, tries.samples[0].value
    ({'channel': 'chat', 'outcome': 'delivered'}, 3.0, 4.0)
    """

    def __init__(self, alerts: Sequence[AlertRow], notices: Sequence[tuple[str, str, int, int]]) -> None:
        self._alerts, self._notices = alerts, notices

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each kind of count that is not empty."""
        if self._alerts:
            yield self._open_alerts()
        if self._notices:
            yield from self._sent()
        owed = self._owed()
        if owed.samples:
            yield owed

    def _open_alerts(self) -> Metric:
        family = GaugeMetricFamily(
            "mirante_alerts", "Alerts that are pending or firing", labels=["rule", "severity", "state"]
        )
        counts = Counter((alert.rule, alert.severity, alert.state) for alert in self._alerts)
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        return family

    def _sent(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "mirante_notifications", "Notices that were delivered or given up", labels=["channel", "outcome"]
        )
        tries: Counter[str] = Counter()
        for channel, status, count, attempts in self._notices:
            tries[channel] += attempts
            if status in ("delivered", "dead"):
                ended.add_metric([channel, status], float(count))
        attempted = CounterMetricFamily(
            "mirante_notification_attempts", "Tries to deliver a notice", labels=["channel"]
        )
        for channel, attempts in sorted(tries.items()):
            attempted.add_metric([channel], float(attempts))
        yield ended
        yield attempted

    def _owed(self) -> Metric:
        family = GaugeMetricFamily("mirante_notices_owed", "Notices that wait to leave", labels=["channel"])
        owed: Counter[str] = Counter()
        for channel, status, count, _attempts in self._notices:
            if status in ("owed", "sending"):
                owed[channel] += count
        for channel, count in sorted(owed.items()):
            family.add_metric([channel], count)
        return family
