"""Pretraining an encoder on unlabelled text by masked-language modelling (``make pretrain``)."""
