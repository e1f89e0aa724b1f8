"""PyTorch's number of threads, set to one for a while."""

import pytest
import torch

from w2v.threads import one_thread


def test_one_thread_inside_and_the_callers_number_after_an_error():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)
