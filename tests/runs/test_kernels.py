"""Kernels at a time: each run has the variables of one worker, and gives them back however it ends."""

import pytest

from nokenlab.errors import RunLost
from nokenlab.runs.kernels import KernelPool


def test_a_run_that_fails_gives_its_gpu_back():
    gpus = [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    pool = KernelPool([], gpus, threads=1, plain=True)
    with pool.environment() as first, pytest.raises(RunLost), pool.environment() as second:
        assert [run["CUDA_VISIBLE_DEVICES"] for run in (first, second)] == ["0", "1"]
        raise RunLost("the kernel died")
    with pool.environment() as first, pool.environment() as second:  # it would wait for ever
        assert {run["CUDA_VISIBLE_DEVICES"] for run in (first, second)} == {"0", "1"}
    pool.close()
