"""How good a model is: metrics with intervals, calibration, pictures, and the model card."""
