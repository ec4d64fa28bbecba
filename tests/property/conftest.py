from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure of a law: nothing here is about time.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
