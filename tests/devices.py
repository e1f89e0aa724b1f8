"""A device that is not the CPU and that every machine has: "meta", which computes shapes only."""

import contextlib
from collections.abc import Iterator

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}


class OneDevice(TorchDispatchMode):
    """Refuse an operation on tensors of two devices, as a GPU does; meta alone lets some pass."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        found = {tensor.device.type for tensor in given if tensor.dim()}
        if len(found) > 1 and operation not in COPIES:
            raise RuntimeError(f"{operation} got tensors on {sorted(found)}")
        return operation(*args, **(kwargs or {}))


@contextlib.contextmanager
def another_device(monkeypatch) -> Iterator[str]:
    """Let numbers be read off meta tensors (one half each), and watch that devices do not mix."""
    item, cpu = torch.Tensor.item, torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "item", lambda t: 0.5 if t.is_meta else item(t))
    monkeypatch.setattr(
        torch.Tensor,
        "cpu",
        lambda t: torch.full(t.shape, 0.5).to(t.dtype) if t.is_meta else cpu(t),
    )
    with OneDevice():
        yield "meta"
