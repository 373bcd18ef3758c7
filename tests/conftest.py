"""Settings of every tier: properties are tried the same way in CI each time, and anew elsewhere.

No property has a deadline: how long one takes says more about the machine than about the code.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("usual", deadline=None)
settings.register_profile("ci", settings.get_profile("usual"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "usual")
