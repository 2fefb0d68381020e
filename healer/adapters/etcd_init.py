"""Makes an empty store in etcd."""

import secrets

from healer.adapters.chain import START
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import FORMAT, HeadKey, Keys, StoreKey, store_of, value
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import Compare, Get, Put
from healer.errors import ConfigError, OutcomeUnknown, Refused, StoreFull, Unreachable

SECONDS = 10.0
"""For all of it."""


async def make(settings: EtcdSettings, era: int, highest: int) -> None:
    """Make an empty store below the prefix, whole or not at all, and never over one that is there.

    Args:
        settings: Where.
        era: Of the tokens that healers on it will use.
        highest: The highest era that any gate reports.

    Raises:
        ConfigError: There is something below the prefix already, etcd cannot be used, or gates would refuse
            this era. Nothing was changed.
    """
    if era <= max(highest, 0):
        msg = f"store init: era {era} is not above {highest}, the highest that a gate has obeyed: use {highest + 1}"
        raise ConfigError(msg)
    http = EtcdHttp(settings)
    try:
        await _made(http, settings, era)
    except (Unreachable, OutcomeUnknown, StoreFull, Refused) as error:
        msg = f"store init: {error}. Look with `hale-healer store status`"
        raise ConfigError(msg) from error
    finally:
        await http.close()


async def _made(http: EtcdHttp, settings: EtcdSettings, era: int) -> None:
    keys, where = Keys(settings.prefix), f"{settings.endpoints[0]}{settings.prefix}"
    begin, end = keys.all
    found = await http.get(Get(begin, end, limit=1, keys_only=True), seconds=SECONDS)
    if found.kvs:
        msg = (
            f"{where}: there is a journal already, or something else ({found.kvs[0].key.decode(errors='replace')}), "
            "and it is not overwritten: use another healer.store.etcd.prefix, or remove it with etcdctl first"
        )
        raise ConfigError(msg)
    made = StoreKey(FORMAT, settings.cluster, era, secrets.token_hex(8))
    answer = await http.transact(
        Compare(keys.store, 0),
        Compare(keys.head, 0),
        then=(
            Put(keys.store, value(made)),
            Put(keys.head, value(HeadKey(START.seq, START.sha256))),
        ),
        otherwise=(Get(keys.store),),
        seconds=SECONDS,
    )
    if not answer.succeeded:
        store = answer.found[0].one()
        # An earlier attempt of the same request may have made it.
        if store is None or store_of(store) != made:
            raise ConfigError(f"{where}: somebody else made a journal at the same moment")
