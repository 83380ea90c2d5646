"""Reading damaged Chinese official text: usable without the model.

>>> from zhengling.text import read
>>> clean = read("會(huì)議強調")
>>> clean.text, clean.to_source(1, 2)
('会议强调', (6, 7))
"""

from zhengling.text.aligned import AlignedText
from zhengling.text.reader import REPAIRS, CleanText, read

__all__ = ["REPAIRS", "AlignedText", "CleanText", "read"]
