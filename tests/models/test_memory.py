"""The memory of freed tensors."""

import subprocess
import sys

import pytest


def test_freed_memory_is_reused() -> None:
    code = """
import resource, torch
from darkroom.models.memory import keep_freed_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(20_000_000, dtype=torch.uint8)  # 4,883 pages, if they are of the usual size
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(new_pages(), keep_freed_memory(), new_pages(), new_pages())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, kept, _, after = done.stdout.split()
    if kept == "False":
        pytest.skip("not glibc: memory is left as it is")
    assert int(after) < int(before) / 10
