"""The model and what stands between it and text: tokens, windows, batches, decoding."""
