import time

import pytest

from schemas.engines import RayExecutor
from schemas.errors import BadInput, Stopped
from tasks.cluster import alike, check_alike, join, leave


def test_a_node_with_other_code_or_libraries_is_refused():
    check_alike(alike())
    with pytest.raises(Stopped, match=r"has transformers \S+ instead of 1.0.*rows could differ; install"):
        check_alike(alike() | {"transformers": "1.0"})
    with pytest.raises(Stopped, match=r"this project's code .* instead of 000000000000"):
        check_alike(alike() | {"this project's code": "0" * 12})


@pytest.mark.slow
@pytest.mark.parametrize(("address", "named"), [("127.0.0.1:9", ""), ("auto", "127.0.0.1:9")])
def test_a_cluster_that_is_not_there_is_named_at_once(address, named, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", named)
    began = time.monotonic()
    with pytest.raises(Stopped, match=f"no Ray cluster at '{named or address}'.*start one"):
        join(RayExecutor(kind="ray", address=address, workers=1))
    assert time.monotonic() - began < 15
    leave()


@pytest.mark.slow
def test_rays_client_mode_is_refused(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(BadInput, match="a run has to be on a machine of the cluster"):
        join(RayExecutor(kind="ray", workers=1))
