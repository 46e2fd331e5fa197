"""Tables on Spark: workers count their parts at a baseline's edges, and the parts are added up."""

from __future__ import annotations

from mirante.sources.spark.files import SparkFiles
from mirante.sources.spark.frames import SparkFrame
from mirante.sources.spark.jobs import Cutting, profile_table

__all__ = ["Cutting", "SparkFiles", "SparkFrame", "profile_table"]
