"""The label scheme, annotated documents and BIO tags; no torch."""
