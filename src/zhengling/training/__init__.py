"""Fine-tuning a model on gold."""
