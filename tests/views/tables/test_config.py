from datetime import timedelta

import pytest
from pydantic import ValidationError

from mirante.views.tables.config import TablesConfig


def test_a_folder_is_needed_and_the_interval_is_not():
    assert TablesConfig(folder="t", interval="15m").interval == timedelta(minutes=15)
    for wrong in ({}, {"folder": "t", "interval": "0s"}, {"folder": "t", "every": "1h"}):
        with pytest.raises(ValidationError):
            TablesConfig(**wrong)
