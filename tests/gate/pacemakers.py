"""A Pacemaker cluster in a file: its real programs, which show, change and schedule it without any node.

`CIB_file=` has them work on a file (Pacemaker Administration, "Troubleshooting"), and `crm_simulate --in-place` plays
what its scheduler would have the nodes do. crm_resource alone wants nodes, so what it clears is cleared by cibadmin.
"""

from pathlib import Path

from gate import process
from gate.process import Ran
from tests.cluster.native import TOOLS, environment, tool

NODES = ("s1", "s2")
CIB = Path(__file__).parent / "fixtures/cib.xml"


class InAFile:
    """Runs Pacemaker's programs on the file; `share` runs on s1, where it prefers to be.

    Attributes:
        follows: Whether the nodes do what the scheduler says.
        diary: What was run that changes something.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.cib = folder / "cib.xml"
        self.cib.write_bytes(CIB.read_bytes())
        self.follows = True
        self.diary: list[str] = []
        libraries = environment()["LD_LIBRARY_PATH"]
        self._env = (
            *("/usr/bin/env", f"CIB_file={self.cib}", f"CIB_shadow_dir={folder}"),
            f"PCMK_schema_directory={TOOLS / 'usr/share/pacemaker'}",
            f"LD_LIBRARY_PATH={libraries}:{TOOLS / 'usr/lib'}",
        )
        self.schedule()

    def __call__(
        self, argv: tuple[str, ...], seconds: float, keep: int = process.READ, told: bytes = b""
    ) -> Ran:
        if argv[0] == "crm_mon" or argv[0] == "crm_simulate":
            return self._run(argv, seconds, keep)
        self.diary.append(" ".join(argv))
        if argv[0] != "crm_resource":
            ran = self._run(argv, seconds, keep)
        elif "--cleanup" in argv:
            ran = self._forget(argv[argv.index("--resource") + 1], argv[argv.index("--node") + 1])
        if self.follows:
            self.schedule()
        return ran

    def schedule(self, *more: str) -> None:
        """Let the nodes do what Pacemaker's scheduler says."""
        self.change("crm_simulate", "--xml-file", str(self.cib), "--in-place", *more)

    def fail(self, resource: str, node: str) -> None:
        """Let a resource's monitor fail, and Pacemaker do what it does then."""
        self.schedule("--op-inject", f"{resource}_monitor_10000@{node}=7")

    def change(self, *argv: str) -> None:
        """Run one of the programs that changes something."""
        ran = self._run(argv, 20.0, process.READ)
        assert ran.code == 0, ran.output.decode()

    def say(self, old: str, new: str) -> None:
        """Change the text of the file itself."""
        text = self.cib.read_text()
        assert old in text
        self.cib.write_text(text.replace(old, new))

    def _forget(self, resource: str, node: str) -> Ran:
        here = f"//node_state[@uname='{node}']"
        what = (f"nvpair[contains(@name,'-{resource}#')]", f"lrm_resource[@id='{resource}']")
        for one in what:
            self.change("cibadmin", "--delete-all", "--force", "--xpath", f"{here}//{one}")
        return Ran(0, b"Cleaned up\n")

    def _run(self, argv: tuple[str, ...], seconds: float, keep: int) -> Ran:
        return process.run((*self._env, tool(argv[0]), *argv[1:]), seconds, keep)
