"""Who waits for whom among what goes out: one message at a time goes to one host, and nobody takes all threads. Pure."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

#: Threads of one process that sends.
THREADS = 4
#: So many of a process's threads at most are at webhooks and messages, whose receivers may be slow: one is kept for mail.
OTHERS_AT_ONCE = THREADS - 1
#: So many webhooks and messages of one application are on their way at once, so that its slow receivers leave room for others.
APPLICATION_AT_ONCE = OTHERS_AT_ONCE - 1
#: What is newer in a thread waits for what is older. Once the receiver has refused that for so long (the fourth attempt comes
#: after 160 s), the newer one is tried itself within ORDER_PAUSE after the older one was refused once more; or at any time
#: while the older one is put off for longer than we would by ourselves, because the receiver asked for that.
ORDER_PATIENCE = timedelta(seconds=150)
ORDER_PAUSE = timedelta(seconds=15)

#: A lane in which one was tried within this time is at work, however long the others wait in it for their turn.
LANE_REST = timedelta(minutes=2)


def find_lane(address: str) -> str:
    """Return what is equal for addresses that have to wait for each other.

    That is the host and port which is called; of services whose address names none, like Twilio's, the account: all that
    stands before the path, secrets included.
    """
    scheme, _, rest = address.partition("://")
    account = f"{scheme.lower()}://{rest.partition('?')[0].partition('/')[0]}"
    try:
        parts = urlsplit(account)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return account
    if not (port or "." in host or ":" in host or host == "localhost"):
        return account
    # Whatever else the address says: user names and kinds of services for one host would be as many lanes to it.
    return f"{host}:{port or ('80' if scheme.lower() in {'http', 'json', 'xml', 'form'} else '443')}"
