"""The weights of a Llama as its GGUF file packs them: codes of 4 or 8 bits, with scales and minima.

Reading the file takes ten seconds, most of them for its vocabulary. `save` does it once, and writes the
tensors beside the converted model as they are; `read` takes no time.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

FILE = "packed.safetensors"  # in the folder of a converted model
BLOCK = 32  # weights of a row that share a scale
LAYER = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
BLOCK_BYTES = {"Q4_1": 20, "Q8_0": 34}


@dataclass(frozen=True)
class PackedMatrix:
    """A matrix (rows, columns) whose weights are `scale * (code - zero) + minimum`.

    codes: (rows, columns / 32, 32) uint8. scales: (rows, columns / 32) float16. minima: the same of a matrix
    of 4 bits, whose zero is 0; None of one of 8 bits, whose zero is 128.
    """

    codes: np.ndarray
    scales: np.ndarray
    minima: np.ndarray | None

    @property
    def bits(self) -> int:
        """Bits per weight: 4 or 8."""
        return 8 if self.minima is None else 4

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: outputs and inputs."""
        return len(self.codes), self.codes[0].size

    def floats(self) -> np.ndarray:
        """The unpacked matrix, (rows, columns) float32."""
        scales = self.scales.astype(np.float32)[..., None]
        if self.minima is None:
            weights = (self.codes.astype(np.float32) - 128) * scales
        else:
            weights = self.codes * scales + self.minima.astype(np.float32)[..., None]
        return weights.reshape(self.shape)

    def rows(self, order: np.ndarray) -> "PackedMatrix":
        """The matrix with its rows in another order, an array of row numbers."""
        minima = None if self.minima is None else self.minima[order]
        return PackedMatrix(self.codes[order], self.scales[order], minima)


@dataclass(frozen=True)
class PackedLlama:
    """A Llama with packed matrices.

    norms: (2 * layers + 1, width) float32, two per layer and the last. matrices, in the order in which they
    are used: "0.qkv", "0.output", "0.gate_up", "0.down" of layer 0 and so on, then "embedding", which is the
    output layer too. Matrices with the same input are one, as "qkv". Rows of queries and keys are in the
    order of transformers and ONNX.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocab_size: int
    epsilon: float
    rotary_base: float
    eos_id: int
    norms: np.ndarray
    matrices: dict[str, PackedMatrix]


def save(gguf: Path, folder: Path) -> None:
    """Write the tensors of a Llama's GGUF file into the folder of its converted model, as they are packed."""
    from gguf import GGUFReader

    tensors = GGUFReader(gguf).tensors
    kinds = {tensor.name: tensor.tensor_type.name for tensor in tensors}
    save_file({tensor.name: tensor.data for tensor in tensors}, folder / FILE, kinds)


def read(folder: Path) -> PackedLlama:
    """The model of a folder into which `save` has written. ValueError for a matrix not of Q4_1 or Q8_0."""
    config = json.loads((folder / "config.json").read_text())
    layers = config["num_hidden_layers"]
    with safe_open(folder / FILE, "numpy") as file:
        kinds = file.metadata()

        def tensor(name: str) -> np.ndarray:
            return file.get_tensor(f"{name}.weight")

        def matrix(name: str) -> PackedMatrix:
            return unpack(tensor(name), kinds[f"{name}.weight"])

        matrices: dict[str, PackedMatrix] = {}
        norms = []
        for layer in range(layers):
            matrices |= _layer(matrix, layer, config["head_dim"])
            norms += [tensor(f"blk.{layer}.attn_norm"), tensor(f"blk.{layer}.ffn_norm")]
        matrices["embedding"] = matrix("token_embd")
        norms.append(tensor("output_norm"))
    return PackedLlama(
        width=config["hidden_size"],
        layers=layers,
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_size=config["head_dim"],
        vocab_size=len(matrices["embedding"].codes),
        epsilon=config["rms_norm_eps"],
        rotary_base=config["rope_parameters"]["rope_theta"],
        eos_id=config["eos_token_id"],
        norms=np.stack(norms),
        matrices=matrices,
    )


def _layer(matrix: Callable[[str], PackedMatrix], layer: int, head_size: int) -> dict[str, PackedMatrix]:
    """The four matrices of a layer."""
    query, key, value, output, gate, up, down = (matrix(f"blk.{layer}.{name}") for name in LAYER)
    query, key = (heads.rows(rotary_order(heads.shape[0] // head_size, head_size)) for heads in (query, key))
    return {
        f"{layer}.qkv": concatenate([query, key, value]),
        f"{layer}.output": output,
        f"{layer}.gate_up": concatenate([gate, up]),
        f"{layer}.down": down,
    }


def unpack(data: np.ndarray, kind: str) -> PackedMatrix:
    """The matrix in a tensor (rows, bytes) of a GGUF file. ValueError unless `kind` is Q4_1 or Q8_0."""
    if kind not in BLOCK_BYTES:
        raise ValueError(f"a matrix of {kind} cannot be read, only of {' or '.join(BLOCK_BYTES)}")
    blocks = data.reshape(len(data), -1, BLOCK_BYTES[kind])
    if kind == "Q8_0":  # a scale and 32 signed numbers
        scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
        return PackedMatrix(blocks[..., 2:] ^ 128, scales, None)  # -128, the smallest, becomes 0
    halves = np.ascontiguousarray(blocks[..., :4]).view(np.float16)  # scale and minimum, then 32 codes
    low, high = blocks[..., 4:] & 15, blocks[..., 4:] >> 4  # the first 16 weights, and the other 16
    return PackedMatrix(np.concatenate([low, high], axis=-1), halves[..., 0], halves[..., 1])


def concatenate(matrices: list[PackedMatrix]) -> PackedMatrix:
    """One matrix of the rows of several of 4 bits, which have the same input."""
    return PackedMatrix(
        np.concatenate([matrix.codes for matrix in matrices]),
        np.concatenate([matrix.scales for matrix in matrices]),
        np.concatenate([matrix.minima for matrix in matrices]),
    )


def rotary_order(heads: int, head_size: int) -> np.ndarray:
    """For each row of a query or key matrix its row in the GGUF file, (heads * head_size,).

    There the two numbers that are rotated together are neighbours; transformers and ONNX have them half a
    head apart.
    """
    return np.arange(heads * head_size).reshape(heads, head_size // 2, 2).swapaxes(1, 2).reshape(-1)
