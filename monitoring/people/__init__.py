"""One person of an application's users, as far as programs tell them apart: everything that is known of them, on one page.

People are keys of 16 bytes (`errors.events.make_user_key`); whose key it is only the programs know.
"""

from __future__ import annotations
