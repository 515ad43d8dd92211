"""What the graphs of all versions have in common: names, types, and the way to the probability."""

import onnx
from onnx import TensorProto, helper

OPSET = 21
ML_OPSET = 3
IR_VERSION = 10


def finish(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], margin: str, width: int
) -> onnx.ModelProto:
    """The graph `features` float32 [N, width] to `probability` float32 [N], the sigmoid of a margin."""
    flat = helper.make_tensor("flat", TensorProto.INT64, [1], [-1])
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Sigmoid", [margin], ["probability_column"]),
            helper.make_node("Reshape", ["probability_column", "flat"], ["probability"]),
        ],
        "attrition",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [*constants, flat],
    )
    domains = {node.domain for node in nodes}
    imports = [helper.make_opsetid("", OPSET)]
    if "ai.onnx.ml" in domains:
        imports.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    model = helper.make_model(
        graph, producer_name="futurisys-training", opset_imports=imports, ir_version=IR_VERSION
    )
    onnx.checker.check_model(model, full_check=True)
    return model
