"""An encoder on OpenVINO: int8 weights, activations quantized as they come, the rest in bf16 where there is hardware.

Weights are rounded to int8 with one scale for each output channel; the library multiplies them with activations that
it rounds in groups (its dynamic quantization), so nothing has to be calibrated.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from openvino import opset13 as ops

INPUTS = ("input_ids", "attention_mask")  # of one segment; other inputs have defaults
GROUP = 128  # activations that share a scale; smaller is more exact and slower
EXAMPLE = (2, 8)  # shape of the batch that shows the converter what a batch is


class OpenvinoRunner:
    """Runs the transformer with OpenVINO and what follows it (pooling) with torch."""

    def __init__(self, model: Any, threads: int) -> None:
        self._head = list(model.children())[1:]
        graph = _converted(model.cpu().transformers_model)
        _quantize_weights(graph)
        core = openvino.Core()
        brief = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP,
            "INFERENCE_PRECISION_HINT": "bf16" if brief else "f32",
        }
        self._compiled = core.compile_model(graph, "CPU", options)

    def __call__(self, features: dict[str, Any]) -> NDArray[np.float32]:
        """(n, dim) vectors of a batch of n texts; features: (n, length) token ids, mask and the like."""
        said = [np.ascontiguousarray(features[name], dtype=np.int64) for name in INPUTS]
        hidden = self._compiled.create_infer_request().infer(said)[0]
        pooled = {"token_embeddings": torch.from_numpy(hidden), "attention_mask": torch.from_numpy(said[1])}
        with torch.inference_mode():
            for module in self._head:
                pooled = module(pooled)
            vectors: NDArray[np.float32] = pooled["sentence_embedding"].float().numpy()
            return vectors


class _LastHidden(torch.nn.Module):
    """The transformer as a function of token ids and their mask that returns one tensor."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(n, length, width) the last layer's output."""
        hidden: torch.Tensor = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


def _converted(transformer: torch.nn.Module) -> Any:
    example = (torch.ones(EXAMPLE, dtype=torch.long), torch.ones(EXAMPLE, dtype=torch.long))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of branches in the library that tracing fixes; other lengths are tested
        return openvino.convert_model(_LastHidden(transformer).eval(), example_input=example)


def _quantize_weights(graph: Any) -> None:
    """Replace the constant float matrix of each MatMul by int8 values times a scale per output channel."""
    for node in graph.get_ordered_ops():
        constant = node.input_value(1).get_node() if node.get_type_name() == "MatMul" else None
        if constant is None or constant.get_type_name() != "Constant" or len(constant.shape) != 2:
            continue
        weights = np.asarray(constant.data, dtype=np.float32)
        channel = 1 if node.get_attributes()["transpose_b"] else 0
        scale = np.maximum(np.abs(weights).max(axis=channel, keepdims=True), np.finfo(np.float32).tiny) / 127
        whole = ops.convert(ops.constant(np.rint(weights / scale).astype(np.int8)), "f32")
        node.input(1).replace_source_output(ops.multiply(whole, ops.constant(scale)).output(0))
