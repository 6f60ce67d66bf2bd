"""Models outside Python: ONNX graphs, step-wise inference, and bundles for devices."""
