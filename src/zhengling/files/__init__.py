"""Files in and files out: sources, sinks and the batch run between them."""
