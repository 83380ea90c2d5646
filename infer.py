"""Batch inference: ``.venv/bin/python infer.py INPUT… --output OUT [--model FOLDER_OR_NAME]``.

INPUT: files (.txt .md .html .docx .pdf .jsonl .csv .parquet), folders, globs, or - for standard input.
OUT: .jsonl, .csv, .parquet or .html, or - for JSON lines on stdout. More in docs/inference.md.
It leaves OUT and OUT.manifest.json, by which --resume goes on with a run that was cut off.
Several GPUs: accelerate launch infer.py …; a cluster: --engine ray (docs/cluster.md).
Exit status: 0, 1 if some document failed (its record says why), 2 if nothing could be done, or not all.
"""

import sys

if __name__ == "__main__":  # processes that clean import this file too, and need nothing of what follows
    from zhengling.cluster.command import main

    sys.exit(main(sys.argv[1:], __doc__ or ""))
