"""Which engine a run of ``infer.py`` has."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import torch

from zhengling.cluster.processes import ProcessEngine
from zhengling.errors import ConfigError
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.files.inputs import STDIN
from zhengling.modeling.launch import process_state

if TYPE_CHECKING:  # an extra
    from zhengling.cluster.ray_engine import RayEngine

MOST_CLEANERS = 4
"""Processes that clean as fast as a GPU reads: each some 250,000 characters a second."""


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
    if options.cleaners is not None and (options.cleaners < 0 or options.engine == "ray"):
        raise ConfigError(
            f"--cleaners {options.cleaners} with --engine {options.engine}. Expected 0 or more, with --engine local"
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
    count = process_state().num_processes
    cleaners = default_cleaners(extractor.device, count) if options.cleaners is None else options.cleaners
    engine = Engine(extractor, encoding=options.encoding, off=options.off, cleaners=cleaners)
    return ProcessEngine(engine) if count > 1 else engine


def default_cleaners(device: torch.device, processes: int) -> int:
    """How many processes clean for each of so many that run the model: none on a CPU, whose cores the model has."""
    cores = len(os.sched_getaffinity(0)) // processes
    return 0 if device.type == "cpu" else max(0, min(MOST_CLEANERS, cores - 1))
