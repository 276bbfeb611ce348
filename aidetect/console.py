"""The command `aidetect`, for people and scripts: no server and no database, but for `serve`."""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).parents[1] / "manage.py"
EXIT_CODES = """exit codes:
  0    done
  1    nothing could be read, or something is wrong with the installation
  2    wrong usage
  3    done, and there is something that --fail-on names
  130  interrupted; the same command goes on from there
"""
EXAMPLES = """examples:
  aidetect classify photo.jpg
  aidetect classify holiday --recursive --csv verdicts.csv --html report.html
  aidetect classify incoming --fail-on fake --quick
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    _prepare(options)
    from django.core.management.base import CommandError

    try:
        return _run(options)
    except CommandError as error:
        print(f"aidetect: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "aidetect", description="Photograph or AI-generated? A verdict is a hint, not proof.", epilog=EXIT_CODES,
        formatter_class=layout,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"aidetect {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    classify = commands.add_parser(
        "classify", help="judge pictures and folders of pictures", epilog=EXAMPLES + "\n" + EXIT_CODES,
        formatter_class=layout,
    )  # fmt: skip
    classify.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, or folders of them")
    classify.add_argument("-r", "--recursive", action="store_true", help="folders inside folders, too")
    classify.add_argument("--csv", type=Path, metavar="FILE", help="a table; one that is there already is gone on with")
    classify.add_argument("--html", type=Path, metavar="FILE", help="one page with thumbnails, to open in a browser")
    classify.add_argument("--json", action="store_true", help="a line of JSON a picture on standard output")
    classify.add_argument("--fail-on", action="append", default=[], choices=["fake", "inconclusive", "error"],
                          help="exit with 3 if there is one; may be given again")  # fmt: skip
    classify.add_argument("--quick", action="store_true", help="the quick detector: faster, and right less often")

    inspect = commands.add_parser("inspect", help="say what files prove, declare and hint; no network looks at them")
    inspect.add_argument("paths", nargs="+", metavar="PATH")
    inspect.add_argument("--json", action="store_true", help="a line of JSON a file")

    serve = commands.add_parser("serve", help="run the website on this machine")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--data", type=Path, metavar="FOLDER", help="where uploads and the database are kept")
    return parser


def _version() -> str:
    try:
        return metadata.version("aidetect")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "(checkout)"


def _prepare(options: argparse.Namespace) -> None:
    """Settings, without a database; data goes into the checkout, or where this machine's users keep theirs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = getattr(options, "data", None)
    if folder is None and not CHECKOUT.is_file():
        folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "aidetect"
    if folder is not None:
        os.environ.setdefault("DATA_DIR", str(folder.absolute()))
    if options.command != "serve":
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))  # none is used, so none is kept
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)  # native libraries keep the other one; see keras_command
    import django

    django.setup()


def _run(options: argparse.Namespace) -> int:
    from django.core.management import call_command

    if options.command == "serve":
        from aidetect import launcher

        launcher.run(options.port)
        return 0
    if options.command == "inspect":
        try:
            call_command("inspect", *options.paths, format="json" if options.json else "table")
        except SystemExit as end:
            return int(end.code or 0)
        return 0
    from classifier.management.many_files import Errand, run

    errand = Errand(
        options.paths, options.recursive, options.csv, options.html, options.json, options.quick, set(options.fail_on)
    )
    return run(errand)


if __name__ == "__main__":
    sys.exit(main())
