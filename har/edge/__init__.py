"""Runs an exported bundle on a device, live: numpy and onnxruntime only, never torch."""
