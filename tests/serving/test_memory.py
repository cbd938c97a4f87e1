"""The memory that uploads may hold."""

import pytest

from darkroom.serving.errors import RequestError
from darkroom.serving.memory import UploadMemory


def test_uploads_share_one_limit_and_release_their_part() -> None:
    memory = UploadMemory(100)
    with memory.request() as one, memory.request() as two:
        one.take(60)
        two.take(40)
        with pytest.raises(RequestError) as refused:
            two.take(1)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
    assert memory.held == 0
    with memory.request() as three:  # all of it was released
        three.take(100)
    assert memory.held == 0
