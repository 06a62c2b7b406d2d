"""What a build has to run for its source maps to arrive here. Pure."""

from __future__ import annotations

import shlex

KEY_PLACEHOLDER = "YOUR_SECRET_KEY"


def write_upload_command(*, base_url: str, slug: str, release: str = "", key: str = KEY_PLACEHOLDER) -> str:
    """Return the lines to run after a build whose files are in dist/."""
    named = f" --release {shlex.quote(release)}" if release else ""
    return (
        f"export SENTRY_URL={base_url}\n"
        f"export SENTRY_ORG=postlaunch SENTRY_PROJECT={slug}\n"
        f"export SENTRY_AUTH_TOKEN={key}\n"
        "npx sentry-cli sourcemaps inject dist\n"
        f"npx sentry-cli sourcemaps upload{named} dist"
    )
