from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT = """
import ctypes, sys, threading
from mirante.app.heaps import bound_heaps

bounded = bound_heaps() if sys.argv[1] == "bound" else None
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
together = threading.Barrier(6)


def allocate():
    taken = [libc.malloc(3000) for _ in range(100)]
    together.wait()
    for one in taken:
        libc.free(one)


threads = [threading.Thread(target=allocate) for _ in range(6)]
[one.start() for one in threads]
[one.join() for one in threads]
libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
file = libc.fopen(b"/dev/stdout", b"w")
print(bounded, flush=True)
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(how: str, environ: dict[str, str] | None = None) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True, env=environ
    )
    said, _, told = done.stdout.partition("\n")
    return said, told.count("<heap nr=")


POOL = """
import sys
if sys.argv[1] == "before":
    import pyarrow
from mirante.app.heaps import bound_heaps

bound_heaps()
import pyarrow

print(pyarrow.default_memory_pool().backend_name)
"""


def pool(loaded: str, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", POOL, loaded], capture_output=True, text=True, check=True, env=environ
    )
    return done.stdout.strip()


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")


@glibc
def test_threads_share_two_heaps() -> None:
    assert heaps("free")[1] > 2, "else this test shows nothing"
    assert heaps("bound") == ("True", 2)


@glibc
def test_what_the_environment_says_holds() -> None:
    assert heaps("bound", {"MALLOC_ARENA_MAX": "4"}) == ("True", 4)


@glibc
@pytest.mark.parametrize("loaded", ["before", "after"])
def test_arrow_takes_its_memory_from_the_same(loaded: str) -> None:
    assert pool(loaded) == "system"


@glibc
def test_another_pool_of_arrow_may_be_chosen() -> None:
    assert pool("after", {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}) == "mimalloc"
