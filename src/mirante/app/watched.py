"""Which series of a model's subject somebody still writes, and why the others are over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mirante.i18n import translator
from mirante.readings import SLICE

if TYPE_CHECKING:
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.model import ModelMonitor

__all__ = ["Watched"]

_LIMITS = {
    "out_of_range_ratio": "out_of_range",
    "out_of_range_detected": "out_of_range",
    "new_category_detected": "new_category",
    "duplicate_ratio": "duplicates",
    "duplicates_detected": "duplicates",
    "row_count_detected": "row_count",
    "freshness_detected": "freshness",
}
_OF_CLIENTS = "signature_violations_total"  # its columns are what clients send, not what the baseline has


class Watched:
    """What is watched of one alias at one moment.

    Parameters
    ----------
    config : ModelConfig
        The model and the alias.
    version : str
        Where the alias points to.
    monitor : ModelMonitor or None
        Of that version; None while it has no baseline.
    former : sequence of ModelMonitor
        Of versions that the alias left and that are not finished.
    locale : str
        Of the reasons.

    Examples
    --------
    >>> from mirante.monitors.config import ModelConfig
    >>> watched = Watched(ModelConfig(model="churn"), "2", None, [])
    >>> watched.why_over("drift_ks", {"model": "churn", "alias": "champion", "version": "1"})
    'version 1 is no longer watched: champion points to version 2'
    >>> watched.why_over("alias_version", {"model": "churn", "alias": "champion"})
    ''
    """

    def __init__(
        self,
        config: ModelConfig,
        version: str,
        monitor: ModelMonitor | None,
        former: Sequence[ModelMonitor],
        locale: str = "en",
    ) -> None:
        self._alias, self._version, self._locale = config.alias, version, locale
        self._columns = None if monitor is None else frozenset(monitor.baseline.profile.columns)
        self._estimated = monitor is None or monitor.baseline.estimator is not None
        self._slices = None if monitor is None else frozenset(monitor.slice_labels)
        self._metrics = frozenset(one.name for one in config.metrics)
        self._limits = frozenset(config.limits)
        self._over = {one.version: one.windows_over for one in former}

    @property
    def signature(self) -> object:
        """Equal as long as the same series are watched."""
        declared = self._slices, self._metrics, self._limits
        return self._version, self._columns, self._estimated, declared, tuple(sorted(self._over.items()))

    def why_over(self, name: str, labels: Mapping[str, str]) -> str:
        """Return why nobody writes a series any more; empty where somebody does.

        Parameters
        ----------
        name : str
            Of its readings.
        labels : mapping of str to str
            Its labels; a series without ``version`` is the alias's own.
        """
        _ = translator(self._locale)
        version = labels.get("version", self._version)
        if version != self._version:
            over = self._over.get(version)
            if over is False or (over and name.startswith("performance_")):
                return ""
            return _(
                "version %(version)s is no longer watched: %(alias)s points to version %(new)s",
                version=version,
                alias=self._alias,
                new=self._version,
            )
        feature = labels.get("feature")
        lost = self._columns is not None and feature is not None and feature not in self._columns
        if lost and name != _OF_CLIENTS:
            return _("the column is no longer watched: the baseline of version %(version)s has none of this "
                     "name", version=version)  # fmt: skip
        if not self._estimated and name.startswith("estimated_"):
            return _("performance is no longer estimated: the baseline of version %(version)s has no labels",
                     version=version)  # fmt: skip
        return self._why_undeclared(name, labels)

    def _why_undeclared(self, name: str, labels: Mapping[str, str]) -> str:
        """Say of a series of the version why the config does not ask for it; empty where it does."""
        _ = translator(self._locale)
        if self._slices is not None and labels.get(SLICE, "") not in {"", *self._slices}:
            return _("the slice is no longer judged: the config or the baseline no longer has it")
        if "metric" in labels and labels["metric"] not in self._metrics:
            return _("the metric is no longer computed: the config no longer has it")
        if _LIMITS.get(name, "") not in {"", *self._limits}:
            return _("the limit is no longer judged: the config no longer has it under limits")
        return ""
