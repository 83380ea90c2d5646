"""Pretrain an encoder: ``python -m zhengling.pretraining configs/pretrain-compact.yaml [key=value …]``.

Leaves in ``output``: ``encoder/`` (for ``encoder:`` of a training config), ``checkpoint.pt`` (to go on from), ``log.jsonl``.
Run it again to go on after a kill.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from zhengling.errors import ZhenglingError
from zhengling.pretraining.loop import pretrain
from zhengling.pretraining.settings import PretrainSettings
from zhengling.settings import load_settings


def main() -> int:
    """Exit status 0, or 2 with one line on what the user can mend."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        settings = load_settings(PretrainSettings, Path(sys.argv[1]) if len(sys.argv) > 1 else None, sys.argv[2:])
        print(pretrain(settings))
    except ZhenglingError as error:
        print(f"pretraining: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
