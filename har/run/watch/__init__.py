"""A trained model on videos and cameras: who does what, drawn and told."""
