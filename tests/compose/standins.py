"""Images under the upstream names, made of Debian's programs, for a machine that reaches no registry.

They stand in for upstream's where docker-compose.yml meets an image: name and version, the program
that the arguments go to, the user, the directories of the volumes and the program of the health
check. What upstream's images have beside that is not shown here.
"""

import shutil
import subprocess
from pathlib import Path

from lab import image
from lab.names import Place
from tests.compose.daemon import ROOT, TOOLS, Docker, DockerError

DEBIAN = "hale-standin/debian"
UNUSED = (
    "usr/share/javascript",
    "usr/share/nodejs",
    "usr/share/perl",
    "usr/bin/promtool",
    "usr/bin/amtool",
)
"""Left out: half of the root file system's size, and of no use here."""

PYTHON = """\
FROM {debian}
COPY wheels /wheels
COPY pip.conf /etc/pip.conf
RUN python3 --version | grep -F "Python {minor}."
"""
PROMETHEUS = """\
FROM {debian}
COPY busybox /usr/bin/wget
RUN prometheus --version 2>&1 | grep -F "version {version}" \
 && install --directory --owner nobody --group nogroup /prometheus
USER nobody
VOLUME /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""
ALERTMANAGER = """\
FROM {debian}
COPY busybox /usr/bin/wget
RUN prometheus-alertmanager --version 2>&1 | grep -F "version {version}" \
 && ln -s prometheus-alertmanager /bin/alertmanager \
 && install --directory --owner nobody --group nogroup /alertmanager
USER nobody
VOLUME /alertmanager
ENTRYPOINT ["/bin/alertmanager"]
"""
NGINX = """\
FROM {debian}
RUN nginx -v 2>&1 | grep -F "nginx/{version}"
CMD ["nginx", "-g", "daemon off;"]
"""
RECIPES = {
    "python": PYTHON,
    "prom/prometheus": PROMETHEUS,
    "prom/alertmanager": ALERTMANAGER,
    "nginx": NGINX,
}


def make(docker: Docker, names: frozenset[str]) -> None:
    """Make a stand-in for each of these images.

    Args:
        docker: Where.
        names: With their tags, as docker-compose.yml and the Dockerfile have them.

    Raises:
        DockerError: One cannot be made, or Debian has another version than the tag says.
    """
    _debian(docker)
    context = docker.directory / "context"
    (context / "wheels").mkdir(parents=True)
    for wheel in (*(ROOT / "dist/wheelhouse").glob("*.whl"), *(TOOLS / "wheels").glob("*.whl")):
        shutil.copy(wheel, context / "wheels")
    # What the image is built with has to come by way of pip's own settings: the Dockerfile is the user's.
    (context / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    shutil.copy(TOOLS / "bin/busybox", context)
    for name in sorted(names):
        repository, _, tag = name.partition(":")
        version = tag.removeprefix("v").partition("-")[0]
        minor = version.rpartition(".")[0]
        text = RECIPES[repository].format(debian=DEBIAN, version=version, minor=minor)
        (context / "Dockerfile").write_text(text)
        docker.run("docker", "build", "--quiet", "--tag", name, str(context))


def _debian(docker: Docker) -> None:
    """Import the lab's root file system, which has all the programs."""
    tree = image.ensure(Place(), image.Recipe())
    left_out = [f"--exclude=./{path}" for path in UNUSED]
    command = ["tar", "--create", "--directory", str(tree), *left_out, "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as packing:
        if packing.stdout is None:
            raise DockerError("tar has no output")
        docker.run("docker", "import", "-", DEBIAN, stdin=packing.stdout.fileno())
    if packing.returncode:
        raise DockerError(f"{' '.join(command)}: {packing.returncode}")


def programs() -> list[Path]:
    """Return what `make docker` has to have brought."""
    return [TOOLS / ".ready", TOOLS / "bin/busybox", ROOT / "dist/.ready"]
