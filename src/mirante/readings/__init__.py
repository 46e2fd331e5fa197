"""The reading: one number with a name, a time and labels; and the table of all names."""

from mirante.readings.kinds import READINGS, ReadingKind, label_names, unit_of
from mirante.readings.reading import (
    SLICE,
    SOURCE_UP,
    Reading,
    Sink,
    Source,
    is_provisional,
    model_subject,
    source_of,
    split_subject,
    subject_of,
)

__all__ = [
    "READINGS",
    "SLICE",
    "SOURCE_UP",
    "Reading",
    "ReadingKind",
    "Sink",
    "Source",
    "is_provisional",
    "label_names",
    "model_subject",
    "source_of",
    "split_subject",
    "subject_of",
    "unit_of",
]
