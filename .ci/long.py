"""List functions over 70 lines and files over 500: places to look, never a failure.

Reads tracked Python and Rust sources. Rust functions are measured by rustfmt's indentation, which `make check`
has just verified, so no parser is needed.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = 70
FILE_LINES = 500
RUST_FUNCTION = re.compile(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?fn (\w+)")


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def rust_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of every function whose closing brace stands at its own indentation."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        found = RUST_FUNCTION.match(line)
        if found is None or line.rstrip().endswith(("}", ";")):
            continue
        closing = found[1] + "}"
        end = next((n for n in range(start + 1, len(lines)) if lines[n] == closing), start)
        yield found[2], start + 1, end - start + 1


def main() -> None:
    """Print what is long, one place a line."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.rs"],
        capture_output=True,
        check=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        path = Path(name)
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        length = len(text.splitlines())
        if length > FILE_LINES:
            print(f"long file: {name}: {length} lines")
        functions = python_functions(text) if path.suffix == ".py" else rust_functions(text)
        for function, line, lines in functions:
            if lines > FUNCTION_LINES:
                print(f"long function: {name}:{line}: {function}, {lines} lines")


if __name__ == "__main__":
    main()
