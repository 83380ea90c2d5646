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
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        settings = load_settings(PretrainSettings, Path(arguments[0]), arguments[1:])
        print(pretrain(settings))
    except ZhenglingError as error:
        print(f"pretraining: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
