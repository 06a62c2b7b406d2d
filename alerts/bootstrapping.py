"""What the first start creates."""

from __future__ import annotations

from alerts.models import Rule
from alerts.services.builtin import install_rules
from alerts.services.builtin_policies import install_policies
from alerts.services.inhibitions import install_inhibitions
from config.bootstrap import BootstrapContext, step


@step("alerts: built-in rules", order=50)
def install_builtin_rules(context: BootstrapContext) -> None:
    """Install the shipped rules and bring them up to date."""
    install_rules()
    context.summary["rules"] = Rule.objects.enabled().count()


@step("alerts: built-in inhibitions", order=51)
def install_builtin_inhibitions(context: BootstrapContext) -> None:
    """Install the shipped inhibitions and bring them up to date."""
    context.summary["inhibitions"] = install_inhibitions()


@step("alerts: built-in policies", order=52)
def install_builtin_policies(context: BootstrapContext) -> None:
    """Install the shipped escalation policies."""
    context.summary["policies"] = install_policies()
