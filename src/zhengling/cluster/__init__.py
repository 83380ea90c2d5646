"""Batch inference on more than one device: the actors of a Ray cluster, or the processes of ``accelerate launch``."""
