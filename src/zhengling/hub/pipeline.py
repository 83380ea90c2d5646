"""``pipeline("directive-extraction", …)`` of ``transformers``: texts to records, the same as the package's own.

In a model's repository this file is ``pipeline_zhengling.py``, and stands beside the modules of the package that it needs.
"""

from __future__ import annotations

from typing import Any

from transformers import Pipeline

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.encoders import attention_for
from zhengling.modeling.precision import choose_precision


class DirectiveExtractionPipeline(Pipeline):
    """Takes a text (``str`` or ``bytes``, dirt and all) or a list of them; gives a record, or a list, as dictionaries."""

    _load_tokenizer = True  # type: ignore[assignment]
    _load_processor = False  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_video_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]

    def __init__(self, *args: Any, precision: str = "auto", **kwargs: Any) -> None:
        """``precision``: ``auto``, ``bf16``, ``fp16`` or ``fp32``, as :func:`zhengling.load` takes it."""
        super().__init__(*args, **kwargs)
        model: Any = self.model.float()
        tokenizer: Any = self.tokenizer
        model.encoder.set_attn_implementation(attention_for(self.device, model.encoder.config))
        chosen = choose_precision(precision, self.device)
        name = getattr(model.config, "_name_or_path", "")
        self.extractor = Extractor(model, tokenizer, name=name, device=self.device, precision=chosen)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """One dictionary per text, in order; ``inputs``: one text, ``str`` or ``bytes``, or an iterable of texts."""
        single = isinstance(inputs, str | bytes)
        records = [
            super(DirectiveExtractionPipeline, self).__call__({"text": text}, *args, **kwargs)
            for text in ([inputs] if single else inputs)
        ]
        return records[0] if single else records

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if kwargs:
            raise TypeError(f"directive-extraction takes no {', '.join(sorted(kwargs))}")
        return {}, {}, {}

    def preprocess(self, input_: Any, **_: Any) -> Any:
        """The text as it is: the extractor cleans and tokenizes it itself."""
        return input_

    def _forward(self, input_tensors: Any, **_: Any) -> Any:
        return {"record": self.extractor(input_tensors["text"])}

    def postprocess(self, model_outputs: Any, **_: Any) -> dict[str, Any]:
        """Plain lists and dictionaries."""
        return model_outputs["record"].as_dict()
