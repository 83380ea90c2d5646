"""Which engine a run of ``infer.py`` has."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from zhengling.cluster.processes import ProcessEngine
from zhengling.errors import ConfigError
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.files.inputs import STDIN
from zhengling.modeling.launch import process_state

if TYPE_CHECKING:  # an extra
    from zhengling.cluster.ray_engine import RayEngine


def check_engine(options: argparse.Namespace) -> None:
    """Raise :class:`ConfigError` for options that contradict each other."""
    several = process_state().num_processes > 1
    if options.engine == "ray" and several:
        raise ConfigError("--engine ray under accelerate launch. Expected one of the two")
    if STDIN in options.inputs and (several or options.engine == "ray"):
        raise ConfigError("standard input can be read by one process only. Expected files, or --engine local in one process")
    if several and options.device != "auto":
        raise ConfigError(f"--device {options.device} under accelerate launch, which gives each process its own. Expected auto")
    if options.engine == "ray" and options.device not in ("auto", "cpu", "cuda"):
        raise ConfigError(
            f"--device {options.device} with --engine ray, where an actor sees one GPU. Expected auto, cpu or cuda"
        )
    if options.actors is not None and (options.engine != "ray" or options.actors < 1):
        raise ConfigError(f"--actors {options.actors} with --engine {options.engine}. Expected 1 or more, with --engine ray")


def make_engine(options: argparse.Namespace, extractor: Extractor) -> Engine | ProcessEngine | RayEngine:
    """The engine for the options of a command line; raises :class:`ConfigError` where an extra is missing."""
    if options.engine == "ray":
        from zhengling.cluster.ray_engine import ActorSettings, RayEngine

        settings = ActorSettings(
            model=options.model,
            device=options.device,
            precision=options.precision,
            encoding=options.encoding,
            off=tuple(options.off),
        )
        return RayEngine(settings, extractor, actors=options.actors)
    engine = Engine(extractor, encoding=options.encoding, off=options.off)
    return ProcessEngine(engine) if process_state().num_processes > 1 else engine
