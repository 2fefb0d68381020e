"""restic, as Debian 12's 0.14 and later speak: backups, their manifests, and what is kept of them.

Sources: restic's doc/075_scripting.rst and cmd/restic of 0.14.0. Rule: only exit status 0 is success; with 3 some
files could not be read.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup import moment
from backup.config import Backup
from backup.program import Ran, run
from backup.words import Failed, Reason

INCOMPLETE = 3
MANIFEST_FILE = "/manifest.jsonl"
_RUN = "run:"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of this node's.

    Attributes:
        id: The whole of it.
        at: Unix seconds; as of when it is.
        run: Which run made it; its manifest says the same.
        manifest: The id of the snapshot that has its manifest; empty where there is none, so that it proves nothing.
        told: What restic says of it, word for word.
    """

    id: str
    at: float
    run: str
    manifest: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Restic:
    """The repository of one backup.

    Attributes:
        backup: Which.
        node: What its snapshots call their host.
        cache: restic's cache.
    """

    backup: Backup
    node: str
    cache: Path

    def open(self) -> None:
        """See that the repository is there and the key fits, and remove locks whose holders are dead.

        Raises:
            Failed: repository_unusable.
        """
        ran = self._run("unlock")
        if ran.code != 0:
            raise Failed(Reason.REPOSITORY_UNUSABLE, ran.last_line)

    def init(self) -> None:
        """Make the repository.

        Raises:
            Failed: repository_unusable; there is one already, or it cannot be made.
        """
        ran = self._run("init")
        if ran.code != 0:
            raise Failed(Reason.REPOSITORY_UNUSABLE, ran.last_line)

    def save(self, run: str) -> None:
        """Back up. The snapshot has no manifest yet.

        Args:
            run: A name that no other run has, by which snapshot and manifest find each other.

        Raises:
            Failed: incomplete or backup_failed; a snapshot may be there, and counts for nothing.
        """
        excludes = [f"--exclude={one}" for one in self.backup.excludes]
        tag = f"--tag={_tag(self.backup.name)},{_RUN}{run}"
        words = ("backup", "--json", "--one-file-system", f"--host={self.node}", tag, *excludes)
        ran = self._run(*words, "--", *self.backup.paths)
        if ran.code == INCOMPLETE:
            raise Failed(Reason.INCOMPLETE, f"some files could not be read: {ran.last_line}")
        if ran.code != 0:
            raise Failed(Reason.BACKUP_FAILED, f"restic ended with {ran.code}: {ran.last_line}")

    def keep_manifest(self, run: str, file: Path) -> None:
        """Store a manifest beside its snapshot.

        Raises:
            Failed: backup_failed; the snapshot then counts for nothing.
        """
        tags = f"--tag={_manifest_tag(self.backup.name)},{_RUN}{run}"
        named = f"--stdin-filename={MANIFEST_FILE}"
        ran = self._run("backup", "--stdin", named, f"--host={self.node}", tags, source=file)
        if ran.code != 0:
            raise Failed(Reason.BACKUP_FAILED, f"the manifest was not stored: {ran.last_line}")

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return this backup's snapshots of this node, oldest first.

        Raises:
            Failed: repository_unusable.
        """
        ran = self._run("snapshots", "--json", f"--host={self.node}", fresh=True)
        try:
            if ran.code != 0:
                raise ValueError(ran.last_line)
            found = json.loads(ran.out) or []
            tagged = [(one, one.get("tags") or ()) for one in found]
            name = self.backup.name
            manifests = {
                _run_of(tags): one["id"] for one, tags in tagged if _manifest_tag(name) in tags
            }
            made = [_snapshot(one, tags, manifests) for one, tags in tagged if _tag(name) in tags]
            return tuple(sorted(made, key=lambda one: one.at))
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(Reason.REPOSITORY_UNUSABLE, f"snapshots: {error}") from error

    def fetch_manifest(self, snapshot: Snapshot, file: Path) -> None:
        """Write the manifest of a snapshot to a file, from the repository and not from a cache.

        Raises:
            Failed: no_manifest, or repository_unusable.
        """
        if not snapshot.manifest:
            raise Failed(Reason.NO_MANIFEST, f"{snapshot.id[:8]} never became a whole backup")
        ran = self._run("dump", snapshot.manifest, MANIFEST_FILE, target=file, fresh=True)
        if ran.code != 0:
            raise Failed(Reason.REPOSITORY_UNUSABLE, f"manifest: {ran.last_line}")

    def restore(self, snapshot: str, target: Path, top: str | None = None) -> None:
        """Restore a snapshot, or one of its paths, below a folder, from the repository and not from a cache.

        Raises:
            Failed: restore_failed; something lies in the folder.
        """
        only = () if top is None else (f"--include={top}",)
        ran = self._run("restore", snapshot, f"--target={target}", *only, fresh=True)
        if ran.code != 0:
            raise Failed(Reason.RESTORE_FAILED, f"restic ended with {ran.code}: {ran.last_line}")

    def forget(
        self, found: Collection[Snapshot], proven: Collection[str], latest: float
    ) -> tuple[Snapshot, ...]:
        """Remove the snapshots that are not to be kept, and what never became a backup before the newest good one.

        Args:
            found: All that there are.
            proven: Ids of those that stay whatever `keep` says, since nothing else may be restored from.
            latest: Unix seconds after which nothing can have been made. What is of later takes nobody's place.

        Returns:
            Those that are left.

        Raises:
            Failed: forget_failed; more is there than should be, never less.
        """
        newest = max((one.at for one in found if one.manifest and one.at <= latest), default=0.0)
        broken = {one.id for one in found if not one.manifest and one.at < newest}
        if broken:
            self._remove(broken)  # first: they are not to be counted among those that are kept
        ahead = sum(one.at > latest for one in found)
        gone = [one for one in self._out_of_policy(ahead) if one not in proven]
        manifests = [one.manifest for one in found if one.id in gone and one.manifest]
        if gone:
            self._remove([*gone, *manifests])
        return tuple(one for one in found if one.id not in {*broken, *gone})

    def _out_of_policy(self, ahead: int) -> list[str]:
        """Return what `keep` does not name; as many more are kept of each kind as are of a time to come."""
        policy = [f"--keep-{kind}={number + ahead}" for kind, number in self.backup.keep.items()]
        mine = (f"--host={self.node}", f"--tag={_tag(self.backup.name)}", "--group-by=host")
        ran = self._run("forget", "--dry-run", "--json", *mine, *policy)
        try:
            if ran.code != 0:
                raise ValueError(ran.last_line)
            groups = json.loads(ran.out) or []
            return [one["id"] for group in groups for one in group["remove"] or ()]
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(Reason.FORGET_FAILED, str(error)) from error

    def _remove(self, ids: Iterable[str]) -> None:
        ran = self._run("forget", *ids)
        if ran.code != 0:
            raise Failed(Reason.FORGET_FAILED, ran.last_line)

    def check(self, part: int, *, prune: bool) -> None:
        """Check the repository's structure and read one part of its data; remove first what nothing refers to.

        Raises:
            Failed: check_failed or forget_failed.
        """
        if prune and (ran := self._run("prune")).code != 0:
            raise Failed(Reason.FORGET_FAILED, f"prune: {ran.last_line}")
        subset = f"--read-data-subset={part}/{self.backup.check_parts}"
        ran = self._run("check", subset)
        if ran.code != 0:
            raise Failed(Reason.CHECK_FAILED, f"part {part}: {ran.last_line}")

    def _run(
        self,
        *words: str,
        source: Path | None = None,
        target: Path | None = None,
        fresh: bool = False,
    ) -> Ran:
        options = ("--no-cache",) if fresh else ()
        environment = {
            **_variables(self.backup.environment_file),
            "RESTIC_REPOSITORY": self.backup.repository,
            "RESTIC_PASSWORD_FILE": self.backup.password_file,
            "RESTIC_CACHE_DIR": str(self.cache),
            "RESTIC_PROGRESS_FPS": "0.01",
        }
        return run(("restic", *options, *words), environment, source, target)


def _tag(name: str) -> str:
    return f"hale:{name}"


def _manifest_tag(name: str) -> str:
    return f"hale-manifest:{name}"


def _run_of(tags: Iterable[str]) -> str:
    return next((tag for tag in tags if tag.startswith(_RUN)), "")


def _snapshot(
    told: Mapping[str, Any], tags: Iterable[str], manifests: Mapping[str, str]
) -> Snapshot:
    run = _run_of(tags)
    at = moment.seconds(told["time"])
    return Snapshot(told["id"], at, run.removeprefix(_RUN), manifests.get(run, ""), told)


def _variables(file: str | None) -> Mapping[str, str]:
    """Read KEY=VALUE lines; empty ones and those that begin with # are passed over.

    Raises:
        Failed: repository_unusable; the file cannot be read, or has something else in it.
    """
    if file is None:
        return {}
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise Failed(Reason.REPOSITORY_UNUSABLE, f"{file}: {error}") from error
    pairs = [line.partition("=") for line in lines if line.strip() and not line.startswith("#")]
    if any(not key.strip() or not sign for key, sign, _ in pairs):
        raise Failed(Reason.REPOSITORY_UNUSABLE, f"{file}: want lines of KEY=VALUE")
    return {key.strip(): value.strip() for key, _, value in pairs}
