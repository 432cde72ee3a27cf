"""Weights in float16, multiplied by inputs in float32 on a CPU, on all of torch's threads.

torch has a product that takes them as a tensor and runs on one thread, and one on all that takes an object. A
trace knows tensors and numbers alone, so an object goes by its id.
"""

from weakref import WeakValueDictionary

import torch
from torch import ScriptObject, Tensor

_packed: WeakValueDictionary[int, ScriptObject] = WeakValueDictionary()  # by id


def in_float16(weight: Tensor, bias: Tensor | None) -> ScriptObject | None:
    """A weight (out, in) in float16 with its bias; None where torch has no product for them.

    Whoever will use it keeps it.
    """
    if weight.dtype != torch.float32 or "fbgemm" not in torch.backends.quantized.supported_engines:
        return None
    packed = torch.ops.quantized.linear_prepack_fp16(weight.detach(), bias)
    _packed[id(packed)] = packed
    return packed


def product(x: Tensor, packed: ScriptObject) -> Tensor:
    """What `in_float16` gave times x, (…, in), and the bias: (…, out)."""
    return _product(x, id(packed))


@torch.library.custom_op("nokenlab::product_in_float16", mutates_args=())
def _product(x: Tensor, packed: int) -> Tensor:
    return torch.ops.quantized.linear_dynamic_fp16(x, _packed[packed])
