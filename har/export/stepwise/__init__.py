"""Models that take a frame and give a prediction, and keep what they need of the frames before."""
