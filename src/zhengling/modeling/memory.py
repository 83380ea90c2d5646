"""Memory that the C library keeps for the next pass of a model instead of giving it back to the system."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
LARGEST, HEADER = 32 << 20, 4096
"""The most that glibc takes for the first size that comes from the system; room for what it and torch add to a block."""
BLOCKS = 8
"""How many of the largest blocks stay free at the end of the heap."""
_kept = 0


def keep_freed_memory(block: int) -> bool:
    """Let freed blocks of up to so many bytes stay with this process; whether it was done.

    Without it the buffers of each pass may come from the system anew, page by page: 150,000 page faults in 12,541 characters
    in bf16 (LOG.md, 2026-11-28). It holds for the whole process: larger blocks always come from the system, where glibc by
    itself would learn to keep those of up to :data:`LARGEST` as well. A later call with less changes nothing; nor does any
    call where the C library is not glibc or the environment sets its thresholds (``MALLOC_…``, ``GLIBC_TUNABLES``).
    """
    global _kept
    set_outside = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if set_outside or not sys.platform.startswith("linux"):
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    _kept = max(_kept, min(block + HEADER, LARGEST))
    return change is not None and all(change(*each) for each in ((M_MMAP_THRESHOLD, _kept), (M_TRIM_THRESHOLD, BLOCKS * _kept)))
