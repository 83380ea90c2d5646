"""Fine-tune a model: ``.venv/bin/python train.py configs/compact.yaml [key=value …]``.

Leaves in ``output``: ``model/`` (for ``infer.py --model``), ``metrics.json``, ``log.jsonl``, ``settings.json``,
``tensorboard/`` and ``checkpoint/`` (for ``resume=true``). On several GPUs: ``accelerate launch train.py …``.
"""

import logging
import sys
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.errors import ZhenglingError
from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        settings = load_settings(TrainSettings, Path(arguments[0]), arguments[1:])
        train(settings)
    except ZhenglingError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
