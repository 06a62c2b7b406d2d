"""Everything a client needs to be told to report for an application. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Connection:
    """Addresses and keys of one application, ready to paste. `secret_key` is empty when it can't be shown again."""

    application_id: int
    slug: str
    public_key: str
    secret_key: str
    dsn: str
    otlp_endpoint: str
    remote_write_url: str
    script_tag: str

    def as_dict(self) -> dict[str, str | int]:
        """Return the members in documented order."""
        return asdict(self)


def describe_connection(
    *, base_url: str, application_id: int, slug: str, public_key: str, secret_key: str
) -> Connection:
    """Return the connection for a site reached at `base_url` (no trailing slash)."""
    parts = urlsplit(base_url)
    return Connection(
        application_id=application_id,
        slug=slug,
        public_key=public_key,
        secret_key=secret_key,
        dsn=f"{parts.scheme}://{public_key}@{parts.netloc}{parts.path}/{application_id}",
        otlp_endpoint=f"{base_url}/otlp",
        remote_write_url=f"{base_url}/prometheus/api/v1/write",
        script_tag=f'<script src="{base_url}/static/postlaunch.js" data-key="{public_key}" defer></script>',
    )
