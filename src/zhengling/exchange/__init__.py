"""Annotated documents to and from the files of annotation tools, both ways and losslessly."""
