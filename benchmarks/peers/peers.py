"""The tools that are compared, by the names that ``--peers`` takes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MIRANTE", "PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool in one of its modes.

    Parameters
    ----------
    label : str
        Its name in the tables.
    adapter : str
        The module that calls it.
    mode : str
        Which of the adapter's modes.
    venv : str or None
        The environment that it runs in; None is the project's own.
    bar : float
        How many times as long as Mirante it must take on the batch.
    """

    label: str
    adapter: str
    mode: str = "default"
    venv: str | None = None
    bar: float = 0.0


MIRANTE = Peer("Mirante", "adapters.mirante_monitor")

PEERS = {
    "scipy": Peer("scipy loop", "adapters.scipy_loop", bar=8),
    "alibi-detect": Peer("alibi-detect", "adapters.alibi_detect_tabular", venv="alibi-detect", bar=12),
    "nannyml": Peer("NannyML", "adapters.nannyml_univariate", venv="nannyml", bar=55),
    "nannyml-ks": Peer("NannyML, KS", "adapters.nannyml_univariate", "ks", "nannyml", 6),
    "whylogs": Peer("whylogs", "adapters.whylogs_profiles", venv="whylogs", bar=110),
    "evidently": Peer("Evidently", "adapters.evidently_report", venv="evidently", bar=240),
    "evidently-ks": Peer("Evidently, KS", "adapters.evidently_report", "ks", "evidently", 120),
}
