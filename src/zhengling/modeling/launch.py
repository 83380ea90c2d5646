"""Which process of a launch this is."""

from __future__ import annotations

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def process_state() -> PartialState:
    """The process among those of ``accelerate launch``, on its GPU; on the CPU where there is none.

    ``ACCELERATE_USE_CPU`` means the CPU in any case.
    """
    return PartialState(cpu=not torch.cuda.is_available() or parse_flag_from_env("ACCELERATE_USE_CPU"))
