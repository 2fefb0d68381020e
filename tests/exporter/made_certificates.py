"""Certificates that the openssl program makes: of a past, of a future, of every form of time, of both kinds of key."""

import subprocess
from pathlib import Path

CA = """
[ca]
default_ca = own
[own]
dir = .
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""
# From and to, as openssl-ca(1) takes them. RFC 5280, 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050 on.
TIMES = {
    "expired": ("20200101000000Z", "20210203040506Z"),
    "old": ("19510101000000Z", "19991231235959Z"),
    "not-yet": ("20480101000000Z", "20491231235959Z"),
    "far": ("20260101000000Z", "20500101000000Z"),
    "for-ever": ("20500101000000Z", "99991231235959Z"),
}


def openssl(*argv: str | Path, cwd: Path) -> str:
    """Run the program and return what it writes."""
    ran = subprocess.run(["openssl", *argv], cwd=cwd, capture_output=True, check=True, text=True)
    return ran.stdout


def make(folder: Path) -> None:
    """Write NAME.pem for each of TIMES, with the key ec.key, and rsa.pem of version 1 with rsa.key."""
    for name, text in (("ca.cnf", CA), ("index.txt", ""), ("serial", "00C0FFEE")):
        (folder / name).write_text(text)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.key", cwd=folder)
    subject = ("-subj", "/CN=web1", "-config", "ca.cnf")
    openssl("req", "-new", "-key", "ec.key", *subject, "-out", "ec.csr", cwd=folder)
    for name, (start, end) in TIMES.items():
        dates = ("-startdate", start, "-enddate", end)
        signed = ("-batch", "-selfsign", "-keyfile", "ec.key", "-in", "ec.csr")
        openssl("ca", "-config", "ca.cnf", *signed, *dates, "-out", f"{name}.pem", cwd=folder)
    openssl(
        *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", *subject),
        *("-out", "rsa.csr"),
        cwd=folder,
    )
    asked = ("x509", "-req", "-in", "rsa.csr", "-signkey", "rsa.key", "-days", "90")
    openssl(*asked, "-out", "rsa.pem", cwd=folder)
