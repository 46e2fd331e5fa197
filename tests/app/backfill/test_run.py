from datetime import timedelta

import pytest

from .conftest import DAY, START

pytestmark = pytest.mark.server


def test_smoke(world):
    world.record(*range(40))
    world.record(*range(40, 60), shift=8.0)
    world.label(*range(50))
    seen = []
    done = world.run(0, 60, progress=lambda a, b: seen.append((a, b)))
    print(done.to_dict())
    print(seen[-3:])
    assert done.windows == 60
    again = world.run(0, 60)
    print(again.to_dict())
    assert 0
