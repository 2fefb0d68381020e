"""action.settle: say what became of an id, or make sure that it never runs."""

from gate.book import Forgotten, Torn, Unseen
from gate.going_down import takes_node_down
from gate.ids import ActionId, Token
from gate.ledgers import Shelf
from gate.outcomes import outcome_of, voided
from gate.record import Record
from gate.run_lock import RunLock
from gate.strict_json import JsonObject
from gate.verb import Node
from gate.words import Outcome, Reason, Refused, State

NAME = "action.settle"


def subject(args: JsonObject, token: Token) -> ActionId:
    """Take `{"id": ID}`.

    Raises:
        Refused: bad_argument; also for an id of a later token, which is not this healer's to void.
    """
    text = args.get("id")
    if not isinstance(text, str) or len(args) != 1:
        raise Refused(Reason.BAD_ARGUMENT, 'args: want {"id": ID} and nothing else')
    try:
        action = ActionId.parse(text)
    except ValueError as error:
        raise Refused(Reason.BAD_ARGUMENT, f"args.id: {error}") from error
    if action.token > token:
        raise Refused(Reason.BAD_ARGUMENT, f"args.id: {action} is of a later token than {token}")
    return action


def settle(action: ActionId, shelf: Shelf, lock: RunLock, node: Node) -> Outcome:
    """Return the end of an action, `running`, or `voided` for one that was never here.

    Raises:
        LedgerUnwritable: nothing is known and nothing was voided.
    """
    match shelf.look_up(action):
        case Record() as record:
            return of_record(record, shelf, lock, node)
        case Unseen():
            return outcome_of(shelf.book.add(voided(action, node.clock)))
        case Forgotten(floor):
            detail = f"ids up to {floor} are forgotten; a late {action} will be refused"
            return Outcome(State.UNKNOWN, Reason.OLDER_THAN_LEDGER, detail)
        case Torn():
            detail = f"a record is torn and may have been {action}; it will not run again"
            return Outcome(State.UNKNOWN, Reason.TORN_RECORD, detail)


def of_record(record: Record, shelf: Shelf, lock: RunLock, node: Node) -> Outcome:
    """Return what a record says, after closing it if it began and nobody runs it any more.

    Raises:
        LedgerUnwritable: its end could not be written.
    """
    if record.state is not State.BEGUN:
        return outcome_of(record)
    if not lock.is_free() or takes_node_down(record, node):
        return outcome_of(record, running=True)
    return outcome_of(shelf.close(record, node.clock.boot_id()))
