"""One round of questions to a program on the system bus, for sources that ask every now and then.

A program that is not there is `Absent`; a bus that breaks is an OSError, as a file would be; one that does not answer
meets the deadline of `Periodic`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbus_fast.unpack import unpack_variants

from exporter.bus import PROPERTIES, BusLost, Partner, Refused, connection
from exporter.collector import Absent


@asynccontextmanager
async def asked(address: str | None, name: str) -> AsyncIterator[Partner]:
    """Bring a connection to a program, and end it.

    Args:
        address: The bus; None for the node's system bus.
        name: The program's name on it.

    Raises:
        Absent: There is no bus here, or nobody has the name.
        OSError: The bus broke, or refused.
    """
    try:
        async with connection(address) as bus:
            partner = Partner(bus, name, lambda message: None, lambda: None)
            await partner.meet()
            if not partner.owner:
                raise Absent(f"{name} is not on the bus")
            yield partner
    except BusLost as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Absent("there is no system bus here") from error
        raise OSError(str(error)) from error
    except Refused as error:
        raise OSError(str(error)) from error


async def property_of(partner: Partner, path: str, interface: str, name: str) -> object:
    """Return one property; None where the program has none of that name there, or the object is gone.

    Raises:
        BusLost: The bus or the program went away.
    """
    try:
        reply = await partner.call(path, PROPERTIES, "Get", "ss", interface, name)
    except Refused:
        return None
    return unpack_variants(reply[0])
