"""Which healer may act: the fence against one that was replaced and does not know it yet."""

from gate.ids import Token
from gate.words import Reason, Refused


def is_new(token: Token, store: str, highest: Token | None, holder: str) -> bool:
    """Tell whether this token must become the highest before it counts.

    Args:
        token: The request's token.
        store: The store and start that the request names.
        highest: The highest token this gate has taken, None if it took none.
        holder: The store and start that used `highest` first.

    Raises:
        Refused: lower_token or other_store; nothing was touched.
    """
    if highest is None or token > highest:
        return True
    if token < highest:
        raise Refused(
            Reason.LOWER_TOKEN, f"token {token}, this gate has taken {highest} of {holder}"
        )
    if store != holder:
        raise Refused(Reason.OTHER_STORE, f"token {token} belongs to {holder}, not to {store}")
    return False
