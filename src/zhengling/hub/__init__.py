"""Life on the Hugging Face hub: a repository that stands alone, plain exports, upload."""
