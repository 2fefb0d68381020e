"""Whether this node leads: Patroni's word, since Patroni owns that.

https://patroni.readthedocs.io/en/latest/rest_api.html: GET /leader is 200 on the member that holds the lead, else 503.
"""

from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from backup.words import Failed, Reason

SECONDS = 10.0


def leads(url: str) -> bool:
    """Ask this node's Patroni.

    Raises:
        Failed: role_unknown; it did not say. Nothing was done.
    """
    direct = build_opener(ProxyHandler({}))
    try:
        with direct.open(url, timeout=SECONDS) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
        error.close()
    except OSError as error:
        raise Failed(Reason.ROLE_UNKNOWN, f"{url}: {error}") from error
    match status:
        case HTTPStatus.OK:
            return True
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return False
    raise Failed(Reason.ROLE_UNKNOWN, f"{url}: Patroni answered {status}")
