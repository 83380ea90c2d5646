"""Fine-tune a model: ``.venv/bin/python train.py configs/compact.yaml [key=value …]``.

Leaves in ``output``: ``model/`` (for ``infer.py --model``), ``metrics.json``, ``log.jsonl``, ``curves.png``,
``reliability.png``, ``settings.json``, ``gold.json``, ``tensorboard/``, ``checkpoint/`` and ``checkpoint.old/`` (for
``resume=true``, with the settings and the gold that the run was begun with).
On several GPUs: ``.venv/bin/accelerate launch --num_processes 2 train.py configs/….yaml``.
Ctrl-C finishes the step and saves; the exit status is then 130.
"""

import logging
import os
import sys
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.errors import ZhenglingError
from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings
from zhengling.training.stopping import Interrupted


def main(arguments: list[str]) -> int:
    first = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(level=logging.INFO if first else logging.ERROR, format="%(message)s")
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        settings = load_settings(TrainSettings, Path(arguments[0]), arguments[1:])
        train(settings)
    except Interrupted as stop:
        print(f"train.py: {stop}", file=sys.stderr)
        return stop.status
    except ZhenglingError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
