import pytest


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether new output is to be accepted."""
    return bool(request.config.getoption("--rewrite"))
