"""Whether the settings of an encoder can be built."""

from __future__ import annotations

from zhengling.modeling.encoders import EncoderSettings
from zhengling.settings import out_of_range

AT_LEAST = {"layers": 1, "width": 1, "inner": 1, "heads": 1, "local_attention": 1, "global_every": 1, "max_length": 1}


def wrong_shape(encoder: EncoderSettings) -> list[str]:
    """A sentence for each contradiction in the shape of a new encoder."""
    wrong = [f"encoder.{sentence}" for sentence in out_of_range(encoder, AT_LEAST)]
    if not wrong and encoder.width % (2 * encoder.heads):
        wrong.append(f"encoder.width ({encoder.width}) must be a multiple of twice encoder.heads ({2 * encoder.heads})")
    return wrong
