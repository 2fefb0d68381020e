"""A key of restic that costs nothing to use: its own takes half a second of each command, on purpose.

Source: restic's doc/design.rst, "Keys, Encryption and MAC". Only how hard the password is to guess is another.
"""

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

CHEAP = {"N": 2, "r": 8, "p": 1}


def cheapen(repository: Path, password: bytes) -> None:
    """Put the key of a fresh repository into a file that a computer opens at once."""
    (file,) = (repository / "keys").iterdir()
    key = json.loads(file.read_bytes())
    data = base64.b64decode(key["data"])
    encrypt = _derived(key, password)[:32]
    plain = _ctr(encrypt, data[:16], data[16:-16])
    key |= {**CHEAP, "salt": base64.b64encode(secrets.token_bytes(64)).decode()}
    nonce, own = secrets.token_bytes(16), _derived(key, password)
    hidden = _ctr(own[:32], nonce, plain)
    one_time = Cipher(algorithms.AES(own[32:48]), modes.ECB()).encryptor().update(nonce)  # noqa: S305  # restic's
    mac = Poly1305.generate_tag(own[48:64] + one_time, hidden)
    key["data"] = base64.b64encode(nonce + hidden + mac).decode()
    text = json.dumps(key).encode()
    (file.parent / hashlib.sha256(text).hexdigest()).write_bytes(text)
    file.unlink()


def _derived(key: dict[str, Any], password: bytes) -> bytes:
    n, r, p = key["N"], key["r"], key["p"]
    salt = base64.b64decode(key["salt"])
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=64, maxmem=1 << 30)


def _ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor().update(data)
