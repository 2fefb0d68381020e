"""What a drill has to do with a database: its members, its numbered rows, and who is what in it.

Rule: only what a person at the node could do is done, by PostgreSQL's and Patroni's own programs.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.databases import Database
from cluster.model import Cluster
from cluster.probe import host_port
from lab.drills.waiting import Clock
from lab.faults.fault import run
from lab.ports import Lab, LabError
from lab.writes import SCHEMA, TABLE

USER = "hale_lab"
_SQL = ("runuser", "-u", "postgres", "--", "psql", "-qAtv", "ON_ERROR_STOP=1")

# The role may see what it needs to tell a replica that streams, and write its own rows.
_SETUP = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}') THEN CREATE ROLE {user}; END IF;
END $$;
ALTER ROLE {user} LOGIN PASSWORD '{password}';
GRANT pg_monitor TO {user};
CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {user};
CREATE TABLE IF NOT EXISTS {table} (number bigint PRIMARY KEY);
ALTER TABLE {table} OWNER TO {user};
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, as reached from the lab host.

    Attributes:
        members: Host and port of PostgreSQL by node.
        to: HOST:PORT that leads to the primary.
        patroni: URL of each member's Patroni.
    """

    name: str
    members: Mapping[str, tuple[str, int]]
    to: str
    patroni: Mapping[str, str]
    synchronous: bool


def place_of(cluster: Cluster) -> Place | None:
    """Return where the cluster's first database with balancers in front is; None where there is none."""
    for database in cluster.databases.values():
        if database.front is not None:
            return _place(cluster, database, database.front.balancers, database.front.primary)
    return None


def _place(cluster: Cluster, database: Database, balancers: str, listens: str) -> Place:
    nodes = {name: cluster.nodes[name].address for name in cluster.groups[database.group].nodes}
    shared = [a.address for a in cluster.virtual_addresses.values() if a.group == balancers]
    front = [*shared, cluster.nodes[cluster.groups[balancers].nodes[0]].address][0]
    port = database.postgresql.port
    return Place(
        name=database.name,
        members={node: (address, port) for node, address in nodes.items()},
        to=host_port(front, int(listens.rpartition(":")[2])),
        patroni={node: f"http://{host_port(a, database.port)}" for node, a in nodes.items()},
        synchronous=database.synchronous,
    )


def prepare(lab: Lab, primary: str) -> dict[str, str]:
    """Make the user and the table of the lab's own rows, and return how they are reached.

    Args:
        lab: A lab that is up.
        primary: The node that leads the database.

    Returns:
        The environment of lab.roles and lab.writes.

    Raises:
        LabError: The database did not take it.
    """
    password = secrets.token_urlsafe(16)
    setup = _SETUP.format(user=USER, password=password, schema=SCHEMA, table=TABLE)
    _sql(lab, primary, setup)
    return {"PGUSER": USER, "PGPASSWORD": password, "PGDATABASE": "postgres"}


def rows(lab: Lab, primary: str, first: int) -> frozenset[int]:
    """Return the numbers from `first` on that the primary has.

    Raises:
        LabError: It could not be asked.
    """
    asked = f"SELECT number FROM {TABLE} WHERE number >= {first:d}"  # noqa: S608 - a name of ours and a number
    return frozenset(int(line) for line in _sql(lab, primary, asked).split())


def _sql(lab: Lab, node: str, text: str) -> str:
    # By standard input: systemd would take a `$` in an argument for a variable.
    done = lab.exec(node, _SQL, timeout=60.0, input=text.encode())
    if done.code != 0:
        raise LabError(f"{node}: psql: exit status {done.code}: {done.stderr.strip()[-400:]}")
    return done.stdout


def parts(lab: Lab, place: Place) -> dict[str, str]:
    """Name who is what, as Patroni has it: `$primary`, `$standby` and, where there is one more, `$third`.

    With synchronous replication the standby is the synchronous one.

    Raises:
        LabError: A part is vacant, or no member answers.
    """
    for node, url in place.patroni.items():
        if lab.is_up(node):
            done = lab.exec(node, ["curl", "--silent", "--max-time", "3", f"{url}/cluster"])
            try:
                members = json.loads(done.stdout)["members"]
            except (ValueError, KeyError, TypeError):
                continue
            return _parts(place, members)
    raise LabError(f"{place.name}: no Patroni says who leads")


def _parts(place: Place, members: list[dict[str, Any]]) -> dict[str, str]:
    running = [one for one in members if one.get("state") in ("running", "streaming")]
    leads = [str(one["name"]) for one in running if one["role"] == "leader"]
    sync = [str(one["name"]) for one in running if one["role"] == "sync_standby"]
    other = [str(one["name"]) for one in running if one["role"] == "replica"]
    follow = [*sync, *other]
    if len(leads) != 1 or len(follow) + 1 != len(place.members):
        raise LabError(f"{place.name}: {members}: wanted a leader and every other member following")
    if place.synchronous and not sync:
        raise LabError(f"{place.name}: no member is the synchronous standby yet")
    return dict(zip(("$primary", "$standby", "$third"), (*leads, *follow), strict=False))


def parts_in_time(lab: Lab, place: Place, clock: Clock, seconds: float) -> dict[str, str]:
    """Wait until no part is vacant, and name who is what; see `parts`.

    Raises:
        LabError: One still is after so many seconds.
    """
    until = clock.now() + seconds
    while True:
        try:
            return parts(lab, place)
        except LabError:
            if clock.now() > until:
                raise
            clock.sleep(1.0)


def waits_for_standby(lab: Lab, place: Place) -> bool:
    """Tell whether the primary's commits wait for a standby, by its own setting.

    Raises:
        LabError: It could not be asked.
    """
    primary = parts(lab, replace(place, synchronous=False))["$primary"]
    return bool(_sql(lab, primary, "SHOW synchronous_standby_names").strip())


def replicate(lab: Lab, place: Place, *, synchronous: bool) -> None:
    """Have Patroni replicate synchronously or not, as a person does with patronictl.

    Raises:
        LabError: Patroni did not take it.
    """
    node = next(node for node in place.members if lab.is_up(node))
    mode = f"synchronous_mode={str(synchronous).lower()}"
    argv = ["patronictl", "-c", f"/etc/patroni/{place.name}", "edit-config", "--force", "-s", mode]
    run(lab, node, argv, timeout=60.0)
