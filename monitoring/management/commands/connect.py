"""`manage.py connect NAME`: an application with its keys, ready to paste into the ERP."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from monitoring.applications.connection import describe_connection
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import ALL_SCOPES, create_application, issue_key


class Command(BaseCommand):
    """Connect an ERP."""

    help = (
        "Create an application (or take the existing one of that name) and give it a new public and a new secret key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument("name", help="what people call the ERP")
        parser.add_argument("--environment", default="production")
        parser.add_argument(
            "--origin", action="append", default=[], help="origin whose pages may use the public key; repeat for more"
        )
        parser.add_argument(
            "--scopes",
            default=",".join(ALL_SCOPES),
            help="scopes of the secret key, separated by commas (default: all)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, name: str, environment: str, origin: list[str], scopes: str, **options: Any) -> None:
        """Create what is missing and print it."""
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        unknown = sorted(set(wanted) - set(ALL_SCOPES))
        if unknown or not wanted:
            raise CommandError(f"Unknown scope {', '.join(unknown) or '(none)'}; choose from {', '.join(ALL_SCOPES)}.")
        application = Application.objects.filter(slug=slugify(name), environment=environment).first()
        if application is None:
            application = create_application(name=name, environment=environment)
        public = issue_key(application=application, kind=KeyKind.PUBLIC, label="connect", origins=origin)
        secret = issue_key(application=application, kind=KeyKind.SECRET, label="connect", scopes=wanted)
        connection = describe_connection(
            base_url=settings.PUBLIC_URL,
            application_id=application.pk,
            slug=application.slug,
            public_key=public.token,
            secret_key=secret.token,
        ).as_dict()
        if options["json"]:
            self.stdout.write(json.dumps(connection))
            return
        for key, value in connection.items():
            self.stdout.write(f"{key:17} {value}")
        self.stdout.write(
            "\nThe secret key is shown this once. Instructions for every kind of client: the application's page in the admin."
        )
