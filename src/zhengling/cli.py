"""The command ``zhengling``: what there is to do besides training and inference."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.errors import ReadError, ZhenglingError
from zhengling.exchange.drafts import Drafts
from zhengling.exchange.formats import FORMATS, by_file, export_documents, import_documents, save_gold
from zhengling.exchange.label_studio_project import Project
from zhengling.exchange.offsets import UNITS
from zhengling.extraction.annotation import annotate
from zhengling.extraction.engine import Engine
from zhengling.extraction.loading import DEFAULT_MODEL, load
from zhengling.files.batch import run_batch
from zhengling.files.inputs import SUFFIXES, Inputs
from zhengling.files.options import load_model, model_arguments, reading_arguments
from zhengling.files.sources import ReadSettings, iter_documents
from zhengling.files.summary import Summary
from zhengling.files.verification import verify_records
from zhengling.gold.loading import load_gold
from zhengling.hub.onnx_folder import export_onnx_folder
from zhengling.hub.plain import export_plain
from zhengling.hub.pushing import push
from zhengling.hub.repository import write_repository
from zhengling.hub.teaching import PlainSettings
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme
from zhengling.scoring.report import report
from zhengling.serving import command as serving
from zhengling.settings import load_settings
from zhengling.text import CleanText, read
from zhengling.training.settings import TrainSettings


def _evaluate(options: argparse.Namespace) -> None:
    extractor = load_model(options)
    gold = load_gold(options.gold, extractor.config.scheme)
    result = report(annotate(extractor, gold), gold, extractor.config.scheme, model=extractor.name)
    print(result.table())
    print(json.dumps(result.signature, ensure_ascii=False))
    if options.output:
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
        Path(options.output).write_text(json.dumps(result.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _average(options: argparse.Namespace) -> None:
    from zhengling.training.averaging import average  # which draws and trains: the other commands start a second sooner

    output = Path(options.output)
    average([Path(model) for model in options.models], options.dev, output, options.weights)
    print(f"the mean of {len(options.models)} models is in {output / 'model'}, its figures in {output / 'metrics.json'}")


def _agree(options: argparse.Namespace) -> None:
    first, second = ({document.id: document for document in load_gold([place])} for place in (options.first, options.second))
    shared = sorted(first.keys() & second.keys())
    differing = [name for name in shared if first[name].text != second[name].text]
    if differing or not shared:
        reason = f"the texts of {', '.join(differing[:5])} differ" if differing else "they have no document in common"
        raise ZhenglingError(f"{options.first} and {options.second} cannot be compared: {reason}")
    for name in sorted(first.keys() ^ second.keys()):
        print(f"{name} is in one of them only: left out", file=sys.stderr)
    pairs = [second[name] for name in shared], [first[name] for name in shared]
    print(report(*pairs, DEFAULT_SCHEME, model=f"{options.second} against {options.first}").table())


def _strip(options: argparse.Namespace) -> None:
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    documents = load_gold(options.gold)
    for path, document in by_file(documents, folder, ".txt").items():
        path.write_bytes(document.text.encode())
    print(f"{len(documents)} texts in {folder}")


def _verify(options: argparse.Namespace) -> None:
    seen = verify_records(Path(options.records), print, _reading(options))
    gone = f", {seen.unreadable} sources cannot be read" if seen.unreadable else ""
    print(f"{seen.documents} records ({seen.errors} errors), {seen.spans} spans looked up, {seen.wrong} wrong{gone}")
    if seen.wrong:
        raise ZhenglingError(f"{seen.wrong} spans of {options.records} are not where it says")
    if seen.unreadable:
        raise ZhenglingError(f"{seen.unreadable} sources of {options.records} cannot be read. Expected them where it says")


def _export(options: argparse.Namespace) -> None:
    scheme = _labels(options)
    documents = load_gold(options.gold, scheme)
    export_documents(documents, Path(options.output), options.format, scheme, options.offsets)
    print(f"{len(documents)} documents in {options.output}")


def _import(options: argparse.Namespace) -> None:
    documents = import_documents(Path(options.file), options.format, _labels(options), options.offsets)
    save_gold(documents, Path(options.output))
    print(f"{len(documents)} documents in {options.output}")


def _push(options: argparse.Namespace) -> None:
    source = DEFAULT_MODEL if options.model == "default" else Path(options.model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.folder or Path(scratch) / "repository")
        write_repository(source, folder, options.name, Path(options.plain) if options.plain else None)
        if options.folder:
            print(f"the repository of {options.name} is in {folder}; nothing was sent")
        else:
            print(push(folder, options.name, private=options.private, revision=options.revision))


def _clean_texts(inputs: Sequence[str]) -> list[CleanText]:
    """The texts that files, folders and globs hold, read; raises :class:`ReadError` for the first that cannot be."""
    texts = []
    for document in iter_documents(Inputs(inputs).files(), ReadSettings()):
        if document.error:
            raise ReadError(f"{document.name}: {document.error}")
        texts.append(read(document.content))
    return texts


def _export_onnx(options: argparse.Namespace) -> None:
    extractor = load(None if options.model == "default" else options.model, device="cpu", precision="fp32", runtime="torch")
    worst = export_onnx_folder(extractor, Path(options.output))
    print(f"{options.output} holds the model and its graph; their logits differ by {worst:.1e} at most")


def _export_plain(options: argparse.Namespace) -> None:
    extractor = load(None if options.model == "default" else options.model, device=options.device, precision="fp32")
    texts = _clean_texts(options.texts)
    check = load_gold(options.check, extractor.config.scheme) if options.check else []
    settings = PlainSettings(epochs=options.epochs, seed=options.seed)
    result = export_plain(extractor, texts, Path(options.output), settings, check)
    for name, figure in result.get("plain_against_model", {}).get("figures", {}).items():
        print(f"{name:<20} {100 * figure['value']:5.1f} against the model")
    print(f"stock models in {options.output}; zhengling push … --plain {options.output} takes them along")


def _labels(options: argparse.Namespace) -> LabelScheme:
    """The scheme of the configuration that ``--labels`` names, or the default one."""
    if options.labels is None:
        return DEFAULT_SCHEME
    labels = load_settings(TrainSettings, Path(options.labels)).labels
    return LabelScheme(directives=tuple(labels.directives), slots=tuple(labels.slots), themes=tuple(labels.themes))


def _reading(options: argparse.Namespace) -> ReadSettings:
    return ReadSettings(text_column=options.text_column, encoding=options.encoding)


def _label(options: argparse.Namespace) -> int:
    inputs = Inputs(options.inputs, leave_out=[] if Path(options.output).is_dir() else [options.output])
    extractor = load_model(options)
    output, summary = Path(options.output), Summary()
    drafts = Drafts(output, extractor.config.scheme) if options.format == "gold" else Project(output, extractor.config.scheme)
    engine = Engine(extractor, encoding=options.encoding)
    run_batch(engine, iter_documents(inputs.files(), _reading(options)), [drafts, summary], size=inputs.survey().size)
    drafts.close()
    if isinstance(drafts, Drafts):
        learn = f"start={options.model or 'default'} in a configuration goes on from this model"
        print(
            f"{summary.sentence()}; " + (f"to be corrected: {output}; {learn}" if drafts.documents else "nothing was written")
        )
    else:
        print(f"{summary.sentence()}: {output / 'config.xml'}, {output / 'tasks.json'}")
        print(
            "In Label Studio: new project; Labeling Setup, Custom template: config.xml; Import: tasks.json; prelabel by "
            "predictions"
        )
        print("After the labelling: Export, JSON; zhengling import EXPORT.json --format label-studio --output FOLDER")
    return 1 if summary.errors else 0


def parser() -> argparse.ArgumentParser:
    """The command line of all subcommands."""
    top = argparse.ArgumentParser(prog="zhengling", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    evaluate = commands.add_parser("evaluate", help="score a model on gold documents")
    evaluate.add_argument("gold", nargs="+", help="folders of .xml files, .xml or .jsonl files")
    model_arguments(evaluate)
    evaluate.add_argument("--output", help="also write the figures as JSON here")
    evaluate.set_defaults(run=_evaluate)
    agree = commands.add_parser("agree", help="agreement of two annotators, in the measures of evaluate")
    agree.add_argument("first", help="a folder of .xml files, or a .jsonl file")
    agree.add_argument("second", help="the same documents, annotated by another")
    agree.set_defaults(run=_agree)
    mean = commands.add_parser("average", help="average the weights of several runs, a model soup")
    mean.add_argument(
        "models", nargs="+", metavar="MODEL", help="folders that train.py wrote, of one encoder and one seed or of one start"
    )
    mean.add_argument("--dev", nargs="+", required=True, metavar="GOLD", help="gold to choose thresholds and temperature on")
    mean.add_argument("--output", required=True, help="folder for model/, metrics.json and reliability.png")
    mean.add_argument("--weights", choices=("fp32", "fp16"), default="fp32", help="how it is stored (default: %(default)s)")
    mean.set_defaults(run=_average)
    strip = commands.add_parser("strip", help="write the texts of gold documents without their tags")
    strip.add_argument("gold", nargs="+", help="folders of .xml files, .xml or .jsonl files")
    strip.add_argument("--output", required=True, help="folder for one .txt file per document")
    strip.set_defaults(run=_strip)
    verify = commands.add_parser("verify", help="look up every span of a .jsonl file of records in its source again")
    verify.add_argument("records", help="what infer.py wrote; the sources must be where they were")
    reading_arguments(verify)
    verify.set_defaults(run=_verify)
    _exchange_commands(commands)
    _hub_commands(commands)
    serve = commands.add_parser("serve", help="answer over HTTP: POST /v1/extract (docs/serving.md)")
    model_arguments(serve)
    serving.add_options(serve)
    serve.set_defaults(run=serving.run)
    return top


def _hub_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    push_ = commands.add_parser("push", help="write a model's repository and send it to the Hugging Face hub")
    push_.add_argument("model", metavar="MODEL", help="a folder that train.py wrote, or default")
    push_.add_argument("name", metavar="NAME", help="the repository, org/name; made if it is not there")
    push_.add_argument("--private", action="store_true", help="make it private if it is made")
    push_.add_argument("--revision", help="the branch to send it to, made if it is not there (default: main)")
    push_.add_argument("--folder", metavar="OUT", help="write the repository here and send nothing")
    push_.add_argument("--plain", metavar="FOLDER", help="take along what export-plain wrote for this model")
    push_.set_defaults(run=_push)
    graph = commands.add_parser("export-onnx", help="write a model with its ONNX graph, for infer.py --model on CPUs")
    graph.add_argument("model", metavar="MODEL", help="a folder, a hub name, or default")
    graph.add_argument("--output", required=True, help="the folder to write")
    graph.set_defaults(run=_export_onnx)
    plain = commands.add_parser("export-plain", help="make stock models, which need no code of ours, learn from a model")
    plain.add_argument("model", metavar="MODEL", help="a folder, a hub name, or default")
    plain.add_argument("--texts", nargs="+", required=True, metavar="INPUT", help="unlabelled texts to learn from")
    plain.add_argument("--output", required=True, help="folder for directives/, slots/, themes/ and agreement.json")
    plain.add_argument("--check", nargs="+", metavar="GOLD", help="gold documents on which to compare them with the model")
    plain.add_argument(
        "--epochs", type=int, default=PlainSettings.epochs, help="times the texts are read (default: %(default)s)"
    )
    plain.add_argument("--seed", type=int, default=PlainSettings.seed, help="(default: %(default)s)")
    plain.add_argument("--device", default="auto", help="auto, cpu, cuda … (default: auto)")
    plain.set_defaults(run=_export_plain)


def _exchange_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    out = commands.add_parser("export", help="write gold documents as a file of an annotation tool")
    out.add_argument("gold", nargs="+", help="folders of .xml files, .xml or .jsonl files")
    out.add_argument("--output", required=True, help="the file to write")
    out.set_defaults(run=_export)
    back = commands.add_parser("import", help="make gold documents of a file of an annotation tool")
    back.add_argument("file", help="what the tool exported")
    back.add_argument("--output", required=True, help="a folder for one .xml file per document, or a .jsonl file")
    back.set_defaults(run=_import)
    for command in (out, back):
        command.add_argument("--format", required=True, choices=list(FORMATS), help="the tool whose file it is")
        command.add_argument("--labels", metavar="CONFIG", help="a configuration of train.py whose labels these are")
        command.add_argument("--offsets", choices=UNITS, help="what the tool's offsets count (default: as it documents)")
    label = commands.add_parser("label", help="write texts with the model's answers, to be corrected")
    label.add_argument("inputs", nargs="+", metavar="INPUT", help=f"a file ({' '.join(SUFFIXES)}), a folder of them, or a glob")
    label.add_argument("--output", required=True, help="folder for config.xml and tasks.json; of gold also a .jsonl file")
    label.add_argument(
        "--format",
        choices=("label-studio", "gold"),
        default="label-studio",
        help="a Label Studio project, or gold: one .xml file per document for a text editor (default: %(default)s)",
    )
    reading_arguments(label)
    model_arguments(label)
    label.set_defaults(run=_label)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 if some document failed, or 2 with one line on what the user can mend."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers_logging.disable_progress_bar()
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except ZhenglingError as error:
        print(f"zhengling: {error}", file=sys.stderr)
        return 2
