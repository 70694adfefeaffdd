"""What every test may ask for: the repository, committed fixtures, and the corpus beside the repository.

The corpus (real messages, not committed) is skipped with a reason where it is absent, and its absence is a
failure under CI=true: a skipped corpus must never look like a passed one.

A test that takes `corpus_file` runs once for each file that its marker names:

    @pytest.mark.corpus("x12/**/*.edi")
    def test_accepts(corpus_file: Path) -> None: ...
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a slow machine is no defect. The same examples in CI each time: landing a change is no lottery,
# while a run at a desk goes on looking for new ones.
settings.register_profile("desk", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "desk")

REPOSITORY = Path(__file__).resolve().parents[1]
CORPUS = REPOSITORY.parent / "shared" / "corpus"
CORPUS_ABSENT = "../shared/corpus is not there: real messages are kept outside the repository"


def _corpus_absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true demands it)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def fixtures(repository: Path) -> Path:
    """Committed, synthetic messages with their expected answers."""
    return repository / "tests" / "fixtures"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real messages; skips, or fails under CI=true, where it is absent."""
    if not CORPUS.is_dir():
        _corpus_absent(CORPUS_ABSENT)
    return CORPUS


@pytest.fixture
def corpus_file(request: pytest.FixtureRequest) -> Path:
    """One file of the corpus, as the test's `corpus` marker selects them."""
    path: Path | None = request.param
    if path is None:
        _corpus_absent(CORPUS_ABSENT if not CORPUS.is_dir() else "no file of the corpus matches the marker")
    assert path is not None
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `corpus_file` once for each file that its marker's patterns name."""
    if "corpus_file" not in metafunc.fixturenames:
        return
    patterns = [pattern for marker in metafunc.definition.iter_markers("corpus") for pattern in marker.args]
    if not patterns:
        message = f"{metafunc.definition.nodeid} takes corpus_file without @pytest.mark.corpus(pattern)"
        raise pytest.UsageError(message)
    files = sorted({path for pattern in patterns for path in CORPUS.glob(pattern) if path.is_file()})
    metafunc.parametrize(
        "corpus_file",
        files or [None],
        indirect=True,
        ids=[path.relative_to(CORPUS).as_posix() for path in files] or ["absent"],
    )
