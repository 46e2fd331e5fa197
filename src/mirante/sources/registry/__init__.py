"""MLflow's model registry as a source: its models, their versions and aliases, and what versions lack."""

from __future__ import annotations

from mirante.sources.registry.book import ModelBook
from mirante.sources.registry.config import RegistryConfig
from mirante.sources.registry.source import RegistrySource

__all__ = ["ModelBook", "RegistryConfig", "RegistrySource"]
