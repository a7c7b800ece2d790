"""What the documents tell people to type must exist, and ``dedup --help`` must stay quick."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from itertools import takewhile

import pytest
from tree import ROOT

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
BLOCK = re.compile(r"^ *```(?:sh|bash|console|shell)\n(.*?)^ *```", flags=re.MULTILINE | re.DOTALL)
#: Importing any of these for a list of commands would cost up to seconds.
HEAVY = ["torch", "transformers", "onnxruntime", "faiss", "gensim", "feedparser", "aiohttp", "fastapi", "sqlalchemy"]


def commands(text: str) -> list[list[str]]:
    """The commands of every shell block, split at ``&&``, ``|``, ``;``; without prompts, variables and redirections."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            command: list[str] = []
            for token in [*lexer, ";"]:
                if token in ("&&", "||", "|", ";", "&"):
                    found.append(command)
                    command = []
                elif command or not re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", token):
                    command.append(token)
    trimmed = [list(takewhile(lambda token: token not in (">", ">>", "<", "2>"), command)) for command in found]
    return [command for command in trimmed if command]


def documented() -> list[list[str]]:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS if (ROOT / name).exists()]
    return [command for text in texts for command in commands(text)]


def parse_as_dedup(arguments: list[str]) -> None:
    """Let the real command line parse ``arguments`` down to the last subcommand, without running anything."""
    import typer

    from dedup.cli._app import app

    command, name = typer.main.get_command(app), "dedup"
    parent = None
    while True:
        context = command.make_context(name, list(arguments), parent=parent)
        if not hasattr(command, "resolve_command"):
            return
        rest = [*getattr(context, "_protected_args", []), *context.args]
        name, command, arguments = command.resolve_command(context, rest)
        parent = context


def test_blocks_are_split_into_commands() -> None:
    shell = '$ make demo && dedup similar "a | b" \\\n  --k 3 > out  # why\nFOO=1 make test\n'
    text = f"Text\n```sh\n{shell}```\n```toml\nmake = 1\n```\n"
    assert commands(text) == [["make", "demo"], ["dedup", "similar", "a | b", "--k", "3"], ["make", "test"]]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    asked = {
        word
        for command in documented()
        if command[0] == "make"
        for word in command[1:]
        if "=" not in word and not word.startswith("-")
    }
    assert asked <= targets


def test_every_dedup_command_in_the_documents_parses() -> None:
    wrong = {}
    for command in documented():
        if command[0].rpartition("/")[2] != "dedup":
            continue
        try:
            parse_as_dedup(command[1:])
        except Exception as error:  # click's errors live in a private module of typer
            if type(error).__name__ == "Exit":  # --help, --version
                continue
            wrong[shlex.join(command)] = getattr(error, "message", "") or repr(error)
    assert wrong == {}


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"], ["ingest", "--no-such-option"]])
def test_a_command_that_does_not_exist_would_be_noticed(arguments: list[str]) -> None:
    with pytest.raises(Exception, match=r"[Nn]o such"):
        parse_as_dedup(arguments)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "sys.argv = ['dedup', '--help']\n"
        "from dedup.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('HEAVY:', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "HEAVY:"
